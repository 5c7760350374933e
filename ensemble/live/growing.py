"""An array that grows along its first axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Growing:
    """Rows that are added and never change.

    Args:
        shape: of the array, with 0 rows.
        dtype: of its values.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any = np.float32) -> None:
        self._room = np.zeros((256, *shape[1:]), dtype)
        self._length = 0

    def __len__(self) -> int:
        """Number of rows."""
        return self._length

    @property
    def values(self) -> NDArray[Any]:
        """All rows so far, a view."""
        return self._room[: self._length]

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows."""
        stop = self._length + len(rows)
        if stop > len(self._room):
            room = np.zeros((max(2 * len(self._room), stop), *self._room.shape[1:]), self._room.dtype)
            room[: self._length] = self.values
            self._room = room
        self._room[self._length : stop] = rows
        self._length = stop
