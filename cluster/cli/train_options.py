"""What `ensemble train player`, `conductor` and `arranger` have in common: options, workers, lines of progress."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cluster.cli.progress import Monitor

if TYPE_CHECKING:
    from ensemble.train.pace import FitState, OnStep, Row

Config = Annotated[Path | None, typer.Option("--config", help="A YAML file; the shipped settings if absent.")]
MaxMinutes = Annotated[
    float | None, typer.Option("--max-minutes", min=0.01, help="Of CPU time, in this run altogether.")
]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", min=1, help="Of the optimiser.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Ray Train workers; 0 trains in this process.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")]


HeldOut = Annotated[Literal["valid", "test"], typer.Option(help="Which pieces.")]


def command_line() -> str:
    """The command as typed, for a card."""
    return shlex.join(["ensemble", *sys.argv[1:]])


def teller(monitor: Monitor, what: str, line: Callable[[Row], str]) -> OnStep:
    """Show a run's progress in tenths of a percent, and print a line for every audit."""
    told = 0

    def tell(state: FitState) -> None:
        nonlocal told
        monitor.progress(f"training {what}", round(1000 * min(state.done, 1.0)), 1000)
        if len(state.rows) > told:
            told, row = len(state.rows), state.rows[-1]
            monitor.say(f"{row['minutes']:6.1f} min  step {row['step']:.0f}  {line(row)}")

    return tell
