"""`ensemble render`, `verify` and `listen`: reads arguments, calls the music, prints what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.printing import AsJson, print_json
from ensemble.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from ensemble.listen.overrides import Overrides
    from ensemble.perform import Pace
    from ensemble.plan import Extension
    from ensemble.rendering import Seat

playing = typer.Typer()


class Rate(StrEnum):
    """The rates that a render can be written at."""

    R16 = "16000"
    R32 = "32000"
    R44 = "44100"
    R48 = "48000"


Local = Annotated[bool, typer.Option("--local", help="Play in this process, without Ray.")]
Actors = Annotated[int | None, typer.Option(min=1, help="Share the parts, or many leaders, among so many actors.")]
BlockFrames = Annotated[int, typer.Option(min=1, help="Block length in frames of 10 ms; never changes the sound.")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Serve the Ray dashboard meanwhile.")]


@playing.command()
def render(
    leader: Annotated[
        str | None,
        typer.Argument(
            help="What to follow: a recording, or a melody (.krn, .mid), or its URL; many: a folder, or a list of them "
            "(.txt, .yaml). The bundled guitar if absent."
        ),
    ] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="The folder or URL to fill.")] = "ensemble-out",
    band: Annotated[str, typer.Option(help="A shipped band (rock, quartet) or a YAML file.")] = "rock",
    seed: Annotated[int, typer.Option(min=0, help="Of every random decision.")] = 0,
    rate: Annotated[Rate, typer.Option(help="Sample rate of what is written, in Hz.")] = Rate.R48,
    voice: Annotated[
        str | None, typer.Option(help="Voice of every pitched follower: naive, seeded, or a trained .safetensors.")
    ] = None,
    tempo: Annotated[float | None, typer.Option(help="Beats a minute, in place of the tempo heard.")] = None,
    key: Annotated[str | None, typer.Option(help="In place of the key heard: 'Am', 'F# major'.")] = None,
    chords: Annotated[Path | None, typer.Option(help="A file of chords, in place of those heard.")] = None,
    extend: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Let the leader go on for so long after its end.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(min=1, max=16, help="In so many ways, best first (2 if absent).")] = None,
    index: Annotated[
        str | None, typer.Option(help="Where to look for what comes next: a folder or a Milvus server's address.")
    ] = None,
    retrieval: Annotated[Path | None, typer.Option(help="Settings of the search, in YAML.")] = None,
    local: Local = False,
    actors: Actors = None,
    block_frames: BlockFrames = 100,
    dashboard: Dashboard = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier render in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a band follow a recording or a melody, or many: stems, mix, MIDI, a manifest and a report."""
    from cluster.batch_cli import is_roster, render_many
    from cluster.monitor import Monitor, show_render

    if leader is not None and is_roster(leader):
        asked: dict[str, Any] = {"seed": seed, "sample_rate": int(rate.value), "voice": voice}
        asked["overrides"] = _overrides(tempo, key, chords)
        asked["extension"] = _extension(extend, top_k, index, retrieval)
        how = {"local": local, "workers": actors, "dashboard": dashboard, "block_frames": block_frames}
        render_many(Path(leader), out, band, asked, how, force=force, as_json=as_json)
        return

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.rendering import render as produce

        overrides = _overrides(tempo, key, chords)
        extension = _extension(extend, top_k, index, retrieval)
        manifest = produce(
            leader, out, band=band, seed=seed, sample_rate=int(rate.value), voice=voice, force=force,
            seat=_seat(monitor, local=local, actors=actors, dashboard=dashboard), pace=_pace(block_frames),
            overrides=overrides, extension=extension, on_progress=monitor.progress,
            on_take=lambda take: monitor.say(f"{take / 'mix.wav'} can be heard"),
        )  # fmt: skip
    if as_json:
        report = f"{out.rstrip('/')}/report.html"
        print_json({"out": out, "report": report, "manifest": manifest.model_dump(mode="json")})
    else:
        show_render(out, manifest)


@playing.command()
def verify(
    folder: Annotated[str, typer.Argument(help="A folder that render wrote, or its URL.")],
    local: Local = False,
    actors: Actors = None,
    block_frames: BlockFrames = 100,
    as_json: AsJson = False,
) -> None:
    """Play a manifest again in fresh processes and compare every hash."""
    from cluster.monitor import Monitor, show_verification

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.transfer import fetched_render
        from ensemble.verify import verify as compare

        seat = _seat(monitor, local=local, actors=actors, dashboard=False)
        result = compare(monitor.enter_context(fetched_render(folder)), seat, _pace(block_frames), monitor.progress)
    if as_json:
        from dataclasses import asdict

        print_json({"is_good": result.is_good} | asdict(result))
    else:
        show_verification(folder, result)
    if not result.is_good:
        raise typer.Exit(1)


