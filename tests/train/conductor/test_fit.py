"""Training a conductor: it learns what is there to learn, goes on where it stopped, and widens its interval to hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ensemble.conduct.conductor_file import CONDUCTOR, FAMILIES, QUANTILES
from ensemble.errors import ConfigError, DataError, VoiceError
from ensemble.train.conductor.calibration import calibrate, misses_db
from ensemble.train.conductor.crops import ConductorDataset, scenes_of
from ensemble.train.conductor.fit import fit_conductor, starting_card
from ensemble.train.conductor.material import ConductorMaterial, PlayedPart
from ensemble.train.conductor.network import ConductorNet
from ensemble.train.conductor.regression import regress
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.train.conductor.task import pinball_loss
from tests.played_pieces import played_piece

SETTINGS = TrainConductorSettings(
    width=16, heads=2, layers=1, window=32, batch_size=4, crop_frames=64, warmup_frames=8, followers=3, max_steps=16,
    rise_steps=2, audit_steps=8, audit_crops=8, dropout=0.0, device="cpu", ridge=1.0, learning_rate=0.01,
)  # fmt: skip
MATERIAL = ConductorMaterial(
    train=[played_piece(number) for number in range(6)],
    held_out=[played_piece(number) for number in (20, 21)],
    couples=("loudness",),
)


def changed(**values: object) -> TrainConductorSettings:
    return TrainConductorSettings.model_validate(SETTINGS.model_dump() | values)


def test_a_quantile_is_where_its_loss_is_least():
    target = torch.from_numpy(np.random.Generator(np.random.Philox(0)).exponential(size=4000))
    levels = nn.Parameter(torch.zeros(len(QUANTILES), dtype=torch.float64))
    optimizer = torch.optim.Adam([levels], 0.02)
    for _ in range(400):
        optimizer.zero_grad()
        pinball_loss(levels.expand(4000, -1), target, torch.ones(4000)).backward()
        optimizer.step()
    np.testing.assert_allclose(levels.detach(), np.quantile(target, QUANTILES), atol=0.08)


def test_what_is_not_played_does_not_count():
    levels, target = torch.zeros(1, 10, 5), torch.ones(1, 10)
    playing = torch.ones(1, 10)
    playing[:, 4:] = 0
    before = pinball_loss(levels, target, playing)
    target[:, 4:] = 1e6
    assert pinball_loss(levels, target, playing) == before > 0


def test_the_regression_finds_a_linear_rule_and_means_it_for_strangers():
    scenes = scenes_of([played_piece(number, noise_db=0.0) for number in range(8)])
    card = starting_card(SETTINGS, MATERIAL, scenes)
    network = ConductorNet(card)
    regress(network, scenes, changed(gain_share=0.0))
    np.testing.assert_allclose(network.regression.weight[0], network.regression.weight[1:].mean(dim=0), atol=1e-5)
    crop = ConductorDataset(scenes, card, SETTINGS, changes=False)
    errors, at_balance = [], []
    for item in range(30):
        one = crop[item]
        said = network.regression(one["summed_up"][None], one["ids"][None, :, 1])[0]
        drums = (one["is_playing"] > 0) & (one["ids"][:, :1] == 1 + FAMILIES.index("drums"))
        errors.append(float((said - one["target"]).abs()[drums].mean()))
        at_balance.append(float(one["target"][drums].abs().mean()))
    assert np.nanmean(errors) < 0.3 * np.nanmean(at_balance)


def test_training_lowers_the_held_out_loss_and_covers_what_it_should(tmp_path):
    rows: list[dict[str, float]] = []

    def note(state):
        rows[:] = state.rows

    settings = changed(max_steps=60, audit_steps=5, ridge=1e6)  # a regression that knows next to nothing
    result = fit_conductor(settings, MATERIAL, tmp_path, on_step=note)
    assert result.steps == 60
    assert rows[-1]["held_out"] < 0.75 * rows[0]["held_out"]
    path = tmp_path / "conductor.safetensors"
    scenes = scenes_of(MATERIAL.held_out)
    card = calibrate(path, scenes)
    below, above = misses_db(CONDUCTOR.read(path), scenes)
    inside = (below <= card.margin_db[0]) & (above <= card.margin_db[1])
    assert inside.mean() == pytest.approx(0.8, abs=0.01)
    assert card.couples == ("loudness",)
    assert card.metrics["held_out"] == pytest.approx(min(row["held_out"] for row in rows))


def test_a_run_that_was_broken_off_ends_where_an_unbroken_one_does(tmp_path):
    fit_conductor(SETTINGS, MATERIAL, tmp_path / "whole")

    class PulledOut(BaseException):
        pass

    def pull(state):
        if state.step == 9:
            raise PulledOut

    with pytest.raises(PulledOut):
        fit_conductor(SETTINGS, MATERIAL, tmp_path / "broken", on_step=pull)
    with pytest.raises(ConfigError, match="--resume"):
        fit_conductor(SETTINGS, MATERIAL, tmp_path / "broken")
    with pytest.raises(VoiceError, match="window"):
        fit_conductor(changed(window=24), MATERIAL, tmp_path / "broken", resume=True)
    fit_conductor(SETTINGS, MATERIAL, tmp_path / "broken", resume=True)
    whole, again = (CONDUCTOR.read(tmp_path / name / "conductor.safetensors") for name in ("whole", "broken"))
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(tensor, again.tensors[name], err_msg=name)


def test_a_run_goes_on_from_another_conductor_who_has_not_met_everybody(tmp_path):
    fit_conductor(SETTINGS, MATERIAL, tmp_path / "first")
    start = str(tmp_path / "first" / "conductor.safetensors")
    met = CONDUCTOR.read(tmp_path / "first" / "conductor.safetensors")
    without = [replace(piece, parts=tuple(map(_oboe_for_flute, piece.parts))) for piece in MATERIAL.train]
    other = replace(MATERIAL, train=without)
    settings = changed(start=start, learning_rate=1e-9, max_steps=2, audit_steps=2)
    fit_conductor(settings, other, tmp_path / "second")
    then = CONDUCTOR.read(tmp_path / "second" / "conductor.safetensors")
    assert set(then.card.instruments) == {*met.card.instruments, "oboe"}
    assert then.card.recipe.endswith(f"from {start}")
    assert then.card.balance_db["violin"] == met.card.balance_db["violin"]
    for name, tensor in met.tensors.items():
        again = then.tensors[name]
        if name in ("instrument.weight", "regression.weight", "regression.bias"):
            kept = [0, *(1 + then.card.instruments.index(one) for one in met.card.instruments)]
            np.testing.assert_allclose(again[1 + then.card.instruments.index("oboe")], tensor[0], atol=1e-3)
            again = again[kept]
        np.testing.assert_allclose(again, tensor, atol=1e-3, err_msg=name)
    with pytest.raises(ConfigError, match="has layers 1; set layers to it; it is 2"):
        fit_conductor(changed(start=start, layers=2), MATERIAL, tmp_path / "third")
    (tmp_path / "first" / "conductor.safetensors").unlink()
    gone_on = settings.model_copy(update={"max_steps": 4})
    assert fit_conductor(gone_on, other, tmp_path / "second", resume=True).steps == 4, "it needs its beginning no more"
    assert CONDUCTOR.read(tmp_path / "second" / "conductor.safetensors").card.instruments == then.card.instruments


def _oboe_for_flute(part: PlayedPart) -> PlayedPart:
    return replace(part, instrument="oboe") if part.instrument == "flute" else part


def test_nothing_to_learn_from_is_said(tmp_path):
    with pytest.raises(DataError, match="must both hold pieces"):
        fit_conductor(SETTINGS, ConductorMaterial(train=MATERIAL.train, held_out=[]), tmp_path)


def test_the_shipped_settings_are_the_defaults_spelt_out():
    from ensemble.config import configs_dir, parse, read_yaml

    document = read_yaml(configs_dir() / "train_conductor.yaml", "")
    assert parse(TrainConductorSettings, document, "shipped") == TrainConductorSettings()
