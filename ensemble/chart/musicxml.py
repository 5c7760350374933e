"""The chord symbols of MusicXML (.musicxml, .xml, .mxl), as notation programs write lead sheets.

Source: MusicXML 4.0 (W3C Music Notation Community Group): harmony, barline, repeat, ending, sound, rehearsal.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from lzma import LZMAError
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, XMLParser
from zipfile import BadZipFile, ZipFile

from ensemble.chart.chart import HOLD, Chart, TimeSignature
from ensemble.chart.text import parse_chart
from ensemble.chart.transposing import transposed
from ensemble.errors import ConfigError

SUFFIXES = (".musicxml", ".mxl", ".xml")
MAX_XML_BYTES = 20_000_000
"""A longer document is refused, also one that is packed."""
BARS_PER_LINE, MAX_COUNT = 4, 64
MAX_ALTER, MAX_FIFTHS = 2, 7
"""Sharps or flats of a tone, and of a key."""
JUMPS = ("dacapo", "dalsegno", "tocoda", "coda", "fine")
"""Attributes of `sound` by which bars are not played in the order in which they stand."""
CURE = "export it again from the notation program"
KINDS = {
    "major": "", "minor": "m", "augmented": "aug", "diminished": "dim", "dominant": "7", "major-seventh": "maj7",
    "minor-seventh": "m7", "diminished-seventh": "dim7", "augmented-seventh": "aug7", "half-diminished": "m7b5",
    "major-minor": "mMaj7", "major-sixth": "6", "minor-sixth": "m6", "dominant-ninth": "9", "major-ninth": "maj9",
    "minor-ninth": "m9", "dominant-11th": "11", "major-11th": "maj11", "minor-11th": "m11", "dominant-13th": "13",
    "major-13th": "maj13", "minor-13th": "m13", "suspended-second": "sus2", "suspended-fourth": "sus4", "power": "5",
}  # fmt: skip
"""Chord names by the values of `kind`; the rest is named by the text that the program shows."""
_SHARPS = "FCGDAEB"
_NO_NAME = re.compile(r"[^\w .,-]")
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)


def read_musicxml(path: Path) -> Chart:
    """Read the first part that has chord symbols: its chords, key, metre, tempo, sections, repeats and endings.

    Args:
        path: a score by parts, as text or packed.

    Chords of a transposing instrument are given as they sound.

    Raises:
        ConfigError: it cannot be read, is damaged, too large, has no chord symbols, changes its metre, or jumps (D.C.,
            D.S., coda, fine).
    """
    name = str(path)
    try:
        with path.open("rb") as file:
            root = _parsed(_unpacked(_limited(file, name), name), name)
    except OSError as error:
        raise ConfigError(name, f"cannot be read ({error.strerror})", "give a score with chord symbols") from error
    if root.tag != "score-partwise":
        raise ConfigError(name, f"is a {root.tag}, not a score by parts", CURE)
    part = next((part for part in root.iter("part") if next(part.iter("harmony"), None) is not None), None)
    if part is None:
        raise ConfigError(name, "has no chord symbols", "add them in the notation program, or type a chart")
    reader = _Reader(name)
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    try:
        for measure in part.iter("measure"):
            reader.read(measure)
    except (ValueError, OverflowError) as error:
        raise ConfigError(name, f"holds a wrong number ({error})", CURE) from error
    return transposed(parse_chart(reader.text(" ".join(title.split())), name), reader.sounds_higher or 0)


def _unpacked(content: bytes, name: str) -> bytes:
    if content[:2] != b"PK":
        return content
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            inside = _parsed(_member(archive, "META-INF/container.xml", name), name)
            path = next((one.get("full-path") for one in inside.iter() if one.tag.endswith("rootfile")), None)
            return _member(archive, path or "", name)
    except (BadZipFile, KeyError, OSError, RuntimeError, EOFError, ValueError, zlib.error, LZMAError) as error:
        raise ConfigError(name, "is a damaged .mxl file", CURE) from error


def _member(archive: ZipFile, path: str, name: str) -> bytes:
    with archive.open(path) as file:
        return _limited(file, name)


def _limited(file: IO[bytes], name: str) -> bytes:
    content = file.read(MAX_XML_BYTES + 1)
    if len(content) > MAX_XML_BYTES:
        raise ConfigError(name, "is too large for a chart", CURE)
    return content


def _parsed(content: bytes, name: str) -> Element:
    """The document's root. Entities of its own are refused: they could stand for text without end."""
    if _ENTITY.search(content.replace(b"\0", b"")):  # UTF-16, too
        raise ConfigError(name, "declares entities", CURE)
    try:
        parser = XMLParser()  # noqa: S314  no entities, and expat loads nothing from outside
        parser.feed(content)
        root: Element = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise ConfigError(name, f"is no XML ({error})", CURE) from error
    return root


