"""The frame of a kern file: which lines belong to the one spine, which are about it, and where it ends."""

from __future__ import annotations

from typing import NamedTuple

from ensemble.errors import DataError

SPINE_OPERATIONS = {"*^", "*v", "*+", "*x"}
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
    """UTF-8, or else Latin-1, which reads anything."""
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
    column, width, has_ended = -1, 0, False
    # Not splitlines: in Latin-1 files some letters would count as line breaks.
    for number, raw in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        line = raw.rstrip(" ")
        if not line or line.startswith("!"):
            continue
        if has_ended:
            raise DataError(f"{name}:{number}", "stands after the end of the spine (*-)", "keep one piece in a file")
        tokens = line.split("\t")
        if column < 0:
            column, width = _open(tokens, f"{name}:{number}", warnings)
            continue
        if len(tokens) != width or "*" in line or "" in tokens:
            _check_row(tokens, width, f"{name}:{number}")
        token = tokens[column]
        has_ended = token == "*-"  # noqa: S105  kern's end of a spine, no secret
        if not token.startswith("!") and token not in (".", "*", "*-"):
            records.append(Record(number, token))
    if column < 0:
        raise DataError(name, "holds no **kern spine", "give a Humdrum file with a melody in **kern")
    if not has_ended:
        raise DataError(name, "has no end of the spine (*-)", "the file is cut short: copy it again")
    return Spine(records, warnings)


def _open(heads: list[str], place: str, warnings: list[str]) -> tuple[int, int]:
    """The kern spine's column, and how many spines there are."""
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
    return voices[0], len(heads)


def _check_row(tokens: list[str], width: int, place: str) -> None:
    if split := SPINE_OPERATIONS.intersection(tokens):
        raise DataError(place, f"polyphonic: the spine splits or joins ({min(split)})", _ONE_VOICE)
    if len(tokens) != width:
        raise DataError(place, f"has {len(tokens)} columns for {width} spines", "columns are parted by one tab")
    if "" in tokens:
        raise DataError(place, "has an empty column", "write . where nothing happens")
    if "*-" in tokens and any(token != "*-" for token in tokens):  # noqa: S105  kern's end of a spine, no secret
        raise DataError(place, "ends one spine before the others", _ONE_VOICE)
    if any(token.startswith("**") for token in tokens):
        raise DataError(place, "begins another kind of spine", _ONE_VOICE)
