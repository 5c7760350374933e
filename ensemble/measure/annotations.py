"""What people, or other programs, wrote down of a recording: beats, chords, key, pitch and notes, in files beside it.

NAME.beats      seconds, and where known the position in the bar, from 1        0.500 1
NAME.lab        from, to, chord in Harte's syntax; X is not scored, N is none   0.000 1.895 C:maj
NAME.key        the key                                                         D minor
NAME.f0.csv     seconds, Hz; 0 is unvoiced                                      0.0058,220.00
NAME.notes.csv  from, to, MIDI pitch                                            1.078,1.194,57.00
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mir_eval.chord
import numpy as np
from numpy.typing import NDArray

from ensemble.audio.files import printable
from ensemble.errors import ConfigError, DataError
from ensemble.types.names import parse_key

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What is said of one recording, by a person or a program; None where nothing is said."""

    beats_s: Times | None = None
    """Beats, rising.  [beats]"""
    downbeats_s: Times | None = None
    """Beats that open a bar.  [downbeats]"""
    tempo_bpm: float | None = None
    """Beats per minute."""
    beats_per_bar: int | None = None
    """The metre."""
    chord_spans_s: Times | None = None
    """Begin and end of each chord, rising.  [chords, 2]"""
    chord_labels: tuple[str, ...] = ()
    """One for each span, in Harte's syntax."""
    key: str | None = None
    """Tonic and mode, as in `Eb minor`."""
    f0_s: Times | None = None
    """Instants of `f0_hz`.  [frames]"""
    f0_hz: Times | None = None
    """Fundamental frequency; 0 where unvoiced.  [frames]"""
    onsets_s: Times | None = None
    """When notes begin, rising.  [notes]"""


def read_annotation(recording: Path) -> Annotation | None:
    """Read the files beside a recording; None where there are none.

    Raises:
        DataError: one cannot be read or is damaged, with the line's number.
    """
    known: dict[str, object] = {}
    for suffix, read in _READERS.items():
        path = recording.with_name(recording.stem + suffix)
        if path.is_file():
            known |= read(path)
    return Annotation(**known) if known else None  # type: ignore[arg-type]


def tempo_of(beats_s: Times) -> float | None:
    """Beats a minute, by the median distance; None for fewer than two."""
    return 60.0 / float(np.median(np.diff(beats_s))) if len(beats_s) > 1 else None


def kinds_in(folder: Path) -> dict[str, str]:
    """The kind of each recording, where `TABLE.md` has a table with the columns `recording` and `kind`.

    Raises:
        DataError: the file cannot be read.
    """
    path = folder / "TABLE.md"
    lines = _lines(path) if path.is_file() else []
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for _, line in lines if line.startswith("|")]
    for place, row in enumerate(rows):
        if {"recording", "kind"} <= set(row):
            name, kind = row.index("recording"), row.index("kind")
            return {cells[name]: cells[kind] for cells in rows[place + 1 :] if len(cells) == len(row)}
    return {}


def _read_beats(path: Path) -> dict[str, object]:
    form = "write lines like `0.500` or `0.500 1` (seconds, position in the bar)"
    times: list[float] = []
    positions: list[int] = []
    for place, words in _rows(path, None, (1, 2), form):
        times.append(_rising(words[0], place, form, after=times[-1] if times else -math.inf))
        if len(words) == 2:
            positions.append(_whole(words[1], place, form))
        if positions and len(positions) != len(times):
            raise DataError(place, "names a position in the bar, or lacks one, unlike the lines before", form)
    beats_s = np.array(times)
    said: dict[str, object] = {"beats_s": beats_s, "tempo_bpm": tempo_of(beats_s)}
    if positions:
        opens = np.flatnonzero(np.array(positions) == 1)
        said["downbeats_s"] = beats_s[opens]
        said["beats_per_bar"] = Counter(np.diff(opens).tolist()).most_common(1)[0][0] if len(opens) > 1 else None
    return said