@dataclass
class _Bar:
    """One bar, which may be written as two measures: up to a repeat sign in its middle, and from there."""

    chords: dict[Fraction, str] = field(default_factory=dict)
    """By their place, in quarters from the bar's beginning."""
    lasts: Fraction = Fraction(0)
    """Quarters."""
    opens: bool = False
    """Whether a repeat begins with it."""
    closes: int = 1
    """How often the repeat that ends with it is played; 1 where none does."""
    passes: str = ""
    """The passes of the ending that begins with it."""


@dataclass
class _Reader:
    """Collects the bars of a part as text."""

    name: str
    lines: list[str | _Bar] = field(default_factory=list)
    """Settings among the bars, sections, and the bars."""
    key: str = ""
    metre: TimeSignature | None = None
    tempo_bpm: float | None = None
    """Quarters a minute."""
    pickup: str = ""
    sounds_higher: int | None = None
    """Semitones from the written pitch to what sounds; None before the first measure."""
    _divisions: int = 1
    _last: _Bar | None = None
    _next: _Bar = field(default_factory=_Bar)
    _first_key: str = ""

    def read(self, measure: Element) -> None:
        """Read one measure."""
        bar, self._next = self._next, _Bar()
        at, section = Fraction(0), ""
        for element in measure:
            if element.tag == "attributes":
                self._attributes(element)
            elif element.tag == "harmony":
                bar.chords[at + Fraction(_number(element, "offset"), self._divisions)] = _chord(element)
            elif element.tag in ("note", "forward") and element.find("chord") is None:
                at += Fraction(_number(element, "duration"), self._divisions)
            elif element.tag == "backup":
                at -= Fraction(_number(element, "duration"), self._divisions)
            elif element.tag == "barline":
                repeat, ending = element.find("repeat"), element.find("ending")
                if repeat is not None and repeat.get("direction") == "forward":
                    bar.opens = True
                elif repeat is not None:
                    bar.closes = int(repeat.get("times") or 2)
                if ending is not None and ending.get("type") == "start":
                    bar.passes = re.sub(r"[^\d,-]", "", ending.get("number") or "1")
            section = section or (element.findtext("direction-type/rehearsal") or "")
            bar.lasts = max(bar.lasts, at)
            sound = element if element.tag == "sound" else element.find("sound")
            if sound is not None and sound.get("tempo") and self.tempo_bpm is None:
                self.tempo_bpm = float(sound.get("tempo") or 0)
            if element.find("direction-type/coda") is not None or (
                sound is not None and any(sound.get(jump, "no") != "no" for jump in JUMPS)
            ):
                raise ConfigError(
                    self.name, "jumps (D.C., D.S., coda or fine)", "write its bars out as they are played"
                )
        if section:
            self.lines.append(f"[{_NO_NAME.sub(' ', section).strip() or 'Section'}]")
        metre, beat = self._metre_and_beat()
        is_short = bar.lasts < beat * metre.beats_per_bar and _is_short(measure)
        if is_short and self._last is not None:
            self._complete(self._last, bar, beat * metre.beats_per_bar)
        elif is_short and not self.pickup:
            symbols = _symbols(bar.chords, beat, max(int(bar.lasts // beat), 1))
            self.pickup = " ".join(symbols) if symbols[0] != HOLD else ""
        else:
            self.lines.append(bar)
            self._last = bar

    def text(self, title: str) -> str:
        """The chart as text."""
        metre, beat = self._metre_and_beat()
        head = [f"title: {title}"] if title else []
        if self.tempo_bpm:
            head.append(f"tempo: {self.tempo_bpm / float(beat):g}")
        head += [f"metre: {metre}", *([f"key: {self._first_key}"] if self._first_key else []), ""]
        lines = _in_rows(
            [_written(one, beat, metre.beats_per_bar) if isinstance(one, _Bar) else one for one in self.lines]
        )
        first = next((at for at, line in enumerate(lines) if line.startswith("|")), None)
        if self.pickup and first is not None:
            lines[first] = f"{self.pickup} {lines[first]}"
        return "\n".join([*head, *lines])

    def _metre_and_beat(self) -> tuple[TimeSignature, Fraction]:
        """The metre, and the quarters of a beat."""
        metre = self.metre or TimeSignature(count=4, unit=4)
        return metre, Fraction(4 * metre.count, metre.unit * metre.beats_per_bar)

    def _complete(self, bar: _Bar, rest: _Bar, whole: Fraction) -> None:
        """Add the second part of a bar; a repeat or an ending that begins with it begins with the next bar."""
        if bar.lasts + rest.lasts > whole:
            raise ConfigError(self.name, "has a short bar amid whole ones", "export it in one metre")
        bar.chords |= {bar.lasts + at: chord for at, chord in rest.chords.items()}
        bar.lasts += rest.lasts
        bar.closes = max(bar.closes, rest.closes)
        self._next = _Bar(opens=rest.opens, passes=rest.passes)

    def _attributes(self, element: Element) -> None:
        if element.find("divisions") is not None:
            self._divisions = max(_number(element, "divisions"), 1)
        sounds_higher = _number(element, "transpose/chromatic")
        if self.sounds_higher is None or element.find("transpose") is not None:
            if self.sounds_higher not in (None, sounds_higher):
                raise ConfigError(self.name, "changes its transposition", "export it at the pitch that sounds")
            self.sounds_higher = sounds_higher
        fifths = element.findtext("key/fifths")
        if fifths is not None:
            self._set_key(_key(int(fifths), element.findtext("key/mode") or "major"))
        count, unit = element.findtext("time/beats"), element.findtext("time/beat-type")
        if count and unit:
            metre = TimeSignature(count=sum(map(int, count.split("+"))), unit=int(unit))
            if not 1 <= metre.count <= MAX_COUNT or metre.unit not in (1, 2, 4, 8, 16):
                raise ConfigError(self.name, f"is in {metre}", "export it in a metre such as 3/4, 4/4 or 6/8")
            if self.metre not in (None, metre):
                raise ConfigError(self.name, f"changes its metre to {metre}", "export it in one metre")
            self.metre = metre

    def _set_key(self, key: str) -> None:
        self._first_key = self._first_key or key
        if self._last is not None and key != self.key:
            self.lines.append(f"key: {key}")
        self.key = key


def _number(element: Element, path: str) -> int:
    return round(float(element.findtext(path) or 0))


def _is_short(measure: Element) -> bool:
    return measure.get("implicit") == "yes" or measure.get("number") == "0"


def _chord(harmony: Element) -> str:
    kind = harmony.find("kind")
    value = "" if kind is None else (kind.text or "").strip()
    if value == "none" or harmony.find("root") is None:
        return "N"
    shown = "" if kind is None else kind.get("text") or ""
    bass = _tone(harmony, "bass")
    degrees = "".join(_degrees(harmony))
    return _tone(harmony, "root") + KINDS.get(value, shown) + degrees + (f"/{bass}" if bass else "")


def _degrees(harmony: Element) -> Iterator[str]:
    """Added and altered tones, as names have them: `b9`, `add9`."""
    for degree in harmony.iter("degree"):
        sign = {-1: "b", 0: "", 1: "#"}.get(_number(degree, "degree-alter"), "")
        kind = degree.findtext("degree-type")
        if kind in ("add", "alter"):
            yield f"{'add' if kind == 'add' and not sign else ''}{sign}{degree.findtext('degree-value')}"


def _tone(harmony: Element, which: str) -> str:
    step = harmony.findtext(f"{which}/{which}-step") or ""
    alter = _number(harmony, f"{which}/{which}-alter")
    if abs(alter) > MAX_ALTER:
        raise ValueError(f"{which}-alter {alter:.0e}")
    return step + ("#" * alter if alter > 0 else "b" * -alter)


def _key(fifths: int, mode: str) -> str:
    """`F#`, `Ebm`."""
    if abs(fifths) > MAX_FIFTHS:
        raise ValueError(f"fifths {str(fifths)[:20]}")
    place = fifths + (4 if mode == "minor" else 1)
    letter, sign = _SHARPS[place % 7], place // 7
    return letter + ("#" * sign if sign > 0 else "b" * -sign) + ("m" if mode == "minor" else "")


def _symbols(chords: dict[Fraction, str], beat: Fraction, num_beats: int) -> list[str]:
    """One symbol for each beat: the first chord that begins in it."""
    symbols = [HOLD] * num_beats
    for at in sorted(chords, reverse=True):
        symbols[min(max(int(at // beat), 0), num_beats - 1)] = chords[at]
    return symbols


def _short(symbols: list[str]) -> list[str]:
    """As few symbols as say it."""
    return symbols[:1] if all(symbol == HOLD for symbol in symbols[1:]) else symbols


def _written(bar: _Bar, beat: Fraction, num_beats: int) -> str:
    """A bar with its signs, as text."""
    ends = "|" if bar.closes == 1 else ":|" if bar.closes == 2 else f":| x{bar.closes}"
    chords = " ".join(_short(_symbols(bar.chords, beat, num_beats)))
    return f"|{':' if bar.opens else ''}{bar.passes} {chords} {ends}"


def _in_rows(lines: list[str]) -> list[str]:
    """Bars that stand one on each line, in rows of `BARS_PER_LINE`; keys and sections begin a new row."""
    rows, length = list[str](), 0
    for line in lines:
        is_bar = line.startswith("|")
        if is_bar and 0 < length < BARS_PER_LINE:
            rows[-1] = _row(rows[-1], line)
        else:
            rows.append(line)
            length = 0
        length = length + 1 if is_bar else 0
    return rows


def _row(row: str, bar: str) -> str:
    """A row with one more bar: both have a bar line where they meet."""
    if row.endswith(" |"):
        return row[:-1] + bar
    is_repeat = row.endswith(":|") and not bar.startswith("|:")
    return row + bar[1:] if is_repeat else f"{row} {bar}"
