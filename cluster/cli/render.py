"""`ensemble render` and `verify`: read the options, call the functions, print the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cluster.cli.batch import render_many
from cluster.cli.json_output import AsJson, print_json
from cluster.cli.levers import (
    Click,
    Complexity,
    Density,
    Dry,
    Ending,
    Gain,
    Humanize,
    Instrument,
    Intro,
    Pan,
    StyleName,
    levers_of,
)
from cluster.cli.listen import DoubleTime, Expansion, FirstDownbeat, HalfTime, overrides_of
from cluster.cli.placement_options import (
    Actors,
    Address,
    KeepWarm,
    Local,
    MixedDevices,
    PlacementOptions,
    Spread,
    placed,
)
from cluster.cli.progress import Monitor, show_render, show_verification
from ensemble.errors import ConfigError, printable

if TYPE_CHECKING:
    from ensemble.perform import Pace
    from ensemble.plan import Extension

playing = typer.Typer()

BlockFrames = Annotated[int, typer.Option(min=1, help="Block length in frames of 10 ms; never changes the sound.")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Serve the Ray dashboard while it runs.")]


_RESUME_OPTIONS = {
    "resume", "local", "address", "actors", "spread", "mixed_devices", "keep_warm", "block_frames", "dashboard",
    "log", "trace", "report", "as_json",
}  # fmt: skip
"""Options that go with --resume: they change how a render is played, and not what."""


@playing.command()
def render(
    context: typer.Context,
    leader: Annotated[
        str | None,
        typer.Argument(
            help="A recording or a melody (.krn, .mid) to follow, or its URL; for many, a folder or a list (.txt, "
            ".yaml). Default: the bundled guitar."
        ),
    ] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="Output folder or URL.")] = "ensemble-out",
    band: Annotated[str, typer.Option(help="Band: rock, quartet, drive or a YAML file.")] = "rock",
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    rate: Annotated[
        Literal["16000", "32000", "44100", "48000"], typer.Option(help="Sample rate of the output in Hz.")
    ] = "48000",
    voice: Annotated[
        str | None,
        typer.Option(help="Voice of every pitched part: naive, seeded, a shipped one or a .safetensors file."),
    ] = None,
    arranger: Annotated[
        str | None, typer.Option(help="What writes the parts: rules, learned or a .safetensors file.")
    ] = None,
    performer: Annotated[
        str | None, typer.Option(help="What shapes the notes: learned, rules, a shipped one or a .safetensors file.")
    ] = None,
    style: StyleName = None,
    complexity: Complexity = None,
    humanize: Humanize = None,
    intro: Intro = None,
    ending: Ending = None,
    click: Click = False,
    dry: Dry = False,
    density: Density = None,
    gain: Gain = None,
    pan: Pan = None,
    instrument: Instrument = None,
    transpose: Annotated[
        int, typer.Option(min=-7, max=7, help="Semitones by which leader and band are transposed.")
    ] = 0,
    tempo: Annotated[
        float | None, typer.Option(min=20, max=400, help="Tempo in beats per minute, instead of the detected one.")
    ] = None,
    beats_per_bar: Annotated[
        int | None, typer.Option(min=2, max=12, help="Beats per bar, instead of the detected number.")
    ] = None,
    first_downbeat: FirstDownbeat = None,
    half_time: HalfTime = False,
    double_time: DoubleTime = False,
    key: Annotated[str | None, typer.Option(help="Key, instead of the detected one: 'Am', 'F# major'.")] = None,
    expansion: Expansion = None,
    chords: Annotated[Path | None, typer.Option(help="File of chords, instead of the detected ones.")] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Chart to play by, such as `ensemble listen --chart` writes.")
    ] = None,
    extend: Annotated[
        float | None, typer.Option(min=0.1, max=600, help="Seconds of music to add after the leader's end.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(min=1, max=16, help="Number of alternatives (default 2).")] = None,
    index: Annotated[
        str | None, typer.Option(help="Library to search for what comes next: a folder or a Milvus server.")
    ] = None,
    retrieval: Annotated[Path | None, typer.Option(help="YAML file with settings of the search.")] = None,
    local: Local = False,
    address: Address = None,
    actors: Actors = None,
    spread: Spread = False,
    mixed_devices: MixedDevices = False,
    keep_warm: KeepWarm = None,
    block_frames: BlockFrames = 50,
    dashboard: Dashboard = False,
    no_memory: Annotated[
        bool, typer.Option("--no-memory", help="Keep nothing for `redo`, which then plays everything again.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier render in the output folder.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html, after the mix.")] = True,
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Resume an interrupted render.")] = None,
    log: Annotated[Path | None, typer.Option(metavar="FILE", help="Append a log, one JSON object per line.")] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write a timeline for chrome://tracing or Perfetto.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play along with a recording or a melody, or many: stems, mix, MIDI, a manifest and a report."""
    from cluster.batch.leaders import is_leader_list
    from cluster.watch.recording import recording

    where = PlacementOptions(
        local=local, address=address, actors=actors, spread=spread, mixed_devices=mixed_devices, keep_warm_s=keep_warm
    )

    def settings() -> dict[str, Any]:
        return {
            "band": band, "seed": seed, "sample_rate": int(rate), "voice": voice, "arranger": arranger,
            "performer": performer,
            "levers": levers_of(
                style=style, complexity=complexity, humanize=humanize, intro=intro, ending=ending, click=click, dry=dry,
                density=density, gain=gain, pan=pan, instrument=instrument,
            ), "transpose": transpose,
            "overrides": overrides_of(
                chords, chart, half_time=half_time, double_time=double_time, tempo_bpm=tempo,
                beats_per_bar=beats_per_bar, first_downbeat_s=first_downbeat, key=key,
            ),
            "extension": _extension(extend, top_k, index, retrieval), "expansion": expansion,
        }  # fmt: skip

    if resume is not None:
        _check_resume(context)
    if leader is not None and is_leader_list(leader):
        render_many(
            Path(leader), out, settings, where, dashboard=dashboard, block_frames=block_frames, force=force,
            report=report, as_json=as_json,
        )  # fmt: skip
        return

    with Monitor(quiet=as_json) as monitor, recording(log, trace, monitor.say):
        monitor.stage("load")
        from ensemble.events import Events
        from ensemble.rendering.render import render as render_one
        from ensemble.rendering.render import resume as resume_one

        band_factory, pace = placed(monitor, where, dashboard=dashboard), _pace(block_frames)

        def take_ready(take: Path) -> None:
            monitor.say(f"{printable(take / 'mix.wav')} can be heard")

        events = Events(progress=monitor.progress, take_ready=take_ready)
        if resume is not None:
            out = str(resume)
            manifest = resume_one(out, band_factory=band_factory, pace=pace, events=events, report=report)
        else:
            manifest = render_one(
                leader, out, force=force, band_factory=band_factory, pace=pace, events=events, report=report,
                remembers=not no_memory, **settings(),
            )  # fmt: skip
    if as_json:
        page = f"{out.rstrip('/')}/report.html" if report else None
        print_json({"out": out, "report": page, "manifest": manifest.model_dump(mode="json")})
    else:
        show_render(out, manifest, report=report)


