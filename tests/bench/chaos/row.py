"""What came of one event."""

from __future__ import annotations

from typing import Any, TypedDict

from tests.bench.chaos.watched import Watched, hashes


class Row(TypedDict):
    """One event, as it is printed."""

    event: str
    """Its name."""
    stall_s: float | None
    """The longest time between two delivered blocks; of an event before the first, from it to the next stage."""
    usual_s: float
    """The same of an undisturbed render."""
    blocks_replayed: int | None
    """The most that any one part worked on again."""
    hashes_equal: bool | None
    """Whether every file is the undisturbed render's; None where the render could not be finished and need not be."""
    said: str
    """What else there is to say, or how it failed."""
    is_good: bool
    """Whether it came out as it must."""


def fresh(event: str, usual_s: float) -> Row:
    """The row of an event that nothing is known of yet."""
    return Row(
        event=event, stall_s=None, usual_s=round(usual_s, 3), blocks_replayed=None, hashes_equal=None, said="",
        is_good=False,
    )  # fmt: skip


def judged(row: Row, watched: Watched, expected: dict[str, Any]) -> None:
    """Wait for the end of a render, and hold it against the manifest of an undisturbed one.

    Raises:
        BandError: it did not end as it should.
    """
    manifest = watched.end()
    execution = manifest["execution"]
    row["stall_s"] = round(watched.stall_s, 3)
    row["blocks_replayed"] = max(execution["replays"].values(), default=0)
    row["hashes_equal"] = row["is_good"] = hashes(manifest) == hashes(expected)
    acts = ", ".join(f"{one['who']} {one['cause']}: {one['action']}" for one in execution["incidents"])
    row["said"] += f" ({acts})" if acts else ""
    row["said"] += f"; replayed: {execution['replays']}" if execution["replays"] else ""
