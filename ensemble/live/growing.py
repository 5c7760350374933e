"""An array that grows along its first axis, and may forget its beginning."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEWEST_ROWS = 256


class Growing:
    """Rows that are added and never change; they keep their numbers when those before them are forgotten.

    Args:
        shape: of the array, with 0 rows.
        dtype: of its values.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float32) -> None:
        self._room = np.zeros((_FEWEST_ROWS, *shape[1:]), dtype)
        self._begin = self._end = 0
        self._gone = 0

    def __len__(self) -> int:
        """Number of rows that have been added."""
        return self._gone + self._end - self._begin

    @property
    def values(self) -> NDArray[Any]:
        """All rows that are kept, a view."""
        return self._room[self._begin : self._end]

    def rows(self, start: int, stop: int | None = None) -> NDArray[Any]:
        """The rows from one to before another, or to the last; a view.

        Args:
            start: the first, which is kept.
            stop: the first after them; there may be fewer.
        """
        return self.values[start - self._gone : None if stop is None else max(stop - self._gone, 0)]

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows."""
        stop = self._end + len(rows)
        if stop > len(self._room):
            kept = self.values
            room = np.zeros((max(2 * (len(kept) + len(rows)), _FEWEST_ROWS), *kept.shape[1:]), kept.dtype)
            room[: len(kept)] = kept
            self._room, self._begin, self._end = room, 0, len(kept)
            stop = self._end + len(rows)
        self._room[self._end : stop] = rows
        self._end = stop

    def forget(self, before: int) -> None:
        """No row before this one is asked for any more."""
        gone = min(max(before - self._gone, 0), self._end - self._begin)
        self._begin += gone
        self._gone += gone
