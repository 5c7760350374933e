"""Which rows may answer, in the words that every engine reads: comparisons, `and`, `or`, `not in`, numbers inline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ensemble.retrieve.library.store import StoreFilter


def expression(where: StoreFilter) -> str:
    """A filter in the words that every engine reads.

    Bounds are rounded to float32, as the columns are: then comparing as float32 or as float64 is the same.
    """
    terms = []
    if where.min_level_db is not None:
        terms.append(f"level_db >= {_number(where.min_level_db)}")
    if where.max_level_db is not None:
        terms.append(f"level_db <= {_number(where.max_level_db)}")
    if where.min_remaining_s is not None:
        terms.append(f"remaining_s >= {_number(where.min_remaining_s)}")
    if where.tempo_bpm:
        ranges = [f"(tempo_bpm >= {_number(low)} and tempo_bpm <= {_number(high)})" for low, high in where.tempo_bpm]
        terms.append(f"({' or '.join(ranges)})")
    if where.exclude_recordings:
        terms.append(f"recording not in {strings(where.exclude_recordings)}")
    return " and ".join(terms)


def strings(values: Sequence[str]) -> str:
    """A list of strings, quoted."""
    return "[" + ", ".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "]"


def _number(value: float) -> str:
    return repr(float(np.float32(value)))
