"""`ensemble train conductor` and `ensemble evaluate conductor`. Reads arguments, calls, prints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.conductor_view import show_conducting
from cluster.cli.json_output import AsJson, print_json, print_result
from cluster.cli.placement_options import start_ray
from cluster.cli.progress import Monitor
from cluster.cli.train_options import (
    Config,
    HeldOut,
    MaxMinutes,
    MaxSteps,
    Resume,
    Workers,
    command_line,
    teller,
)
from cluster.cli.train_view import tell_left_out

if TYPE_CHECKING:
    from ensemble.train.pace import Row

Sets = Annotated[list[Path], typer.Option("--data", help="A set with several parts per piece; may be given again.")]
Heard = Annotated[Path | None, typer.Option(help="Where what was heard is kept, to be heard once only.")]


def train_conductor(
    data: Sets,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The run's folder: conductor, checkpoint, learning curve.")
    ] = Path("conductor-run"),
    config: Config = None,
    heard: Heard = None,
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    workers: Workers = 0,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Train a conductor: any pitched part leads, the others follow; the best one so far lies in the run's folder."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.config import read_settings
        from ensemble.train.conductor.material import left_out
        from ensemble.train.conductor.settings import TrainConductorSettings

        given = {"max_minutes": max_minutes, "max_steps": max_steps}
        settings = read_settings(TrainConductorSettings, config, "train_conductor.yaml", given)
        passed_over = tell_left_out(monitor, left_out(data))
        from cluster.training.conductor import train_conductor as run

        if workers:
            start_ray(monitor, num_cpus=workers + 1)
        result, card = run(
            settings, data, out, num_workers=workers, resume=resume, command=command_line(), heard=heard,
            on_progress=monitor.progress,
            on_step=teller(monitor, "the conductor", _line), on_loss=monitor.say,
        )  # fmt: skip
    if as_json:
        print_json(asdict(result) | {"out": str(out), "margin_db": card.margin_db, "left_out": passed_over})
        return
    typer.echo(f"{result.steps} steps in {result.minutes:.1f} CPU minutes, {result.reason}")
    error = card.metrics.get("error_db", float("nan"))
    typer.echo(f"held-out error {error:.2f} dB at step {result.best_step}; interval widened by {card.margin_db} dB")
    typer.echo(f"conductor: {out / 'conductor.safetensors'}")


def evaluate_conductor(
    data: Sets,
    conductor: Annotated[str, typer.Argument(help="A shipped conductor's name, or a path (.safetensors).")] = "learned",
    split: HeldOut = "test",
    beside: Annotated[
        list[Path] | None, typer.Option(help="A second set, all of whose pieces are foretold; may be given again.")
    ] = None,
    leaders: Annotated[int, typer.Option(min=1, help="Parts per piece that lead, one after the other.")] = 2,
    heard: Heard = None,
    as_json: AsJson = False,
) -> None:
    """Foretell held-out followers at six look-aheads, beside four simple rules and what the generator knows."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.conduct.conductor_file import CONDUCTOR
        from ensemble.measure.conducting import evaluate_conductor as run
        from ensemble.train.prepared import default_cache

        path, cache = CONDUCTOR.path_of(conductor), heard or default_cache() / "heard"
        figures = run(path, data, cache, split=split, leaders_per_piece=leaders, on_progress=monitor.progress)
        if beside:
            figures["beside"] = run(
                path, beside, cache, split=None, trained_on=data, leaders_per_piece=leaders,
                on_progress=monitor.progress,
            )  # fmt: skip
    print_result(as_json, {"conductor": conductor} | figures, lambda: show_conducting(figures))


def _line(row: Row) -> str:
    inside = f"inside the interval {row['coverage']:.2f}"
    return f"held out {row['held_out']:.3f}  error {row['error_db']:.2f} dB  {inside}"
