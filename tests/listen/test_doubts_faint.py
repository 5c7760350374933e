import numpy as np
import pytest

from ensemble.listen.diagnostics import faintness


@pytest.mark.parametrize(("loudest_db", "is_told"), [(-75.0, True), (-51.0, True), (-49.0, False), (-12.0, False)])
def test_a_leader_too_quiet_to_lead_is_told(loudest_db: float, is_told: bool) -> None:
    loudness_db = np.linspace(-100.0, loudest_db, 50, dtype=np.float32)
    assert any("very quiet" in sentence for sentence in faintness(loudness_db)) is is_told
