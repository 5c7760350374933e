"""`Chart`: the lines of a song's chart, and the bars that are played by it, with repeats written out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal, NamedTuple

from ensemble.errors import ConfigError
from ensemble.types.harmony import Key
from ensemble.types.names import read_chord

SILENT = "N"
"""Stands for no chord."""
HOLD = "."
"""Stands for a beat on which the chord before goes on."""
SAME_BAR = "%"
"""Stands alone in a bar that is played like the one before."""
MAX_BARS = 5_000
"""A chart with more bars, repeats written out, is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSignature:
    """What is counted in a bar, as a signature has it."""

    count: int
    """The upper number."""
    unit: int
    """The lower number: 4 for quarters, 8 for eighths."""

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"

    @property
    def is_compound(self) -> bool:
        """Whether three eighths are a beat, as in 6/8, 9/8 and 12/8."""
        return self.unit == 8 and self.count > 3 and self.count % 3 == 0

    @property
    def beats_per_bar(self) -> int:
        """Beats in a bar: two in 6/8."""
        return self.count // 3 if self.is_compound else self.count

    @property
    def beat_division(self) -> Literal[2, 3]:
        """Equal parts of a beat: 3 in compound metres."""
        return 3 if self.is_compound else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartBar:
    """One bar as it is written."""

    symbols: tuple[str, ...]
    """Chords and signs: one for each beat, or fewer that share the bar equally."""
    opens_repeat: bool = False
    """Whether a repeat begins with this bar."""
    plays: int = 1
    """How often the repeat that ends with this bar is played in all; 1 where none ends."""
    passes: tuple[int, ...] = ()
    """Where an ending begins with this bar: the passes in which it is played, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """One line of a chart; everything is empty in a blank one."""

    setting: tuple[str, str] | None = None
    """A name and its value, as `tempo: 96` has them."""
    section: str = ""
    """The name of the section that begins, as `[Verse]` has it."""
    pickup: tuple[str, ...] = ()
    """Chords of the beats before the first bar line; in the first line of bars alone."""
    bars: tuple[ChartBar, ...] = ()
    """The bars of the line."""
    comment: str = ""
    """What follows `#`."""


class BarNotes(NamedTuple):
    """What stands above a bar as it is played."""

    section: str
    """The name of the section that begins with it; empty where none does."""
    tempo_bpm: float | None
    """The tempo that holds in it, in beats a minute; None where the chart names none."""


class PlayedBar(NamedTuple):
    """One bar as it is played."""

    chords: tuple[str, ...]
    """One for each beat, as it is written."""
    key: Key | None
    """The key that the chart names for it, if any."""
    energy: float | None = None
    """How much the band gives, 0 to 1, where the chart says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A song as a musician writes it down. `chart.text` reads one, and `str` writes it in the same form."""

    lines: tuple[ChartLine, ...]
    """In order."""
    metre: TimeSignature
    """One for the whole song."""
    title: str = ""
    """The song's name; empty where none is given."""
    tempo_bpm: float | None = None
    """Beats a minute; None where none is given."""
    first_downbeat_s: float | None = None
    """When bar 1 begins in the recording, in seconds; None where none is given."""
    key: Key | None = None
    """The key of the beginning; None where none is given."""
    pickup: tuple[str, ...] = ()
    """The chords before bar 1, one for each beat, as they are written."""
    bars: tuple[PlayedBar, ...]
    """The bars in the order in which they are played."""

    @property
    def notes(self) -> tuple[BarNotes, ...]:
        """Sections and tempos, one for each of `bars`."""
        notes, bars = list[BarNotes](), list[ChartBar]()
        section, tempo_bpm = "", None
        for line in self.lines:
            section = line.section or section
            if line.setting is not None and line.setting[0] == "tempo":
                tempo_bpm = float(line.setting[1])
            for bar in line.bars:
                notes.append(BarNotes(section, tempo_bpm))
                bars.append(bar)
                section = ""
        return tuple(notes[at] for at in unrolled(bars, [""] * len(bars)))


