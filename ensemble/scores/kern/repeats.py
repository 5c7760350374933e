"""Repeats and expansion lists, which are named and not followed: each section is played once."""

from __future__ import annotations

import re
from typing import NamedTuple

from ensemble.scores.kern.spine import Record

_LIST = re.compile(r"\*>(\w*)\[([^\]]*)\]", re.ASCII)
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
    """The expansion lists by name; the nameless one is the one that a player would follow."""
    found = (_LIST.fullmatch(record.text) for record in records if record.text.startswith("*>"))
    return {listed[1]: listed[2] for listed in found if listed}