@playing.command()
def listen(
    leader: Annotated[Path, typer.Argument(help="The recording to hear, or the melody to read.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write everything heard as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the ensemble hears: frames, beats, tempo, key, chords, tuning."""
    from cluster.monitor import Monitor, show_heard

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("listen")
        from ensemble.audio.files import read_clip
        from ensemble.data.score import is_score, read_score
        from ensemble.data.symbolic import hear_melody
        from ensemble.listen.account import account
        from ensemble.listen.listener import Listener

        if is_score(leader):
            melody = read_score(leader).melody
            heard, duration_s = hear_melody(melody), melody.duration_s
        else:
            clip = read_clip(leader)
            heard, duration_s = Listener().listen(clip), clip.duration_s
    if out is not None:
        _write_whole(out, json.dumps(account(heard), allow_nan=False) + "\n")
    if as_json:
        print_json(account(heard))
    else:
        show_heard(leader, duration_s, heard, out)


def _overrides(tempo: float | None, key: str | None, chords: Path | None) -> Overrides:
    """What the player says of the recording."""
    from ensemble.config import parse
    from ensemble.listen.chords_file import read_chords
    from ensemble.listen.overrides import Overrides

    given = parse(Overrides, {"tempo_bpm": tempo, "key": key}, "the recording")
    return given if chords is None else given.model_copy(update={"chords": read_chords(chords)})


def _extension(extend: float | None, top_k: int | None, index: str | None, retrieval: Path | None) -> Extension | None:
    """How the leader is to go on."""
    if extend is None:
        if top_k is not None or index is not None or retrieval is not None:
            raise ConfigError("--extend", "is absent", "say for how many seconds the leader goes on")
        return None
    from ensemble.config import parse, read_yaml
    from ensemble.plan import Extension

    settings: dict[str, Any] = {}
    if retrieval is not None:
        settings = read_yaml(retrieval, "give the path of settings in YAML") or {}
        if not isinstance(settings, dict):
            raise ConfigError(str(retrieval), "is not a mapping", "write settings as `name: value`")
        for name in settings.keys() & {"uri", "ledger"}:
            settings[name] = _located(str(settings[name]), retrieval.parent)
    if index is not None:
        settings["uri"] = _located(index, Path())
    wanted = {"extend_s": extend, "retrieve": settings} | ({} if top_k is None else {"top_k": top_k})
    return parse(Extension, wanted, str(retrieval or "--extend"))


def _located(uri: str, folder: Path) -> str:
    """An address as it is; a path from `folder` on, told to actors that start elsewhere."""
    return uri if "://" in uri or not uri else str((folder / Path(uri).expanduser()).absolute())


def _fill_the_box(monitor: Any) -> None:
    """Index the corpus that comes with the package, once: it would hold up the band."""
    from ensemble.retrieve.opening import open_filled
    from ensemble.retrieve.settings import RetrieveSettings

    with open_filled(RetrieveSettings(), monitor.progress):
        pass


def _pace(block_frames: int) -> Pace:
    from ensemble.perform import Pace

    return Pace(block_frames=block_frames)


def _seat(monitor: Any, *, local: bool, actors: int | None, dashboard: bool) -> Seat:
    """How this command seats a band: compile what is not yet compiled, then in this process or on a Ray of its own."""
    if local and (actors or dashboard):
        raise ConfigError("--local", "plays without actors or dashboard", "leave out --actors and --dashboard")

    def seat(plan: Any) -> Any:
        from ensemble.play.warm import compile_kernels, kernels_are_cached

        if not kernels_are_cached():
            monitor.say("compiling the synthesis kernels for this machine, once")
        compile_kernels()
        if plan.extension is not None and not plan.continuations and not plan.extension.retrieve.uri:
            _fill_the_box(monitor)
        if local:
            from ensemble.band import LocalBand

            return LocalBand(plan)
        from cluster.session import local_ray

        # Ray prints its own words about lost workers; ours come with the result, and --json must stay JSON.
        monitor.enter_context(contextlib.redirect_stdout(io.StringIO()))
        monitor.stage("start Ray")
        url = monitor.enter_context(local_ray(dashboard=dashboard))
        if url:
            monitor.say(f"Ray dashboard: {url}")
        monitor.stage("seat the band")
        from agents import RayBand

        return RayBand(plan, actors=actors)

    return seat


def _write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another file") from error
