"""`ensemble render`, `verify` and `listen`: reads arguments, calls the music, prints what came of it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.placement_options import Actors, Address, Local, MixedDevices, PlacementOptions, Spread, placed
from ensemble.errors import ConfigError, OutputError
from ensemble.files.replace import write_whole

if TYPE_CHECKING:
    from ensemble.listen.overrides import Overrides
    from ensemble.perform import Pace
    from ensemble.plan import Extension

playing = typer.Typer()


class Rate(StrEnum):
    """The rates that a render can be written at."""

    R16 = "16000"
    R32 = "32000"
    R44 = "44100"
    R48 = "48000"


BlockFrames = Annotated[int, typer.Option(min=1, help="Block length in frames of 10 ms; never changes the sound.")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Serve the Ray dashboard meanwhile.")]


_OF_RESUME = {
    "resume", "local", "address", "actors", "spread", "mixed_devices", "block_frames", "dashboard", "log", "trace",
    "as_json",
}  # fmt: skip
"""Options that change how a render is played, and not what."""


@playing.command()
def render(
    context: typer.Context,
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
    arranger: Annotated[
        str | None, typer.Option(help="Who writes the parts: rules, learned, or a trained .safetensors.")
    ] = None,
    tempo: Annotated[
        float | None, typer.Option(min=20, max=400, help="Beats a minute, in place of the tempo heard.")
    ] = None,
    beats_per_bar: Annotated[int | None, typer.Option(min=2, max=12, help="In place of the metre heard.")] = None,
    key: Annotated[str | None, typer.Option(help="In place of the key heard: 'Am', 'F# major'.")] = None,
    chords: Annotated[Path | None, typer.Option(help="A file of chords, in place of those heard.")] = None,
    extend: Annotated[
        float | None, typer.Option(min=0.1, max=600, help="Seconds for which the leader goes on after its end.")
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
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Add what happens, one JSON line each.")] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write who worked when, for chrome://tracing or Perfetto.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a band follow a recording or a melody, or many: stems, mix, MIDI, a manifest and a report."""
    from cluster.cli.batch import is_roster, render_many
    from cluster.cli.progress import Monitor, show_render
    from cluster.watch.recording import recording

    where = PlacementOptions(local=local, address=address, actors=actors, spread=spread, mixed_devices=mixed_devices)
    if resume is not None:
        _check_resume(context)
    if leader is not None and is_roster(leader):
        asked: dict[str, Any] = {"seed": seed, "sample_rate": int(rate.value), "voice": voice, "arranger": arranger}
        asked["overrides"] = _overrides(tempo, beats_per_bar, key, chords)
        asked["extension"] = _extension(extend, top_k, index, retrieval)
        how = {"where": where, "dashboard": dashboard, "block_frames": block_frames}
        render_many(Path(leader), out, band, asked, how, force=force, as_json=as_json)
        return

    with Monitor(quiet=as_json) as monitor, recording(log, trace, monitor.say):
        monitor.stage("load")
        from ensemble.events import Events
        from ensemble.rendering.render import render as render_one
        from ensemble.rendering.render import resume as resume_one

        band_factory, pace = placed(monitor, where, dashboard=dashboard), _pace(block_frames)
        overrides = _overrides(tempo, beats_per_bar, key, chords)
        extension = _extension(extend, top_k, index, retrieval)

        def take_ready(take: Path) -> None:
            monitor.say(f"{take / 'mix.wav'} can be heard")

        told = Events(progress=monitor.progress, take_ready=take_ready)
        if resume is not None:
            out = str(resume)
            manifest = resume_one(out, band_factory=band_factory, pace=pace, events=told)
        else:
            manifest = render_one(
                leader, out, band=band, seed=seed, sample_rate=int(rate.value), voice=voice, arranger=arranger,
                force=force, band_factory=band_factory, pace=pace, overrides=overrides, extension=extension,
                events=told,
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
    address: Address = None,
    actors: Actors = None,
    block_frames: BlockFrames = 50,
    as_json: AsJson = False,
) -> None:
    """Play a manifest again in fresh processes and compare every hash."""
    from cluster.cli.progress import Monitor, show_verification

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.events import Events
        from ensemble.output.transfer import fetched_render
        from ensemble.rendering.verify import verify as compare

        band_factory = placed(monitor, PlacementOptions(local=local, address=address, actors=actors))
        kept = monitor.enter_context(fetched_render(folder))
        result = compare(kept, band_factory, _pace(block_frames), Events(progress=monitor.progress))
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
    from cluster.cli.progress import Monitor, show_heard

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("listen")
        from ensemble.audio.files import read_clip
        from ensemble.listen.listener import Listener
        from ensemble.listen.to_json import heard_as_json
        from ensemble.scores.score import is_score, read_score
        from ensemble.scores.symbolic import hear_melody

        if is_score(leader):
            melody = read_score(leader).melody
            heard, duration_s = hear_melody(melody), melody.duration_s
        else:
            clip = read_clip(leader)
            heard, duration_s = Listener().listen(clip), clip.duration_s
    if out is not None:
        try:
            write_whole(out, json.dumps(heard_as_json(heard), allow_nan=False).encode() + b"\n")
        except OSError as error:
            raise OutputError(str(out), f"cannot be written ({error.strerror})", "name another file") from error
    if as_json:
        print_json(heard_as_json(heard))
    else:
        show_heard(leader, duration_s, heard, out)


def _check_resume(context: typer.Context) -> None:
    """A render that is gone on with is the one that was ordered: nothing about it can be changed.

    Raises:
        ConfigError: an option asks for something else.
    """
    given = [name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    other = sorted(set(given) - _OF_RESUME)
    if other:
        what = "the leader" if other[0] == "leader" else f"--{other[0].replace('_', '-')}"
        raise ConfigError("--resume", "goes on with what was ordered", f"leave out {what}")


def _overrides(tempo: float | None, beats_per_bar: int | None, key: str | None, chords: Path | None) -> Overrides:
    """What the player says of the recording."""
    from ensemble.config import parse
    from ensemble.listen.chords_file import read_chords
    from ensemble.listen.overrides import Overrides

    given = parse(Overrides, {"tempo_bpm": tempo, "beats_per_bar": beats_per_bar, "key": key}, "the recording")
    return given if chords is None else given.model_copy(update={"chords": read_chords(chords)})


def _extension(extend: float | None, top_k: int | None, index: str | None, retrieval: Path | None) -> Extension | None:
    """How the leader is to go on."""
    if extend is None:
        given = {"--top-k": top_k, "--index": index, "--retrieval": retrieval}
        if (name := next((name for name, value in given.items() if value is not None), None)) is not None:
            raise ConfigError(name, "goes with --extend", "add --extend SECONDS: for how long the leader goes on")
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


def _pace(block_frames: int) -> Pace:
    from ensemble.perform import Pace

    return Pace(block_frames=block_frames)
