"""The command line: reads arguments, calls the music, prints what came of it. Nothing musical is decided here."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.data_cli import data
from cluster.train_cli import evaluate, train
from ensemble.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from ensemble.perform import Pace
    from ensemble.rendering import Seat

app = typer.Typer(
    name="ensemble",
    help="A band of neural instruments that listens to a recording and plays along.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data)
app.add_typer(train)
app.add_typer(evaluate)


class Rate(StrEnum):
    """The rates that a render can be written at."""

    R16 = "16000"
    R32 = "32000"
    R44 = "44100"
    R48 = "48000"


Local = Annotated[bool, typer.Option("--local", help="Play in this process, without Ray.")]
Actors = Annotated[int | None, typer.Option(min=1, help="Share the parts among so many instrument actors.")]
BlockFrames = Annotated[int, typer.Option(min=1, help="Block length in frames of 10 ms; never changes the sound.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="Serve the Ray dashboard meanwhile.")]


@app.command()
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
    local: Local = False,
    actors: Actors = None,
    block_frames: BlockFrames = 100,
    dashboard: Dashboard = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier render in the folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a band follow a recording or a melody: stems, mix, MIDI, a manifest and a report."""
    from cluster.monitor import Monitor, show_render

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.rendering import render as produce

        manifest = produce(
            leader, out, band=band, seed=seed, sample_rate=int(rate.value), voice=voice, force=force,
            seat=_seat(monitor, local=local, actors=actors, dashboard=dashboard),
            pace=_pace(block_frames), on_progress=monitor.progress,
        )  # fmt: skip
    if as_json:
        _print_json({"out": str(out), "report": str(out / "report.html"), "manifest": manifest.model_dump(mode="json")})
    else:
        show_render(out, manifest)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A folder that render wrote.")],
    local: Local = False,
    actors: Actors = None,
    block_frames: BlockFrames = 100,
    as_json: AsJson = False,
) -> None:
    """Play a manifest again in fresh processes and compare every hash."""
    from cluster.monitor import Monitor, show_verification

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.verify import verify as compare

        seat = _seat(monitor, local=local, actors=actors, dashboard=False)
        result = compare(folder, seat, _pace(block_frames), monitor.progress)
    if as_json:
        from dataclasses import asdict

        _print_json({"is_good": result.is_good} | asdict(result))
    else:
        show_verification(folder, result)
    if not result.is_good:
        raise typer.Exit(1)


@app.command()
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
        _print_json(account(heard))
    else:
        show_heard(leader, duration_s, heard, out)


@app.command()
def status(
    address: Annotated[str, typer.Option(help="The Ray to ask.", envvar="RAY_ADDRESS")] = "auto",
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who is playing on a Ray, where, and how fast."""
    from functools import partial

    from cluster.monitor import show_status
    from cluster.watching import who_plays

    show_status(partial(who_plays, address), watch=watch, as_json=as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, what is missing, and what would run where."""
    from cluster.doctor import examine
    from cluster.monitor import show_examination

    findings = examine()
    if as_json:
        _print_json([finding._asdict() for finding in findings])
    else:
        show_examination(findings)
    if any(finding.verdict == "missing" for finding in findings):
        raise typer.Exit(1)


class Subject(StrEnum):
    """What a bench measures."""

    SYNTH = "synth"
    TRAIN = "train"


@app.command()
def bench(
    subject: Annotated[
        Subject, typer.Argument(help="synth: playing and whole renders; train: a training step.")
    ] = Subject.SYNTH,
    leader: Annotated[Path | None, typer.Option(help="The recording to render; the bundled guitar if absent.")] = None,
    with_ray: Annotated[bool, typer.Option("--ray/--no-ray", help="Also time a render on a fresh local Ray.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure speed against a plain textbook baseline in the same run."""
    from cluster import bench as benches
    from cluster.monitor import Monitor, show_bench

    with Monitor(quiet=as_json) as monitor:
        if subject is Subject.TRAIN:
            figures = benches.training(on_stage=monitor.stage)
        else:
            figures = benches.playing(leader, with_ray=with_ray, on_stage=monitor.stage)
    if as_json:
        _print_json(figures)
    else:
        show_bench(figures)


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


def _print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False, default=str) + "\n")


def _version(wanted: bool) -> None:
    if wanted:
        from ensemble.plan import ensemble_version

        typer.echo(f"ensemble {ensemble_version()}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the release.")
    ] = False,
) -> None:
    pass