def fill_beats(symbols: Sequence[str], num_beats: int, held: str) -> tuple[str, ...]:
    """The chord of each beat of a bar.

    Args:
        symbols: as `ChartBar.symbols`, without `SAME_BAR`.
        num_beats: beats of the bar.
        held: the chord before it.

    Raises:
        ConfigError: a symbol is no chord, or the symbols do not fit into the bar.
    """
    if len(symbols) > num_beats:
        problem = f"has {len(symbols)} beats, but the metre {num_beats}"
        raise ConfigError("bar", problem, "is a bar line missing, or `metre:` wrong?")
    if num_beats % len(symbols):
        problem = f"has {len(symbols)} chords for {num_beats} beats"
        raise ConfigError("bar", problem, "write one for each beat, and `.` where the one before goes on")
    filled: list[str] = []
    for symbol in symbols:
        if symbol != HOLD:
            read_chord(symbol)
            held = symbol
        filled += [held] * (num_beats // len(symbols))
    return tuple(filled)


def unrolled(bars: Sequence[ChartBar], places: Sequence[str]) -> Iterator[int]:
    """The numbers of the bars, from 0, in the order in which they are played.

    Args:
        bars: as they are written.
        places: where each is written, for messages.

    Raises:
        ConfigError: an ending is not of a repeat.
    """
    start = 0
    while start < len(bars):
        stop = _end_of_repeat(bars, start)
        yield from _passes(bars, start, stop, places[start])
        start = stop


def _end_of_repeat(bars: Sequence[ChartBar], start: int) -> int:
    """The bar after the repeat (or the plain bars) that begins at `start`."""
    for at in range(start, len(bars)):
        if at > start and bars[at].opens_repeat:
            return at
        if bars[at].plays > 1:
            stop = at + 1
            while stop < len(bars) and bars[stop].passes:
                stop = _end_of_ending(bars, stop)
            return stop
    return len(bars)


def _end_of_ending(bars: Sequence[ChartBar], start: int) -> int:
    """The bar after an ending: after its repeat sign where another ending follows; of the last one a bar is enough."""
    for at in range(start, len(bars) - 1):
        if at > start and (bars[at].passes or bars[at].opens_repeat):
            break
        if bars[at].plays > 1 and bars[at + 1].passes:
            return at + 1
    return start + 1


def _passes(bars: Sequence[ChartBar], start: int, stop: int, place: str) -> Iterator[int]:
    endings = [at for at in range(start, stop) if bars[at].passes]
    times = max([bar.plays for bar in bars[start:stop]] + [max(bars[at].passes) for at in endings])
    if endings and times == 1:
        raise ConfigError(place, "begins an ending outside a repeat", "write `|:` ... `:|2`")
    for time in range(1, times + 1):
        yield from range(start, endings[0] if endings else stop)
        for ending, after in pairwise([*endings, stop]):
            if time in bars[ending].passes:
                yield from range(ending, after)


def played(
    bars: Sequence[ChartBar], keys: Sequence[Key | None], energies: Sequence[float | None], places: Sequence[str],
    metre: TimeSignature, held: str,
) -> tuple[PlayedBar, ...]:  # fmt: skip
    """Write out repeats, endings and signs.

    Args:
        bars: as they are written.
        keys: the key that holds in each.
        energies: how much the band gives in each.
        places: where each is written, for messages.
        metre: of every bar.
        held: the chord before the first.

    Raises:
        ConfigError: a bar is wrong.
    """
    if len(bars) > MAX_BARS:
        raise ConfigError(places[0], f"has more than {MAX_BARS} bars", "give one song in a chart")
    written: list[tuple[str, ...]] = []
    for bar, place in zip(bars, places, strict=True):
        if bar.symbols == (SAME_BAR,) and written:
            written.append(written[-1])
            continue
        try:
            written.append(fill_beats(bar.symbols, metre.beats_per_bar, written[-1][-1] if written else held))
        except ConfigError as error:
            raise ConfigError(place, error.problem, error.cure) from error
    order = [*islice(unrolled(bars, places), MAX_BARS + 1)]
    if len(order) > MAX_BARS:
        raise ConfigError(places[0], f"plays more than {MAX_BARS} bars", "repeat less often")
    return tuple(PlayedBar(written[at], keys[at], energies[at]) for at in order)
