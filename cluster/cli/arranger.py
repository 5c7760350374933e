"""`ensemble train arranger` and `ensemble evaluate arranger`. Reads arguments, calls, prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import Monitor, number
from cluster.cli.train_options import Config, HeldOut, MaxMinutes, MaxSteps, Resume, command_line, teller
from ensemble.errors import DataError

if TYPE_CHECKING:
    from ensemble.train.pace import Row

Folder = Annotated[
    Path, typer.Option("--data", help="Multitrack MIDI: a folder of .mid files, or a set of Slakh's layout.")
]


def train_arranger(
    data: Folder,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The run's folder: arranger, checkpoint, learning curve.")
    ] = Path("arranger-run"),
    config: Config = None,
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Train an arranger on multitrack MIDI: every pitched part leads once, and the others answer it."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.data.readers import check_set

        check_set(data)
        from ensemble.conduct.arranger_file import ARRANGER
        from ensemble.config import read_settings
        from ensemble.train.arranger.fit import fit_arranger
        from ensemble.train.arranger.material import gather_lessons, licence_of, midi_files
        from ensemble.train.arranger.settings import TrainArrangerSettings
        from ensemble.train.trainer import check_folder

        given = {"max_minutes": max_minutes, "max_steps": max_steps}
        settings = read_settings(TrainArrangerSettings, config, "train_arranger.yaml", given)

        check_folder(out, settings, resume=resume)
        files = midi_files(data, monitor.progress, monitor.say)
        taught, held_out = (
            gather_lessons([one for one in files if one[2] == split], most, monitor.progress, monitor.say)
            for split, most in (("train", settings.most_lessons), ("valid", settings.most_held_out))
        )
        fit_arranger(
            settings, taught, held_out, out, origin=data.absolute().name, licence=licence_of(data),
            command=command_line(), resume=resume, on_step=teller(monitor, "the arranger", _line),
        )  # fmt: skip
        path = out / ARRANGER.file_name
        card = ARRANGER.read(path).card
    if as_json:
        print_json({"arranger": str(path), "minutes": card.training_minutes} | card.metrics)
        return
    figures = card.metrics
    typer.echo(
        f"held out at step {figures['step']}: {figures['action_nats']} nats an action, {figures['tone_nats']} a tone"
    )
    typer.echo(f"arranger: {path}")


def evaluate_arranger(
    data: Folder,
    arranger: Annotated[str, typer.Argument(help="A shipped arranger's name, or a path (.safetensors).")] = "learned",
    split: HeldOut = "test",
    as_json: AsJson = False,
) -> None:
    """Let an arranger and the rules write for the same leaders, and hold both against what was played."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.conduct.arranger import Arranger
        from ensemble.conduct.arranger_file import ARRANGER
        from ensemble.measure.arranging import FIGURES
        from ensemble.measure.arranging import evaluate_arranger as run
        from ensemble.train.arranger.material import midi_files, read_pieces

        files = [one for one in midi_files(data, monitor.progress, monitor.say) if one[2] == split]
        pieces = list(read_pieces(files, monitor.progress, monitor.say))
        if not pieces:
            raise DataError(str(data), f"has no piece of several parts in the {split} split", "name another set")
        figures = run(Arranger(ARRANGER.load(arranger)), pieces, monitor.progress)
    if as_json:
        print_json({"arranger": arranger} | figures)
        return
    typer.echo(f"{figures['pieces']} pieces, {figures['leaders']} leaders, {figures['parts']} parts")
    typer.echo(f"{'':<18}{'learned':>9}{'rules':>9}{'true':>9}  learned less rules, 95 %")
    for name in FIGURES:
        means = "".join(f"{number(figures[who][name], '.3f'):>9}" for who in ("learned", "rules", "true"))
        apart = figures["difference"][name]
        typer.echo(f"{name:<18}{means}  {' to '.join(number(one, '.3f') for one in apart) if apart else '-'}")
    outside = {who: figures[who]["range_violations"] for who in ("learned", "rules")}
    typer.echo(f"notes out of range: {outside['learned']} learned, {outside['rules']} by rules")


def _line(row: Row) -> str:
    return f"held out: actions {row['action_nats']:.3f} nats, tones {row['tone_nats']:.3f} nats"
