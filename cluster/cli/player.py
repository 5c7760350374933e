"""`ensemble train player` and `ensemble evaluate player`. Reads arguments, calls, prints."""

from __future__ import annotations

import io
import json
import shlex
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

train = typer.Typer(name="train", help="Train a voice on a data set.", no_args_is_help=True)
evaluate = typer.Typer(name="evaluate", help="Measure what was trained, beside its baselines.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Data = Annotated[Path, typer.Option("--data", help="A data set: what `data compose` wrote, Slakh, URMP, a folder.")]


class HeldOut(StrEnum):
    """The splits that were not learned from."""

    VALID = "valid"
    TEST = "test"


class AnySplit(StrEnum):
    """The splits; a voice has seen the first."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"


@train.command("player")
def train_player(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder: voice, checkpoint, learning curve.")],
    config: Annotated[Path | None, typer.Option(help="A YAML file; the shipped settings if absent.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Which; the settings' own if absent.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.01, help="Of CPU time, in this run altogether.")] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Of the optimiser.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Ray Train workers; 0 trains in this process.")] = 0,
    prepared: Annotated[Path | None, typer.Option(help="The --out of `data prepare`, if it was given one.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train one instrument's voice; the best one so far always lies in the run's folder."""
    from cluster.cli.progress import Monitor

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from cluster.training.player import train_player as run
        from ensemble.config import read_settings
        from ensemble.train.player.settings import TrainPlayerSettings

        given = {"instrument": instrument, "max_minutes": max_minutes, "max_steps": max_steps}
        settings = read_settings(TrainPlayerSettings, config, "train_player.yaml", given)

        if workers:
            from cluster.sessions.local import local_ray

            monitor.enter_context(redirect_stdout(io.StringIO()))  # Ray's own words about lost workers
            monitor.stage("start Ray")
            monitor.enter_context(local_ray(num_cpus=workers + 1))
        monitor.stage(f"training {settings.instrument}")
        result = run(
            settings, data, out, num_workers=workers, resume=resume, command=shlex.join(["ensemble", *sys.argv[1:]]),
            prepared=prepared, on_progress=_teller(monitor, settings.instrument), on_loss=monitor.say,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(asdict(result) | {"out": str(out)}, indent=2, allow_nan=False))
    else:
        best = (
            f"{result.best_loss:.3f} at step {result.best_step}" if result.best_loss is not None else "never measured"
        )
        typer.echo(f"{settings.instrument}: {result.steps} steps in {result.minutes:.1f} CPU minutes, {result.reason}")
        typer.echo(f"best held-out distance {best}\nvoice: {out / 'voice.safetensors'}")


def _teller(monitor: Any, instrument: str) -> Any:
    """Progress in tenths of a percent, and a line for every audit."""
    told = 0

    def tell(state: Any, done: float) -> None:
        nonlocal told
        monitor.progress(f"training {instrument}", round(1000 * min(done, 1.0)), 1000)
        if len(state.rows) > told:
            told, row = len(state.rows), state.rows[-1]
            monitor.say(
                f"{row['minutes']:6.1f} min  step {row['step']:.0f}  {state.stage}  held out {row['held_out']:.3f}  "
                f"loudness error {row['loudness_error_db']:.2f} dB  noisiness error {row['hnr_error_db']:.1f} dB"
            )

    return tell


@evaluate.command("player")
def evaluate_player(
    voices: Annotated[list[Path], typer.Argument(metavar="VOICE...", help="Trained voices (.safetensors).")],
    data: Data,
    split: Annotated[AnySplit, typer.Option(help="Which pieces.")] = AnySplit.TEST,
    pieces: Annotated[int, typer.Option(min=1, help="At most so many pieces per voice.")] = 12,
    pictures: Annotated[Path | None, typer.Option(help="A folder for spectrograms, side by side.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure voices on pieces they never heard, beside silence, untrained, naive, and the truth re-analysed."""
    from cluster.cli.progress import Monitor
    from cluster.cli.train_view import show_evaluation

    figures = []
    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.measure.evaluation import evaluate_voice

        for number, voice in enumerate(voices):
            monitor.progress("evaluating", number, len(voices))
            figures.append(evaluate_voice(voice, data, split.value, max_pieces=pieces, pictures=pictures))
    if as_json:
        typer.echo(json.dumps(figures, indent=2, allow_nan=False))
    else:
        show_evaluation(figures)


@evaluate.command("retrieval")
def evaluate_retrieval(
    songs: Annotated[int, typer.Option(min=2, help="How many songs are composed and played twice.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds give other songs.")] = 0,
    soundfont: Annotated[Path | None, typer.Option(help="Of the second takes (SF2, SF3); found if absent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure whether search finds what truly comes next, in takes it never heard, and how its seams sound."""
    from cluster.cli.progress import Monitor

    with Monitor(quiet=as_json) as monitor:
        monitor.stage("load")
        from ensemble.measure.retrieval import evaluate_retrieval as evaluate_search
        from ensemble.measure.retrieval import written_out

        figures = evaluate_search(songs, seed=seed, soundfont=soundfont, on_progress=monitor.progress)
    typer.echo(json.dumps(figures, indent=2, allow_nan=False) if as_json else written_out(figures))
