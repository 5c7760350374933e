"""The frame of a kern file: which lines belong to the one spine, which are about it, and where it ends."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from ensemble.errors import DataError

_SPLIT, _JOIN, _END = "*^", "*v", "*-"
_REARRANGING = {"*+", "*x"}
_ONE_VOICE = "extract one voice into a file of its own"


class Record(NamedTuple):
    """A bar line, an interpretation or a data token of the spine."""

    line: int
    """Number of its line in the file, from 1."""
    text: str


class Spine(NamedTuple):
    """The one spine of a file that holds notes."""

    records: list[Record]
    """In order, without comments and null tokens."""
    warnings: list[str]
    """What was left out, one sentence each."""


def decode(data: bytes) -> str:
    """UTF-16 where a mark says so, UTF-8, or else Latin-1, which reads anything."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def find_spine(text: str, name: str) -> Spine:
    """Take the one kern spine out of a file's text.

    Raises:
        DataError: no such spine or two, spines that split, join or end apart, lines of another width, data after the
            end, or no end; with the line.
    """
    records: list[Record] = []
    warnings: list[str] = []
    column, spines, has_ended = -1, list[str](), False
    # Not splitlines: in Latin-1 files some letters would count as line breaks.
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        line = raw.rstrip(" ")
        if not line or line.startswith("!"):
            continue
        if has_ended:
            raise DataError(f"{name}:{number}", "stands after the end of the spine (*-)", "keep one piece in a file")
        tokens = line.split("\t")
        if column < 0:
            spines = _open(tokens, f"{name}:{number}", warnings)
            column = spines.index("**kern")
            continue
        if len(tokens) != len(spines) or "*" in line or "" in tokens:
            spines, after = _row(tokens, spines, f"{name}:{number}")
        else:
            after = column
        token = tokens[column]
        column, has_ended = after, token == _END
        if not token.startswith("!") and token not in (".", "*", "*-"):
            records.append(Record(number, token))
    if column < 0:
        raise DataError(name, "holds no **kern spine", "give a Humdrum file with a melody in **kern")
    if not has_ended:
        raise DataError(name, "has no end of the spine (*-)", "the file is cut short: copy it again")
    return Spine(records, warnings)


def _open(heads: list[str], place: str, warnings: list[str]) -> list[str]:
    """The spines, of which one is kern."""
    if not all(head.startswith("**") for head in heads):
        raise DataError(place, f"{heads[0][:20]!r} stands before **kern", "a spine begins with its name")
    voices = [column for column, head in enumerate(heads) if head == "**kern"]
    if not voices:
        raise DataError(place, f"is {heads[0][:20]}, not **kern", "give a Humdrum file with a melody in **kern")
    if len(voices) > 1:
        raise DataError(place, f"has {len(voices)} **kern spines", _ONE_VOICE)
    others = [head for head in heads if head != "**kern"]
    if others:
        warnings.append(f"Only the notes are read, not {', '.join(others)}.")
    return heads


def _row(tokens: list[str], spines: list[str], place: str) -> tuple[list[str], int]:
    """Check a row that may change the spines; the spines after it, and the kern spine's column among them."""
    if len(tokens) != len(spines):
        split = next((token for token in tokens if token in (_SPLIT, _JOIN)), None)
        if split and len(spines) == 1:
            raise DataError(place, f"polyphonic: the spine splits or joins ({split})", _ONE_VOICE)
        raise DataError(place, f"has {len(tokens)} columns for {len(spines)} spines", "columns are parted by one tab")
    if "" in tokens:
        raise DataError(place, "has an empty column", "write . where nothing happens")
    if any(token.startswith("**") for token in tokens):
        raise DataError(place, "begins another kind of spine", _ONE_VOICE)
    if changed := _REARRANGING.intersection(tokens):
        raise DataError(place, f"adds or exchanges spines ({min(changed)})", _ONE_VOICE)
    after: list[str] = []
    for column, (token, spine) in enumerate(zip(tokens, spines, strict=True)):
        if spine == "**kern" and token in (_SPLIT, _JOIN):
            raise DataError(place, f"polyphonic: the spine splits or joins ({token})", _ONE_VOICE)
        if spine == "**kern" and token == _END and any(other != _END for other in tokens):
            raise DataError(place, "ends before the others", _ONE_VOICE)
        joins = token == _JOIN and column > 0 and tokens[column - 1] == _JOIN and spines[column - 1] == spine
        if not joins and token != _END:
            after += [spine] * (2 if token == _SPLIT else 1)
    return after, after.index("**kern") if "**kern" in after else 0
