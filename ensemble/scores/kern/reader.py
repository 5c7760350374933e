"""From the records of a spine to a melody: time is added up, ties are joined, and what is wrong is named."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar

from ensemble.audio.files import printable
from ensemble.errors import DataError
from ensemble.scores.kern.interpretations import is_written_for_transposer, key_of, metre_of, tempo_of
from ensemble.scores.kern.sections import in_order
from ensemble.scores.kern.spine import Record, decode, find_spine
from ensemble.scores.kern.tokens import Token, parse_token
from ensemble.scores.melody import Melody, MetreMark, TempoMark, Tone, placed, refuse_endless, simplified, tempo_map
from ensemble.scores.score_bytes import read_score_bytes
from ensemble.types.music import Key

DEFAULT_QUARTER_BPM = Fraction(100)
"""Where the score names no tempo."""
_REPEAT = re.compile(r"=+\d*[a-z]?:", re.ASCII)
"""A bar line that ends a repeated section."""


def read_kern(path: Path, expansion: str | None = None) -> Melody:
    """Read a monophonic **kern file, in UTF-8, UTF-16 or Latin-1.

    Sections follow an expansion list, see `in_order`; repeat signs alone repeat nothing, and grace notes are left out.
    Key signatures change nothing, since kern writes every accidental; the tempo is `DEFAULT_QUARTER_BPM` where none is
    named.

    Raises:
        DataError: the file cannot be read, or is not one single line of notes, with the line of the file.
    """
    return parse_kern(decode(read_score_bytes(path)), printable(path), expansion)


def parse_kern(text: str, name: str, expansion: str | None = None) -> Melody:
    """Read the text of a **kern file; `name` stands for it in errors. See `read_kern`."""
    spine = find_spine(text, name)
    ordered = in_order(spine.records, expansion, name)
    walk = _Walk(name, follows_list=ordered.followed is not None)
    for record in ordered.records:
        walk.take(record)
    return walk.melody([*spine.warnings, *([ordered.followed] if ordered.followed else [])])


class _OddBar(NamedTuple):
    """A bar that its metre does not fill, and the line of its end."""

    line: int
    stop: Fraction
    is_short: bool


class _Walk:
    """Walks along the spine; `now` is where it stands, in quarters."""

    def __init__(self, name: str, *, follows_list: bool) -> None:
        self._name = name
        self._follows_list = follows_list
        self._now = Fraction(0)
        self._tones: list[Tone] = []
        self._num_graces = 0
        self._tied_since = 0  # line of the open tie, 0 for none
        self._phrase, self._is_in_phrase, self._is_after_phrase = -1, False, True
        self._num_unbalanced = 0
        self._tempos: list[TempoMark] = []
        self._metres: list[MetreMark] = []
        self._keys: list[Key] = []
        self._bars: list[Fraction] = []
        self._has_repeats = False
        self._odd_bars: list[_OddBar] = []
        self._is_for_transposer = False

    def take(self, record: Record) -> None:
        """Go on by one record."""
        try:
            if record.text[0] == "=":
                self._bar(record)
            elif record.text[0] == "*":
                self._interpretation(record.text)
            else:
                self._data(parse_token(record.text), record.line)
        except ValueError as error:
            place, cure = f"{self._name}:{record.line}", "correct or remove it"
            raise DataError(place, f"{record.text[:30]!r} {error}", cure) from error

    def melody(self, warnings: list[str]) -> Melody:
        """What was read."""
        if self._tied_since:
            raise DataError(f"{self._name}:{self._tied_since}", "opens a tie that never ends", "end it with ]")
        if not self._tones:
            raise DataError(self._name, "holds no notes", "give a file with a melody")
        first = self._tempos[0].quarter_bpm if self._tempos else DEFAULT_QUARTER_BPM
        tempos = [TempoMark(Fraction(0), first), *self._tempos[1:]]
        refuse_endless(float(tempo_map(tempos).seconds(float(self._now))), self._name)
        return Melody(
            notes=placed(self._tones, tempos),
            length=self._now,
            tempos=tuple(tempos),
            metres=tuple(self._metres),
            bars=tuple(bar for bar in self._bars if bar < self._now),
            key=self._keys[0] if self._keys else None,
            tempo_assumed=not self._tempos,
            diagnostics=tuple(simplified(text) for text in (*warnings, *self._doubts())),
        )

    def _bar(self, record: Record) -> None:
        self._has_repeats |= _REPEAT.match(record.text) is not None
        is_first = not self._bars
        length = self._now - (self._bars[-1] if self._bars else 0)
        # A metre that is named just before the bar line is that of the next bar.
        full = next((mark.bar for mark in reversed(self._metres) if mark.at < self._now), Fraction(0))
        is_pickup = is_first and length < full
        if length and full and length != full and not is_pickup:
            self._odd_bars.append(_OddBar(record.line, self._now, length < full))
        if length or is_first:
            self._bars.append(self._now)

    def _interpretation(self, text: str) -> None:
        if (tempo := tempo_of(text)) is not None:
            _mark(self._tempos, TempoMark(self._now, tempo))
        elif (metre := metre_of(text)) is not None:
            _mark(self._metres, MetreMark(self._now, *metre))
        elif (key := key_of(text)) is not None:
            self._keys += [key] if key not in self._keys else []
        elif is_written_for_transposer(text):
            self._is_for_transposer = True

    def _data(self, token: Token, line: int) -> None:
        self._num_unbalanced += token.opens_phrase and self._is_in_phrase
        self._is_in_phrase |= token.opens_phrase
        if token.opens_phrase or (self._is_after_phrase and token.pitch_midi is not None):
            self._phrase += 1
            self._is_after_phrase = False
        if token.is_grace:
            self._num_graces += token.pitch_midi is not None
        else:
            self._sound(token, line)
        if token.closes_phrase:
            self._num_unbalanced += not self._is_in_phrase
            self._is_in_phrase, self._is_after_phrase = False, True

    def _sound(self, token: Token, line: int) -> None:
        """A note or a rest that takes time."""
        if self._tied_since:
            self._tie_on(token)
        elif token.tie in ("middle", "end"):
            raise ValueError("goes on with a tie that was never opened")
        elif token.pitch_midi is not None:
            self._tones.append(Tone(self._now, token.length, token.pitch_midi, phrase=self._phrase))
        if token.tie == "start":
            self._tied_since = line
        elif token.tie == "end":
            self._tied_since = 0
        self._now += token.length

    def _tie_on(self, token: Token) -> None:
        """The open tie takes the token in."""
        last = self._tones[-1]
        if token.pitch_midi != last.pitch_midi:
            raise ValueError(f"is not the note that is tied since line {self._tied_since}")
        if token.tie not in ("middle", "end"):
            raise ValueError(f"stands where the tie of line {self._tied_since} should go on or end")
        self._tones[-1] = last._replace(length=last.length + token.length)

    def _doubts(self) -> list[str]:
        """What was not taken as written."""
        odd = [bar for bar in self._odd_bars if not (bar.is_short and bar.stop == self._now)]
        said = {
            f"{_counted(len(odd), 'bar')} not of the length that the metre asks for"
            f" (line {odd[0].line if odd else 0} is the first).": bool(odd),
            f"{_counted(self._num_graces, 'grace note')} left out.": self._num_graces > 0,
            f"{_counted(self._num_unbalanced + self._is_in_phrase, 'phrase mark')} without a partner.":
                self._num_unbalanced + self._is_in_phrase > 0,
            "Repeats are played once.": self._has_repeats and not self._follows_list,
            "The part is written for a transposing instrument: the notes are taken at the pitch that sounds.":
                self._is_for_transposer,
            "The key changes: the first one named is kept.": len(self._keys) > 1,
        }  # fmt: skip
        return [sentence for sentence, is_so in said.items() if is_so]


_M = TypeVar("_M", TempoMark, MetreMark)


def _mark(marks: list[_M], mark: _M) -> None:
    """Add a mark: it replaces one at the same place, and says nothing where it only repeats the last."""
    if marks and marks[-1].at == mark.at:
        marks.pop()
    if not marks or marks[-1][1:] != mark[1:]:
        marks.append(mark)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing} is" if number == 1 else f"{number} {thing}s are"
