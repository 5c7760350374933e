"""The command line: reads arguments, calls the music, prints what came of it. Nothing musical is decided here."""

from __future__ import annotations

import json
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensemble.errors import ConfigError, EnsembleError

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
    leader: Annotated[Path | None, typer.Argument(help="What to follow; the bundled guitar if absent.")] = None,
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
    """Let a band follow a recording: stems, mix, MIDI, a manifest and a report."""
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
    leader: Annotated[Path, typer.Argument(help="The recording to hear.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write everything heard as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the ensemble hears: frames, beats, tempo, key, chords, tuning."""
    from cluster.monitor import Monitor, show_heard

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("listen")
        from ensemble.audio.files import read_clip
        from ensemble.listen.account import account
        from ensemble.listen.listener import Listener
        from ensemble.threads import one_thread

        clip = read_clip(leader)
        with one_thread():
            heard = Listener().listen(clip)
    if out is not None:
        try:
            out.write_text(json.dumps(account(heard), allow_nan=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(str(out), f"cannot be written ({error.strerror})", "name another file") from error
    if as_json:
        _print_json(account(heard))
    else:
        show_heard(leader, clip.duration_s, heard, out)


@app.command()
def status(
    address: Annotated[str, typer.Option(help="The Ray to ask.", envvar="RAY_ADDRESS")] = "auto",
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who is playing on a Ray, where, and how fast."""
    from cluster.monitor import show_status
    from cluster.watching import who_plays

    with who_plays(address) as ask:
        show_status(ask, watch=watch, as_json=as_json)


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


@app.command()
def bench(
    leader: Annotated[Path | None, typer.Option(help="The recording to render; the bundled guitar if absent.")] = None,
    with_ray: Annotated[bool, typer.Option("--ray/--no-ray", help="Also time a render on a fresh local Ray.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure speed against a plain textbook baseline in the same run."""
    from cluster.bench import run
    from cluster.monitor import Monitor, show_bench

    with Monitor(quiet=as_json) as monitor:
        figures = run(leader, with_ray=with_ray, on_stage=monitor.stage)
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

        monitor.stage("start Ray")
        url = monitor.enter_context(local_ray(dashboard=dashboard))
        if url:
            monitor.say(f"Ray dashboard: {url}")
        monitor.stage("seat the band")
        from agents import RayBand

        return RayBand(plan, actors=actors)

    return seat


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


class Interrupted(BaseException):
    """Ctrl-C, or another polite request to end: everything on the way out is cleaned up, nothing stays behind."""


def _interrupt(_signal: int, _frame: object) -> None:
    raise Interrupted


def main() -> None:
    """Run a command; the only place that turns errors into lines and exit codes."""
    for polite in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(polite, _interrupt)
    try:
        app(standalone_mode=True)
    except EnsembleError as error:
        line = " ".join(str(error).split())
        sys.stderr.write(f"ensemble: {line}\n")
        sys.exit(1)
    except Interrupted:
        sys.stderr.write("ensemble: interrupted; nothing was written\n")
        sys.stderr.flush()
        os._exit(130)
    except BrokenPipeError:
        os._exit(141)
