"""Stages, rates and the end of a run, as arithmetic."""

from __future__ import annotations

import pytest

from ensemble.train.pace import RunState, learning_rate, note_audit, progress, stage_at
from ensemble.train.player.settings import TrainPlayerSettings

SETTINGS = TrainPlayerSettings(
    max_steps=1000, max_minutes=10.0, regression_share=0.2, learning_rate=1e-3, rise_steps=10
)


def test_steps_or_minutes_whichever_is_further():
    assert progress(RunState(step=500, seconds=60.0), SETTINGS) == 0.5
    assert progress(RunState(step=100, seconds=450.0), SETTINGS) == 0.75


def test_regression_comes_first_and_only_for_the_recipe_that_has_it():
    assert [stage_at(done, SETTINGS) for done in (0.0, 0.19, 0.2, 1.0)] == ["regression"] * 2 + ["spectral"] * 2
    assert stage_at(0.0, SETTINGS.model_copy(update={"loss": "mel_l1"})) == "spectral"


def test_the_rate_rises_at_the_start_of_each_stage_and_ends_at_nothing():
    regression = RunState(step=4, stage="regression")
    assert learning_rate(regression, 0.004, SETTINGS) == pytest.approx(0.5e-3)
    spectral = RunState(step=204, stage="spectral", stage_start=200)
    assert learning_rate(spectral, 0.2, SETTINGS) == pytest.approx(0.5e-3)
    late = RunState(step=600, stage="spectral", stage_start=200)
    assert learning_rate(late, 0.6, SETTINGS) == pytest.approx(0.5e-3)
    assert learning_rate(late, 1.0, SETTINGS) == pytest.approx(0.0, abs=1e-12)


def test_only_the_last_stage_can_go_stale():
    state = RunState(stage="regression")
    assert note_audit(state, {"held_out": 1.0})
    assert not note_audit(state, {"held_out": 2.0})
    assert state.stale == 0
    state.stage = "spectral"
    assert not note_audit(state, {"held_out": 1.5})
    assert state.stale == 1
    assert note_audit(state, {"held_out": 0.5})
    assert (state.stale, state.best_loss) == (0, 0.5)
