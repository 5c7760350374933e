"""F-measures counted by hand, and what is said where there is nothing to compare."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ensemble.measure.f_measure import events_f1, strokes_f1


def test_an_event_is_found_once_and_only_within_the_window():
    true_s = np.array([1.0, 2.0, 3.0])
    assert events_f1(true_s, np.array([1.04, 2.0, 3.2]), 0.05) == pytest.approx(2 / 3)
    assert events_f1(true_s, np.array([0.98, 1.02]), 0.05) == pytest.approx(0.4)


def test_strokes_count_in_their_own_cell():
    true = np.array([[True, False], [False, True], [False, False], [True, False]])
    assert strokes_f1(true, true) == 1.0
    assert strokes_f1(true, np.roll(true, 1, axis=0)) == pytest.approx(1 / 3)
    assert strokes_f1(true, ~true) == 0.0


def test_nothing_against_something_is_wrong_and_against_nothing_is_no_figure():
    none, some = np.zeros(4, bool), np.ones(4, bool)
    assert strokes_f1(none, some) == strokes_f1(some, none) == 0.0
    assert math.isnan(strokes_f1(none, none))
