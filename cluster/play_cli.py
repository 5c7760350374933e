"""`ensemble render`, `verify` and `listen`: reads arguments, calls the music, prints what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

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
Actors = Annotated[int | None, typer.Option(min=1, help="Share the parts among so many instrument actors.")]
BlockFrames = Annotated[int, typer.Option(min=1, help="Block length in frames of 10 ms; never changes the sound.")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Serve the Ray dashboard meanwhile.")]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        help="The Ray to play on: auto, HOST:PORT, ray://HOST:PORT, or local (one of our own). If absent: the one "
        "that `ensemble up` keeps, or one of our own.",
    ),
]
Spread = Annotated[bool, typer.Option("--spread", help="Seat the band over many nodes, not together on few.")]
MixedDevices = Annotated[
    bool, typer.Option("--mixed-devices", help="Let nodes of another kind of machine join; bytes may differ then.")
]


@playing.command()
def render(
    leader: Annotated[
        Path | None,
        typer.Argument(help="What to follow: a recording, or a melody (.krn, .mid); the bundled guitar if absent."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to fill.")] = Path("ensemble-out"),
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
    address: Address = None,
    actors: Actors = None,
    spread: Spread = False,
    mixed_devices: MixedDevices = False,
    block_frames: BlockFrames = 50,
    dashboard: Dashboard = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier render in the folder.")] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with the render in this folder that was broken off.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a band follow a recording or a melody: stems, mix, MIDI, a manifest and a report."""
    from cluster.monitor import Monitor, show_render

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.rendering import render as produce
        from ensemble.rendering import resume as go_on

        where = Where(local=local, address=address, actors=actors, spread=spread, mixed_devices=mixed_devices)
        seat, pace = _seat(monitor, where, dashboard=dashboard), _pace(block_frames)
        overrides = _overrides(tempo, key, chords)
        extension = _extension(extend, top_k, index, retrieval)

        def can_be_heard(take: Path) -> None:
            monitor.say(f"{take / 'mix.wav'} can be heard")

        if resume is not None:
            if leader is not None:
                raise ConfigError("--resume", "goes on with the leader that it has", "leave the leader out")
            out = resume
            manifest = go_on(out, seat=seat, pace=pace, on_progress=monitor.progress, on_take=can_be_heard)
        else:
            manifest = produce(
                leader, out, band=band, seed=seed, sample_rate=int(rate.value), voice=voice, force=force, seat=seat,
                pace=pace, overrides=overrides, extension=extension, on_progress=monitor.progress,
                on_take=can_be_heard,
            )  # fmt: skip
    if as_json:
        print_json({"out": str(out), "report": str(out / "report.html"), "manifest": manifest.model_dump(mode="json")})
    else:
        show_render(out, manifest)


@playing.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A folder that render wrote.")],
    local: Local = False,
    address: Address = None,
    actors: Actors = None,
    block_frames: BlockFrames = 50,
    as_json: AsJson = False,
) -> None:
    """Play a manifest again in fresh processes and compare every hash."""
    from cluster.monitor import Monitor, show_verification

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.verify import verify as compare

        seat = _seat(monitor, Where(local=local, address=address, actors=actors))
        result = compare(folder, seat, _pace(block_frames), monitor.progress)
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


class Where(NamedTuple):
    """Where a band is wanted to sit."""

    local: bool = False
    address: str | None = None
    actors: int | None = None
    spread: bool = False
    mixed_devices: bool = False


def _seat(monitor: Any, where: Where, *, dashboard: bool = False) -> Seat:
    """How this command seats a band: compile what is not yet compiled, then in this process or on a Ray."""
    if where.local and (where.actors or dashboard or where.spread):
        raise ConfigError("--local", "plays without actors or dashboard", "leave out --actors, --spread, --dashboard")

    def seat(plan: Any) -> Any:
        from ensemble.play.warm import compile_kernels, kernels_are_cached

        if not kernels_are_cached():
            monitor.say("compiling the synthesis kernels for this machine, once")
        compile_kernels()
        if plan.extension is not None and not plan.continuations and not plan.extension.retrieve.uri:
            _fill_the_box(monitor)
        if where.local:
            from ensemble.band import LocalBand

            return LocalBand(plan)
        _enter_ray(monitor, where.address, dashboard=dashboard)
        monitor.stage("seat the band")
        from agents import RayBand
        from agents.presence import fingerprint_digest
        from cluster.stage import Strategy, stager

        strategy = Strategy.SPREAD if where.spread else Strategy.PACK
        seats = stager(strategy=strategy, mixed_devices=where.mixed_devices, fingerprint=fingerprint_digest())
        return RayBand(plan, actors=where.actors, stager=seats)

    return seat


def _enter_ray(monitor: Any, address: str | None, *, dashboard: bool) -> None:
    """Join the Ray that is named or kept; start one where there is none."""
    from cluster.joining import joined_ray
    from cluster.keeping import kept
    from cluster.session import local_ray

    # Ray prints its own words about lost workers; ours come with the result, and --json must stay JSON.
    monitor.enter_context(contextlib.redirect_stdout(io.StringIO()))
    ray = kept() if address is None else None
    if ray is not None or address not in (None, "local"):
        monitor.stage("join Ray")
        monitor.enter_context(joined_ray(ray.address if ray is not None else str(address)))
        return
    monitor.stage("start Ray")
    url = monitor.enter_context(local_ray(dashboard=dashboard))
    if url:
        monitor.say(f"Ray dashboard: {url}")


def _write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another file") from error
