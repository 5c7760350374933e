"""`ensemble train listener` and `ensemble evaluate listener`. Reads arguments, calls, prints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.placement_options import start_ray
from cluster.cli.progress import Monitor, number
from cluster.cli.train_options import Config, HeldOut, MaxMinutes, MaxSteps, Resume, Workers, command_line, teller

Sets = Annotated[list[Path], typer.Option("--data", help="A set of `ensemble data compose`; may be given again.")]


def train_listener(
    data: Sets,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The run's folder: listener, checkpoint, learning curve.")
    ] = Path("listener-run"),
    config: Config = None,
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    workers: Workers = 0,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Train a causal listener: chords, beats and downbeats of composed pieces, in many sounds, rooms and noise."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.data.readers import check_set

        for root in data:
            check_set(root)
        from cluster.training.listener import train_listener as run
        from ensemble.config import read_settings
        from ensemble.listen.causal_file import LISTENER
        from ensemble.train.listener.fit import audit_line
        from ensemble.train.listener.settings import TrainListenerSettings

        given = {"max_minutes": max_minutes, "max_steps": max_steps}
        settings = read_settings(TrainListenerSettings, config, "train_listener.yaml", given)
        if workers:
            start_ray(monitor, num_cpus=workers + 1)
        result = run(
            settings, data, out, num_workers=workers, resume=resume, command=command_line(),
            on_step=teller(monitor, "the listener", audit_line), on_loss=monitor.say,
        )  # fmt: skip
        path = out / LISTENER.file_name
        figures = LISTENER.read(path).card.metrics
    if as_json:
        print_json(asdict(result) | {"listener": str(path)} | figures)
        return
    typer.echo(f"{result.steps} steps in {result.minutes:.1f} CPU minutes, {result.reason}")
    typer.echo(f"held out: chords right {figures['chords_right']:.2f} of the time, roots {figures['roots_right']:.2f}")
    typer.echo(f"listener: {path}")


def evaluate_listener(
    listener: Annotated[str, typer.Argument(help="A shipped listener's name, or a path (.safetensors).")],
    data: Sets,
    split: HeldOut = "test",
    as_json: AsJson = False,
) -> None:
    """Let a causal listener hear composed pieces, beside chroma templates and the most frequent chord."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.listen.causal_file import LISTENER
        from ensemble.listen.causal_network import CausalListener
        from ensemble.measure.listening_causal import FIGURES
        from ensemble.measure.listening_causal import evaluate_listener as run
        from ensemble.train.listener.material import composed_pieces

        heard = CausalListener(LISTENER.load(listener))
        figures = run(heard, composed_pieces(data, split), monitor.progress)
    if as_json:
        print_json({"listener": listener} | figures)
        return
    typer.echo(f"{figures['pieces']} pieces")
    typer.echo(f"{'':<15}{'learned':>9}{'templates':>11}{'majority':>10}  learned less templates, 95 %")
    for name in FIGURES:
        means = (number(figures[who][name], ".3f") for who in ("learned", "templates", "majority"))
        apart = " to ".join(number(one, ".3f") for one in figures["intervals"][name])
        typer.echo("{:<15}{:>9}{:>11}{:>10}  {}".format(name, *means, apart))
