"""`ensemble train player` and `ensemble evaluate player`. Reads arguments, calls, prints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cluster.cli.json_output import AsJson, print_json, print_result
from cluster.cli.placement_options import start_ray
from cluster.cli.progress import Monitor
from cluster.cli.train_options import Config, MaxMinutes, MaxSteps, Resume, Workers, command_line, teller
from cluster.cli.train_view import show_evaluation, tell_left_out

if TYPE_CHECKING:
    from ensemble.train.pace import Row

train = typer.Typer(name="train", help="Train a voice, a conductor, an arranger or a drum kit.", no_args_is_help=True)
evaluate = typer.Typer(name="evaluate", help="Measure what was trained, beside its baselines.", no_args_is_help=True)
Data = Annotated[Path, typer.Option("--data", help="A data set: what `data compose` wrote, Slakh, URMP, a folder.")]


@train.command("player")
def train_player(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder: voice, checkpoint, learning curve.")],
    config: Config = None,
    instrument: Annotated[str | None, typer.Option(help="Which; the settings' own if absent.")] = None,
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    workers: Workers = 0,
    prepared: Annotated[Path | None, typer.Option(help="The --out of `data prepare`, if it was given one.")] = None,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Train one instrument's voice; the best one so far always lies in the run's folder."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.config import read_settings
        from ensemble.train.player.material import left_out
        from ensemble.train.player.settings import TrainPlayerSettings

        given = {"instrument": instrument, "max_minutes": max_minutes, "max_steps": max_steps}
        settings = read_settings(TrainPlayerSettings, config, "train_player.yaml", given)
        foreseen = left_out(data, settings.instrument)
        passed_over = tell_left_out(monitor, foreseen)
        from cluster.training.player import train_player as run

        if workers:
            start_ray(monitor, num_cpus=workers + 1)
        monitor.stage(f"training {settings.instrument}")
        result = run(
            settings, data, out, num_workers=workers, resume=resume, command=command_line(), prepared=prepared,
            on_step=teller(monitor, settings.instrument, _line), on_loss=monitor.say,
            on_left_out=lambda skip: passed_over.extend(tell_left_out(monitor, [skip] if skip not in foreseen else [])),
        )  # fmt: skip
    if as_json:
        print_json(asdict(result) | {"out": str(out), "left_out": passed_over})
    else:
        best = (
            f"{result.best_loss:.3f} at step {result.best_step}" if result.best_loss is not None else "never measured"
        )
        typer.echo(f"{settings.instrument}: {result.steps} steps in {result.minutes:.1f} CPU minutes, {result.reason}")
        typer.echo(f"best held-out distance {best}\nvoice: {out / 'voice.safetensors'}")


def _line(row: Row) -> str:
    stage = "regression" if row["stage"] == 1 else "spectral"
    return (
        f"{stage}  held out {row['held_out']:.3f}  loudness error {row['loudness_error_db']:.2f} dB  "
        f"noisiness error {row['hnr_error_db']:.1f} dB"
    )


@evaluate.command("player")
def evaluate_player(
    voices: Annotated[list[Path], typer.Argument(metavar="VOICE...", help="Trained voices, by name or file.")],
    data: Data,
    split: Annotated[Literal["train", "valid", "test"], typer.Option(help="Which pieces.")] = "test",
    pieces: Annotated[int, typer.Option(min=1, help="At most so many pieces per voice.")] = 12,
    pictures: Annotated[Path | None, typer.Option(help="A folder for spectrograms, side by side.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure voices on pieces they never heard, beside silence, untrained, naive, and the truth re-analysed."""
    figures = []
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.measure.evaluation import evaluate_voice

        for number, voice in enumerate(voices):
            monitor.progress("evaluating", number, len(voices))
            figures.append(evaluate_voice(voice, data, split, max_pieces=pieces, pictures=pictures))
    print_result(as_json, figures, lambda: show_evaluation(figures))


@evaluate.command("retrieval")
def evaluate_retrieval(
    songs: Annotated[int, typer.Option(min=2, help="How many songs are composed and played twice.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds give other songs.")] = 0,
    soundfont: Annotated[Path | None, typer.Option(help="Of the second takes (SF2, SF3); found if absent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure whether search finds what truly comes next, in takes it never heard, and how its seams sound."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.measure.retrieval import evaluate_retrieval as evaluate_search
        from ensemble.measure.retrieval import written_out

        figures = evaluate_search(songs, seed=seed, soundfont=soundfont, on_progress=monitor.progress)
    print_result(as_json, figures, lambda: typer.echo(written_out(figures)))
