"""Rows that are added, and forgotten from the beginning."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.live.growing import Growing


@pytest.mark.parametrize("size", [1, 7, 300])
def test_rows_keep_their_numbers_and_the_room_stays_small(size: int) -> None:
    growing, rows = Growing((0, 2)), np.arange(6000, dtype=np.float32).reshape(-1, 2)
    for start in range(0, len(rows), size):
        growing.append(rows[start : start + size])
        growing.forget(start - 50)
        kept = slice(max(start - 50, 0), start + size)
        assert len(growing) == len(rows[: start + size])
        np.testing.assert_array_equal(growing.values, rows[kept])
        np.testing.assert_array_equal(growing.rows(kept.start + 1, kept.stop), rows[kept][1:])
        np.testing.assert_array_equal(growing.rows(kept.stop), rows[:0])
    assert len(growing._room) <= max(2 * (50 + 2 * size), 256)


def test_what_was_lent_stays_as_it_was() -> None:
    growing = Growing((0,))
    growing.append(np.arange(200.0))
    lent = growing.values
    growing.forget(150)
    growing.append(np.arange(200.0))
    np.testing.assert_array_equal(lent, np.arange(200.0))
    np.testing.assert_array_equal(growing.rows(150, 152), [150, 151])