@playing.command()
def verify(
    folder: Annotated[str, typer.Argument(help="A folder that `render` wrote, or its URL.")],
    version: Annotated[int | None, typer.Option(min=1, help="Of `ensemble redo DIR --history`.")] = None,
    local: Local = False,
    address: Address = None,
    actors: Actors = None,
    block_frames: BlockFrames = 50,
    as_json: AsJson = False,
) -> None:
    """Render again from the manifest and compare every hash."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.events import Events
        from ensemble.output.transfer import fetched_render
        from ensemble.rendering.history import History
        from ensemble.rendering.verify import verify as compare

        band_factory = placed(monitor, PlacementOptions(local=local, address=address, actors=actors))
        kept = monitor.enter_context(fetched_render(folder))
        if version is not None:
            kept = History(kept).folder(version)
        result = compare(kept, band_factory, _pace(block_frames), Events(progress=monitor.progress))
    if as_json:
        from dataclasses import asdict

        print_json({"is_good": result.is_good} | asdict(result))
    else:
        show_verification(folder, result)
    if not result.is_good:
        raise typer.Exit(1)


def _check_resume(context: typer.Context) -> None:
    """Refuse options beside --resume that would change the music: it was decided when the render began.

    Raises:
        ConfigError: names the first of them.
    """
    given = [name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    other = sorted(set(given) - _RESUME_OPTIONS)
    if other:
        what = "the leader" if other[0] == "leader" else f"--{other[0].replace('_', '-')}"
        raise ConfigError("--resume", "continues with the settings of the interrupted render", f"leave out {what}")


def _extension(extend: float | None, top_k: int | None, index: str | None, retrieval: Path | None) -> Extension | None:
    """What is to be added after the leader's end; None without --extend."""
    if extend is None:
        for name, value in (("--top-k", top_k), ("--index", index), ("--retrieval", retrieval)):
            if value is not None:
                raise ConfigError(name, "goes with --extend", "add --extend SECONDS")
        return None
    from ensemble.config import parse, read_yaml
    from ensemble.plan import Extension

    settings: dict[str, Any] = {}
    if retrieval is not None:
        settings = read_yaml(retrieval, "give the path of a YAML file") or {}
        if not isinstance(settings, dict):
            raise ConfigError(str(retrieval), "is not a mapping", "write settings as `name: value`")
        for name in settings.keys() & {"uri", "ledger"}:
            settings[name] = _located(str(settings[name]), retrieval.parent)
    if index is not None:
        settings["uri"] = _located(index, Path())
    wanted = {"extend_s": extend, "retrieve": settings} | ({} if top_k is None else {"top_k": top_k})
    return parse(Extension, wanted, str(retrieval or "--extend"))


def _located(uri: str, folder: Path) -> str:
    """A URL as it is; a path relative to `folder` as an absolute one, since actors run in another folder."""
    return uri if "://" in uri or not uri else str((folder / Path(uri).expanduser()).absolute())


def _pace(block_frames: int) -> Pace:
    from ensemble.perform import Pace

    return Pace(block_frames=block_frames)
