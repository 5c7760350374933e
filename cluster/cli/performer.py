"""`ensemble train performer` and `ensemble evaluate performer`. Reads arguments, calls, prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json, print_result
from cluster.cli.progress import Monitor, number
from cluster.cli.train_options import Config, HeldOut, MaxMinutes, MaxSteps, Resume, command_line, teller
from ensemble.errors import DataError

if TYPE_CHECKING:
    from ensemble.train.pace import Row

Folder = Annotated[Path, typer.Option("--data", help="A data set with recordings of single lines.")]


def train_performer(
    instrument: Annotated[str, typer.Option(help="The instrument, by its name in the catalogue.")],
    data: Folder,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The run's folder: performer, checkpoint, learning curve.")
    ] = Path("performer-run"),
    config: Config = None,
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Train a performer: what a written note of an instrument becomes, from how recorded ones were played."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.data.readers import check_set

        check_set(data)
        from ensemble.conduct.performer_file import PERFORMER
        from ensemble.config import read_settings
        from ensemble.train.performer.fit import fit_performer
        from ensemble.train.performer.material import read_takes
        from ensemble.train.performer.settings import TrainPerformerSettings
        from ensemble.train.trainer import check_folder

        given = {"max_minutes": max_minutes, "max_steps": max_steps}
        settings = read_settings(TrainPerformerSettings, config, "train_performer.yaml", given)
        check_folder(out, settings, resume=resume)
        taught, held_out = (
            read_takes(data, instrument, split, monitor.progress, monitor.say) for split in ("train", "valid")
        )
        fit_performer(
            settings, instrument, taught, held_out, out, origin=data.absolute().name, command=command_line(),
            resume=resume, on_step=teller(monitor, "the performer", _line),
        )  # fmt: skip
        path = out / PERFORMER.file_name
        card = PERFORMER.read(path).card
    if as_json:
        print_json({"performer": str(path), "minutes": card.training_minutes} | card.metrics)
        return
    figures = card.metrics
    typer.echo(f"held out at step {figures['step']}: {figures['level_db']} dB, {figures['bend_cents']} cents off")
    typer.echo(f"performer: {path}")


def evaluate_performer(
    data: Annotated[Path | None, typer.Option(help="A data set with recordings of single lines.")] = None,
    performer: Annotated[
        list[str] | None,
        typer.Argument(help="Shipped performers, or paths (.safetensors); all shipped ones if absent."),
    ] = None,
    split: HeldOut = "test",
    render: Annotated[
        list[Path] | None, typer.Option(help="A folder that `render` wrote, whose stems' notes are measured.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let performers and the rules play held-out notes, and hold both against what was played."""
    if data is None and not render:
        raise DataError("evaluate performer", "has nothing to measure", "say --data SET or --render DIR")
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.conduct.performer import Performer
        from ensemble.conduct.performer_file import PERFORMER
        from ensemble.config import weights_dir, weights_in
        from ensemble.measure.performing import evaluate_performer as run
        from ensemble.rendering.evaluate import note_shapes_of_render
        from ensemble.train.performer.material import read_takes

        found: dict[str, Any] = {"instruments": {}, "renders": {}}
        for name in (performer or weights_in(weights_dir("performer"))) if data is not None else ():
            weights = PERFORMER.load(name)
            instrument = weights.card.instrument
            takes = read_takes(Path(str(data)), instrument, split, monitor.progress, monitor.say)
            found["instruments"][name] = run(instrument, Performer(weights), takes, monitor.progress)
        found["renders"] = {str(folder): note_shapes_of_render(folder) for folder in render or []}
    print_result(as_json, found, lambda: _show(found))


def _show(found: dict[str, Any]) -> None:
    if found["instruments"]:
        typer.echo(f"{'':<30}{'performer':>24}{'rules':>24}{'recorded':>24}")
    for name, figures in found["instruments"].items():
        for field in (
            "loudness_error_db",
            "decay_db_per_s",
            "first_fall_db",
            "vibrato_hz",
            "vibrato_cents",
            "two_sample_auc",
        ):
            cells = "".join(f"{_told(figures.get(f'{who}{field}')):>24}" for who in ("", "rules_", "true_"))
            typer.echo(f"{name + ' ' + field:<30}{cells}")
    for folder, stems in found["renders"].items():
        for stem, figures in stems.items():
            falls = f"decay {_told(figures['decay_db_per_s'])} dB/s, first fall {_told(figures['first_fall_db'])} dB"
            typer.echo(f"{folder} {stem}: {falls}, {figures['notes']} notes")


def _told(value: float | list[float] | None) -> str:
    """A figure, or median and 10 to 90 %."""
    if isinstance(value, list):
        return f"{value[0]:.1f} ({value[1]:.1f} to {value[2]:.1f})"
    return number(value, ".3f") if value is not None else "-"


def _line(row: Row) -> str:
    return f"held out: {row['level_db']:.2f} dB, {row['bend_cents']:.1f} cents off"
