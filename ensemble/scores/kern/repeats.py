"""Repeats and expansion lists: the order in which the sections of a score are played."""

from __future__ import annotations

import re
from typing import NamedTuple

from ensemble.errors import DataError
from ensemble.scores.kern.spine import Record

MAX_RECORDS = 200_000
"""Of a score that is played out: a list that names a section a million times is a slip or worse."""
_LIST = re.compile(r"\*>(\w*)\[([^\]]*)\]", re.ASCII)
_LABEL = re.compile(r"\*>(\w+)", re.ASCII)
_BAR = re.compile(r"=+\d*[a-z]?(?P<sign>[^;]*)", re.ASCII)


class Signs(NamedTuple):
    """What a bar line says of repeats."""

    ends: bool
    starts: bool


def signs_of(bar_line: str) -> Signs:
    """`=:|!` ends a repeat, `=!|:` starts one, `=:|!|:` does both."""
    found = _BAR.match(bar_line)
    sign = found["sign"] if found else ""
    return Signs(ends=sign.startswith(":"), starts=len(sign) > 1 and sign.rstrip("-").endswith(":"))


def expansions(records: list[Record]) -> dict[str, str]:
    """The expansion lists by name; the nameless one is the one to follow."""
    found = (_LIST.fullmatch(record.text) for record in records if record.text.startswith("*>"))
    return {listed[1]: listed[2] for listed in found if listed}


def expanded(records: list[Record], name: str) -> list[Record]:
    """The records in the order they are played: by the nameless expansion list, or else by the repeat signs.

    Raises:
        DataError: the list names a section that is not there, or everything is repeated beyond all reason.
    """
    listed = expansions(records).get("")
    return _by_signs(records) if listed is None else _by_list(records, listed, name)


def _by_list(records: list[Record], listed: str, name: str) -> list[Record]:
    sections: dict[str, list[Record]] = {"": []}
    current = sections[""]
    for record in records:
        if label := _LABEL.fullmatch(record.text):
            current = sections.setdefault(label[1], [])
        current.append(record)
    played = list(sections[""])  # what stands before the first label belongs to all
    for label_name in listed.split(","):
        if label_name.strip() not in sections:
            raise DataError(name, f"the expansion list names a section {label_name[:20]!r} that is not there")
        played += sections[label_name.strip()]
        if len(played) > MAX_RECORDS:
            raise DataError(name, "is endless once its expansion list is followed", "read it without repeats")
    return played


def _by_signs(records: list[Record]) -> list[Record]:
    """Each section between its signs twice; an end without a start goes back to the end before it."""
    played: list[Record] = []
    opened = 0
    for index, record in enumerate(records):
        played.append(record)
        if record.text.startswith("="):
            signs = signs_of(record.text)
            if signs.ends:
                played += records[opened : index + 1]
            if signs.ends or signs.starts:
                opened = index + 1
    return played
