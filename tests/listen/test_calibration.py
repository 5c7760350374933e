"""Confidences are bent, never turned over."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from ensemble.listen.calibration import CALIBRATION, SUREST, CalibratedSubject, calibrated

FOUND = np.array([0.0, 0.1, 0.5, 0.9, 1.0], np.float32)


@pytest.mark.parametrize("subject", get_args(CalibratedSubject))
def test_what_was_surer_stays_surer_and_nothing_is_certain(subject: CalibratedSubject) -> None:
    said = calibrated(subject, FOUND)
    assert (np.diff(said) > 0).all()
    assert said[0] > 0
    assert said[-1] <= np.float32(SUREST)
    assert said[2] == pytest.approx(1 / (1 + np.exp(-CALIBRATION[subject][1])))