def _read_chords(path: Path) -> dict[str, object]:
    form = "write lines like `0.000 1.895 A:min` (from, to, chord)"
    spans: list[tuple[float, float]] = []
    labels: list[str] = []
    for place, (start, stop, label) in _rows(path, None, (3,), form):
        start_s = _rising(start, place, form, after=spans[-1][1] if spans else -math.inf, touches=True)
        spans.append((start_s, _rising(stop, place, form, after=start_s)))
        try:
            mir_eval.chord.encode(label)
        except mir_eval.chord.InvalidChordException as error:
            raise DataError(place, f"{label!r} is no chord in Harte's syntax", form) from error
        labels.append(label)
    return {"chord_spans_s": np.array(spans), "chord_labels": tuple(labels)}


def _read_key(path: Path) -> dict[str, object]:
    form = "write one line like `Eb minor`"
    lines = _lines(path)
    if len(lines) != 1:
        raise DataError(printable(path), f"holds {len(lines)} lines instead of one", form)
    number, line = lines[0]
    try:
        return {"key": str(parse_key(line))}
    except ConfigError as error:
        raise DataError(f"{printable(path)}:{number}", error.problem, form) from error


def _read_f0(path: Path) -> dict[str, object]:
    form = "write lines like `0.0058,220.00` (seconds, Hz; 0 is unvoiced)"
    rows: list[tuple[float, float]] = []
    for place, (time, f0) in _rows(path, ",", (2,), form):
        rows.append((_rising(time, place, form, after=rows[-1][0] if rows else -math.inf), _number(f0, place, form)))
        if rows[-1][1] < 0:
            raise DataError(place, f"{f0} Hz is below 0", form)
    f0_s, f0_hz = np.array(rows).T
    return {"f0_s": f0_s, "f0_hz": f0_hz}


def _read_notes(path: Path) -> dict[str, object]:
    form = "write lines like `1.078,1.194,57.00` (from, to, MIDI pitch), sorted by their beginning"
    onsets: list[float] = []
    for place, (start, stop, pitch) in _rows(path, ",", (3,), form):
        onsets.append(_rising(start, place, form, after=onsets[-1] if onsets else -math.inf, touches=True))
        _rising(stop, place, form, after=onsets[-1])
        if not 0 <= _number(pitch, place, form) <= 127:
            raise DataError(place, f"{pitch} is no MIDI pitch", form)
    return {"onsets_s": np.unique(onsets)}


_READERS: dict[str, Callable[[Path], dict[str, object]]] = {
    ".beats": _read_beats, ".lab": _read_chords, ".key": _read_key, ".f0.csv": _read_f0, ".notes.csv": _read_notes,
}  # fmt: skip


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise DataError(printable(path), f"cannot be read ({reason})", "replace or remove it") from error
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _rows(path: Path, separator: str | None, widths: Sequence[int], form: str) -> list[tuple[str, list[str]]]:
    """The place (file and line) and the words of every line."""
    rows = [(f"{printable(path)}:{number}", line.split(separator)) for number, line in _lines(path)]
    if not rows:
        raise DataError(printable(path), "is empty", form)
    for place, words in rows:
        if len(words) not in widths:
            raise DataError(place, f"has {len(words)} columns", form)
    return rows


def _number(word: str, place: str, form: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(place, f"{word.strip()!r} is no number", form)
    return value


def _whole(word: str, place: str, form: str) -> int:
    value = _number(word, place, form)
    if value < 1 or not value.is_integer():
        raise DataError(place, f"{word!r} is no position in a bar", form)
    return int(value)


def _rising(word: str, place: str, form: str, *, after: float, touches: bool = False) -> float:
    time_s = _number(word, place, form)
    if time_s < 0 or time_s < after or (time_s == after and not touches):
        raise DataError(place, f"{word.strip()} s does not come after what stands before it", form)
    return time_s
