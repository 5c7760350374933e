"""The order in which a kern file's sections are played: by one of its expansion lists.

Source: the Humdrum user guide on sections: `*>A` begins section A, `*>[A,B,A]` is the usual order, `*>norep[A,B]`
another one, of that name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ensemble.errors import DataError
from ensemble.scores.kern.interpretations import metre_of
from ensemble.scores.kern.spine import Record

WRITTEN = "written"
"""The name under which every section is played once, as the file has them."""
SHORTEST = "norep"
"""The list without repeats: followed unless another one is asked for."""
MAX_RECORDS = 1_000_000
"""A list that plays more lines is refused."""
_LIST = re.compile(r"\*>([^\[\]]*)\[([^\[\]]*)\]")
_LABEL = re.compile(r"\*>([^\[\]]+)")


class Ordered(NamedTuple):
    """Records as they are played."""

    records: list[Record]
    """Without labels and lists."""
    followed: str | None
    """What is to be said of the list that was followed; None where the file has none, or it changes nothing."""


class _Section(NamedTuple):
    """Some records in the order of the file, and the tempo and metre that hold where they begin."""

    records: list[Record]
    state: list[Record]


def in_order(records: list[Record], expansion: str | None, name: str) -> Ordered:
    """Follow an expansion list: the one of that name, or else `SHORTEST`, or else the file's unnamed one.

    What stands before the first label is played first. A section that does not follow the one before it in the file
    begins with the tempo and the metre that it has there.

    Raises:
        DataError: there is no such list, it names a section that does not exist, or plays more than `MAX_RECORDS`.
    """
    lists = {found[1]: (record, _names(found[2])) for record in records if (found := _LIST.fullmatch(record.text))}
    chosen = expansion if expansion is not None else SHORTEST if SHORTEST in lists else ""
    if expansion not in (None, "", WRITTEN) and expansion not in lists:
        known = ", ".join([*(one for one in lists if one), WRITTEN])
        raise DataError(name, f"has no expansion list {expansion!r}", f"choose one of: {known}")
    if chosen not in lists:
        return Ordered([one for one in records if not (_LIST.fullmatch(one.text) or _LABEL.fullmatch(one.text))], None)
    sections = _sections([record for record in records if not _LIST.fullmatch(record.text)])
    record, order = lists[chosen]
    if not order:
        raise DataError(f"{name}:{record.line}", "is an expansion list without sections", "correct the list")
    if missing := [label for label in order if label not in sections]:
        place = f"{name}:{record.line}"
        raise DataError(place, f"names section {missing[0]!r}, which is not there", "correct the list")
    if sum(len(sections[label].records) for label in order) > MAX_RECORDS:
        raise DataError(f"{name}:{record.line}", "repeats more than any music does", "correct the list")
    labels = list(sections)
    played = ["", *order]
    ordered = [*sections[""].records]
    for before, label in zip(played, order, strict=False):
        if labels.index(label) != labels.index(before) + 1:
            ordered += sections[label].state
        ordered += sections[label].records
    if played == labels:
        return Ordered(ordered, None)
    others = ", ".join([*(repr(one) for one in lists if one not in (chosen, "")), repr(WRITTEN)])
    listed = f"list {chosen!r}" if chosen else "list"
    return Ordered(ordered, f"Sections follow the expansion {listed}: {', '.join(order)[:60]} (others: {others[:60]}).")


def _names(listed: str) -> list[str]:
    return [label.strip() for label in listed.split(",") if label.strip()]


def _sections(records: list[Record]) -> dict[str, _Section]:
    """The sections by their labels; what stands before the first has none. Equal labels are one section."""
    sections = {"": _Section([], [])}
    label = ""
    state: dict[str, Record] = {}
    for record in records:
        if found := _LABEL.fullmatch(record.text):
            label = found[1]
            sections.setdefault(label, _Section([], list(state.values())))
        else:
            sections[label].records.append(record)
            if record.text.startswith("*MM"):
                state["tempo"] = record
            elif metre_of(record.text) is not None:
                state["metre"] = record
    return sections
