"""The promise of the training step, as a ratio in one process."""

from __future__ import annotations

import pytest

from tests.bench.training_speed import bench_train


@pytest.mark.alone
def test_a_step_is_eight_times_as_fast_as_the_textbook_s() -> None:
    figures = bench_train()
    assert figures["train_ratio"] >= 8.0
