"""Rates and the end of a run, as arithmetic."""

from __future__ import annotations

import pytest

from ensemble.train.pace import FitState, annealing
from ensemble.train.settings import FitSettings


def test_steps_or_minutes_whichever_is_further():
    state, settings = FitState(), FitSettings(max_steps=1000, max_minutes=10.0)
    state.count(500, 60.0, settings)
    assert (state.step, state.seconds, state.done) == (500, 60.0, 0.5)
    state.count(100, 450.0, settings)
    assert state.done == 0.75


def test_the_rate_rises_whenever_the_loss_changes_and_ends_at_nothing():
    warming_up = FitState(step=4, done=0.004, is_warming_up=True)
    assert annealing(warming_up, 10, 0.2) == pytest.approx(0.5)
    begun = FitState(step=204, done=0.2, stage_start=200)
    assert annealing(begun, 10, 0.2) == pytest.approx(0.5)
    assert annealing(FitState(step=600, done=0.6, stage_start=200), 10, 0.2) == pytest.approx(0.5)
    assert annealing(FitState(step=600, done=1.0, stage_start=200), 10, 0.2) == pytest.approx(0.0, abs=1e-12)
    assert annealing(FitState(step=600, done=0.5), 10) == pytest.approx(0.5)


def test_the_best_audit_is_remembered():
    state = FitState(step=10)
    assert state.add_audit({"held_out": 1.0})
    state.step = 20
    assert not state.add_audit({"held_out": 1.5})
    assert (state.best_loss, state.best_step) == (1.0, 10)
    assert state.add_audit({"held_out": 0.5})
    assert (state.best_loss, state.best_step, len(state.rows)) == (0.5, 20, 3)
