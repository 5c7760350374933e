"""The one trainer, with a task that costs nothing: it audits, loses patience and goes on as every task of ours does."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ensemble.conduct.arranger_file import ARRANGER, ArrangerCard
from ensemble.errors import ConfigError, DataError, VoiceError
from ensemble.train.pace import FitState
from ensemble.train.settings import FitSettings
from ensemble.train.trainer import FitResult, FitTask, check_folder, fit

SETTINGS = FitSettings(
    batch_size=2, max_steps=7, max_minutes=60.0, learning_rate=0.1, audit_steps=3, patience=2, device="cpu",
    checkpoint_minutes=1e-6,
)  # fmt: skip


LINE = replace(ARRANGER, name="a line", shapes=lambda _: {"weight": (1, 2), "bias": (1,)})


class Numbers(Dataset[Tensor]):
    """Item n is known by n."""

    def __getitem__(self, item: int) -> Tensor:
        return torch.tensor([float(item % 5), 1.0])


class Line(FitTask[FitSettings, nn.Module]):
    """Learns that everything is 1; every audit is better than the last one, or finds what it is told to."""

    def __init__(self, settings: FitSettings, found: float | None = None) -> None:
        torch.manual_seed(0)
        super().__init__(settings, nn.Linear(2, 1))
        self.found = found

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.network.parameters())

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        assert self.network.training
        return (self.network(batch) - 1).square().mean()

    def audit(self, batch: dict[str, Tensor]) -> dict[str, float]:
        assert not self.network.training
        assert batch["crop"].shape == (4, 2)
        return {"held_out": 1.0 / self.state.step if self.found is None else self.found}


def run(out: Path, task: Line, *, data: str = "numbers", resume: bool = False, **options) -> FitResult:
    check_folder(out, task.settings, data, resume=resume)
    tried = {"crop": torch.ones(4, 2)}
    card = ArrangerCard(hidden=8)
    return fit(task, Numbers(), tried, out, data=data, model=LINE, card=card, metrics=dict, **options)


def changed(**values: object) -> FitSettings:
    return SETTINGS.model_copy(update=values)


def steps(out: Path) -> list[int]:
    return [int(row["step"]) for row in csv.DictReader((out / "curve.csv").read_text().splitlines())]


def test_it_audits_by_steps_and_at_the_end_and_writes_what_is_best(tmp_path):
    told: list[tuple[int, int]] = []
    result = run(
        tmp_path, Line(SETTINGS),
        on_step=lambda state: told.append((state.step, len(state.rows))),
    )  # fmt: skip
    assert (result.steps, result.best_step, result.reason) == (7, 7, "all steps were done")
    assert steps(tmp_path) == [3, 6, 7]
    assert LINE.read(tmp_path / "line.safetensors").card.metrics["step"] == 7
    assert told == [(1, 0), (2, 0), (3, 0), (3, 1), (4, 1), (5, 1), (6, 1), (6, 2), (7, 2), (7, 3)]


@pytest.mark.parametrize("broken_at", [2, 3, 6, 7])
def test_wherever_it_was_broken_off_it_ends_as_an_unbroken_run(tmp_path, broken_at):
    whole, first, second = Line(SETTINGS), Line(SETTINGS), Line(SETTINGS)
    run(tmp_path / "whole", whole)

    class PulledOut(BaseException):
        pass

    def pull(state: FitState) -> None:
        if state.step == broken_at:
            raise PulledOut

    with pytest.raises(PulledOut):
        run(tmp_path / "cut", first, on_step=pull)
    result = run(tmp_path / "cut", second, resume=True)
    assert result.steps == 7
    if broken_at < 7:  # otherwise nothing is left to learn
        for ours, theirs in zip(second.network.parameters(), whole.network.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_a_finished_run_goes_on_where_more_steps_are_asked_for(tmp_path):
    run(tmp_path / "whole", Line(changed(max_steps=13)))
    run(tmp_path / "twice", Line(SETTINGS))
    assert run(tmp_path / "twice", Line(SETTINGS), resume=True).reason == "all steps were done"
    task = Line(changed(max_steps=13))
    assert run(tmp_path / "twice", task, resume=True).steps == 13
    assert steps(tmp_path / "whole") == [3, 6, 9, 12, 13]
    assert steps(tmp_path / "twice") == [3, 6, 7, 9, 12, 13]


def test_the_best_weights_stay(tmp_path):
    class Worse(Line):
        def audit(self, batch: dict[str, Tensor]) -> dict[str, float]:
            return {"held_out": float(self.state.step)}

    result = run(tmp_path, Worse(SETTINGS))
    assert (result.best_step, result.best_loss) == (3, 3.0)
    assert LINE.read(tmp_path / "line.safetensors").card.metrics["step"] == 3


def test_patience_is_not_lost_while_another_loss_is_minimised(tmp_path):
    class TwoStages(Line):
        def on_train_batch_start(self, batch: Tensor, batch_idx: int) -> None:
            self.state.is_warming_up = self.state.step < 12
            super().on_train_batch_start(batch, batch_idx)

    settings = changed(max_steps=100)
    result = run(tmp_path / "one", Line(settings, found=1.0))
    assert (result.steps, result.reason) == (9, "nothing improved in 2 audits")
    result = run(tmp_path / "two", TwoStages(settings, found=1.0))
    assert (result.steps, result.reason) == (21, "nothing improved in 2 audits")


def test_a_loss_that_is_no_number_ends_the_run(tmp_path):
    with pytest.raises(DataError, match="never came to an answer that is a number; lower learning_rate"):
        run(tmp_path, Line(SETTINGS, found=math.nan))


def test_time_ends_a_run_and_more_time_goes_on(tmp_path):
    result = run(tmp_path, Line(changed(max_minutes=1e-9)))
    assert (result.steps, result.reason) == (1, "time limit reached")
    assert steps(tmp_path) == [1]
    assert run(tmp_path, Line(SETTINGS), resume=True).steps == 7


def test_another_run_is_refused(tmp_path):
    run(tmp_path, Line(SETTINGS))
    with pytest.raises(ConfigError, match="holds a run already; say --resume"):
        check_folder(tmp_path, SETTINGS, resume=False)
    with pytest.raises(VoiceError, match="was made with data numbers, not letters, seed 0, not 1"):
        check_folder(tmp_path, changed(seed=1), "letters", resume=True)
    check_folder(tmp_path, changed(seed=0, max_steps=1, patience=9), resume=True)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "arranger.safetensors").touch()
    with pytest.raises(ConfigError, match="holds a run already"):
        check_folder(tmp_path / "old", SETTINGS, resume=False)
    check_folder(tmp_path / "new", SETTINGS, resume=True)
    assert not (tmp_path / "new").exists()
