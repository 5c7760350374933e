"""Charts as text.

    title: Danny Boy
    tempo: 72
    metre: 4/4
    first downbeat: 1.25
    key: F

    [Verse]
    energy: 0.4
    C7 | F | F7 . Bb . | F/C C7 | % |    # the chord before the first bar line is a pick-up
    |: Bb | F :| x3
    |: Dm |1 G7 :|2 C7 |

A bar has one symbol for each beat, or fewer that share it equally: `.` holds the chord before, `%` alone is the bar
before, `N` is no chord. A line without bar lines has a chord for each bar. `key:` may stand between the bars, too, and
`tempo:`, from the next bar on, and `energy:`, how much the band gives from 0 to 1, up to the end of the section;
elsewhere the leader's own loudness says so. What follows a `#` at the beginning of a line or after a space is a
comment.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

from ensemble.chart.chart import SILENT, Chart, ChartBar, ChartLine, TimeSignature, fill_beats, played
from ensemble.errors import ConfigError
from ensemble.types.harmony import Key
from ensemble.types.names import parse_key

FORM = "write bars like `| G | Em7 . C D/F# |`"
MAX_PLAYS = 99
SLOWEST_BPM, FASTEST_BPM = 20.0, 400.0
MAX_BEATS = 64
"""Beats that a bar may have at most, as in a score."""
UNITS = (2, 4, 8, 16)
"""Lower numbers of signatures."""
TEMPO_EXAMPLE = "tempo: 96"
COMMON_TIME = TimeSignature(count=4, unit=4)
_COMMENT = re.compile(r"(?:^|\s+)#\s*(.*)$")
_SETTING = re.compile(r"(title|tempo|metre|meter|time|first downbeat|key|energy)\s*:(?!\|)\s*(.*)", re.IGNORECASE)
_SECTION = re.compile(r"\[([^\[\]|]+)\]")
_TOKEN = re.compile(
    r"(?P<line>:?\|[|\]]?:?(?P<passes>\d{1,3}(?:[,-]\d{1,3})*)?)|x(?P<plays>\d{1,3})(?=\s|$)|(?P<symbol>[^\s|]+?)(?=:?\||\s|$)"
)
_SPELLED = {"meter": "metre", "time": "metre"}


def parse_chart(text: str, name: str = "the chart") -> Chart:
    """Read a chart from its text.

    Args:
        text: the lines of the chart.
        name: of the file, for messages.

    Raises:
        ConfigError: a line is wrong; with the line's number.
    """
    reader = _Reader(name)
    for number, line in enumerate(text.splitlines(), 1):
        reader.read(number, line.strip())
    return reader.chart()


def without_comments(chart: Chart) -> Chart:
    """The same chart, less its comments, blank lines and title: what is played by it."""
    kept = [replace(line, comment="") for line in chart.lines if line.setting or line.section or line.bars]
    return replace(
        chart, lines=tuple(line for line in kept if line.setting is None or line.setting[0] != "title"), title=""
    )


def write_chart(chart: Chart) -> str:
    """The text of a chart; reading it gives the same chart."""
    return "".join(f"{written_line(line)}\n" for line in chart.lines)


def written_line(line: ChartLine) -> str:
    """One line, with its comment."""
    comment = f"# {line.comment}" if line.comment else ""
    if line.setting is not None:
        content = f"{line.setting[0]}: {line.setting[1]}"
    elif line.section:
        content = f"[{line.section}]"
    else:
        content = " ".join([*line.pickup, written_bars(line.bars)]) if line.bars else ""
    return "  ".join(text for text in (content, comment) if text)


def written_bars(bars: tuple[ChartBar, ...]) -> str:
    """The bars of one line, with their signs."""
    text = ""
    for before, bar in zip((None, *bars), bars, strict=False):
        closes = before is not None and before.plays > 1
        line = ":|" if closes else "|"
        if bar.opens_repeat:
            line = ":| |:" if closes else "|:"
        if before is not None and before.plays > 2:
            line = f":| x{before.plays} {'|:' if bar.opens_repeat else '|'}"
        text += f"{line}{','.join(map(str, bar.passes))} {' '.join(bar.symbols)} "
    plays = bars[-1].plays
    return text + ("|" if plays == 1 else ":|" if plays == 2 else f":| x{plays}")


class _Reader:
    """Reads line by line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: list[ChartLine] = []
        self._said: dict[str, tuple[int, str]] = {}
        self._key: Key | None = None
        self._first_key: Key | None = None
        self._pickup: tuple[int, tuple[str, ...]] = (0, ())
        self._bars: list[ChartBar] = []
        self._keys: list[Key | None] = []
        self._energy: float | None = None
        self._energies: list[float | None] = []
        self._places: list[str] = []

    def read(self, number: int, text: str) -> None:
        """Read the next line."""
        if (match := _SETTING.fullmatch(text)) and match[1].lower() == "title":
            self._set(number, "title", match[2].strip(), "")
            return
        found = _COMMENT.search(text)
        comment, text = (found[1].strip(), text[: found.start()].strip()) if found else ("", text)
        if match := _SETTING.fullmatch(text):
            name = match[1].lower()
            self._set(number, _SPELLED.get(name, name), match[2].strip(), comment)
        elif match := _SECTION.fullmatch(text):
            self._lines.append(ChartLine(section=match[1].strip(), comment=comment))
            self._energy = None
        elif text:
            self._read_bars(number, text, comment)
        else:
            self._lines.append(ChartLine(comment=comment))

    def chart(self) -> Chart:
        """The chart that was read."""
        if not self._bars:
            raise ConfigError(self._name, "holds no bars", FORM)
        metre = self._metre()
        line, symbols = self._pickup
        if len(symbols) >= metre.beats_per_bar:
            raise ConfigError(f"{self._name}:{line}", "has a whole bar before its first bar line", "begin it with `|`")
        try:
            pickup = fill_beats(symbols, len(symbols), SILENT) if symbols else ()
        except ConfigError as error:
            raise ConfigError(f"{self._name}:{line}", error.problem, error.cure) from error
        return Chart(
            lines=tuple(self._lines),
            metre=metre,
            title=self._said.get("title", (0, ""))[1],
            tempo_bpm=self._number("tempo", SLOWEST_BPM, FASTEST_BPM),
            first_downbeat_s=self._number("first downbeat", 0.0, math.inf),
            key=self._first_key,
            pickup=pickup,
            bars=played(self._bars, self._keys, self._energies, self._places, metre, pickup[-1] if pickup else SILENT),
        )

    def _set(self, number: int, name: str, value: str, comment: str) -> None:
        place = f"{self._name}:{number}"
        if not value:
            raise ConfigError(place, f"{name} is empty", "write a value after the colon, or leave the line out")
        if name == "key":
            try:
                self._key = parse_key(value)
            except ConfigError as error:
                raise ConfigError(place, error.problem, error.cure) from error
            if not self._bars:
                self._first_key = self._key
        elif name == "energy":
            self._energy = _number_in(place, name, value, 0.0, 1.0, "energy: 0.8")
        elif name == "tempo":
            _number_in(place, name, value, SLOWEST_BPM, FASTEST_BPM, TEMPO_EXAMPLE)
            if name in self._said and not self._bars:
                raise ConfigError(place, "tempo is written twice", "keep one, or write the other where it begins")
            if name not in self._said and self._bars:
                raise ConfigError(place, "tempo stands after the first bar only", "write the first one above the bars")
        elif name in self._said:
            raise ConfigError(place, f"{name} is written twice", "keep one of the two")
        elif self._bars and name != "title":
            raise ConfigError(
                place, f"{name} stands after the first bar", "write it above: one holds for the whole song"
            )
        self._said.setdefault(name, (number, value))
        self._lines.append(ChartLine(setting=(name, value), comment=comment))

    def _number(self, name: str, low: float, high: float) -> float | None:
        if name not in self._said:
            return None
        number, value = self._said[name]
        return _number_in(f"{self._name}:{number}", name, value, low, high, TEMPO_EXAMPLE)

    def _metre(self) -> TimeSignature:
        if "metre" not in self._said:
            return COMMON_TIME
        number, value = self._said["metre"]
        match = re.fullmatch(r"(\d{1,4})\s*/\s*(2|4|8|16)", value)
        metre = TimeSignature(count=int(match[1]), unit=int(match[2])) if match else None
        if metre is None or not 1 <= metre.beats_per_bar <= MAX_BEATS:
            raise ConfigError(f"{self._name}:{number}", f"{value!r} is no metre", "write for example 3/4, 4/4 or 6/8")
        return metre

    def _read_bars(self, number: int, text: str, comment: str) -> None:
        place = f"{self._name}:{number}"
        pickup, bars = _bars_of(text, place)
        if pickup and self._bars:
            raise ConfigError(place, "does not begin with a bar line", FORM)
        if pickup:
            self._pickup = (number, pickup)
        self._lines.append(ChartLine(pickup=pickup, bars=bars, comment=comment))
        self._bars += bars
        self._keys += [self._key] * len(bars)
        self._energies += [self._energy] * len(bars)
        self._places += [f"{place}: bar {at}" for at in range(len(self._places) + 1, len(self._places) + len(bars) + 1)]


def _number_in(place: str, name: str, value: str, low: float, high: float, example: str) -> float:
    try:
        read = float(value)
    except ValueError:
        read = math.nan
    if not (math.isfinite(read) and low <= read <= high):
        within = f"{low:g} to {high:g}" if high < math.inf else f"{low:g} or more"
        raise ConfigError(place, f"{name} {value!r} is no number of {within}", f"write `{example}`")
    return read


def _bars_of(text: str, place: str) -> tuple[tuple[str, ...], tuple[ChartBar, ...]]:
    """The pick-up and the bars of one line."""
    if "|" not in text:
        return (), tuple(ChartBar(symbols=(symbol,)) for symbol in text.split())
    pickup: tuple[str, ...] | None = None
    bars: list[ChartBar] = []
    symbols: list[str] = []
    opens, passes, may_be_empty = False, tuple[int, ...](), False
    for match in _TOKEN.finditer(text):
        line = match["line"]
        if match["symbol"]:
            symbols.append(match["symbol"])
            continue
        if match["plays"]:
            if symbols or not bars or bars[-1].plays == 1:
                raise ConfigError(place, f"{match[0]!r} does not follow a repeat", "write `|: A | B :| x3`")
            if not 2 <= int(match["plays"]) <= MAX_PLAYS:
                raise ConfigError(place, f"{match[0]!r} repeats too often or not at all", f"write x2 to x{MAX_PLAYS}")
            bars[-1], may_be_empty = replace(bars[-1], plays=int(match["plays"])), True
            continue
        if pickup is None:
            pickup = tuple(symbols)
        elif symbols:
            bars.append(
                ChartBar(symbols=tuple(symbols), opens_repeat=opens, plays=1 + line.startswith(":"), passes=passes)
            )
            opens, passes = False, ()
        elif not (may_be_empty or _opens(line)):
            raise ConfigError(place, "has an empty bar", "write its chord, or `%` for the bar before")
        symbols, may_be_empty = [], False
        opens = opens or _opens(line)
        passes = _numbers(match["passes"], place) if match["passes"] else passes
    if symbols:
        raise ConfigError(place, "does not end with a bar line", FORM)
    if not bars:
        raise ConfigError(place, "has a bar line, but no bar", FORM)
    return pickup or (), tuple(bars)


def _opens(line: str) -> bool:
    return line.rstrip("0123456789,-").endswith(":") and line != ":|"


def _numbers(text: str, place: str) -> tuple[int, ...]:
    """`1,3` or `1-3` as numbers of passes."""
    numbers: set[int] = set()
    for span in text.split(","):
        low, _, high = span.partition("-")
        numbers.update(range(int(low), min(int(high or low), MAX_PLAYS + 1) + 1))
    if not numbers or min(numbers) < 1 or max(numbers) > MAX_PLAYS:
        raise ConfigError(place, f"{text!r} are no numbers of endings", "write `|1`, `|2` or `|1,3`")
    return tuple(sorted(numbers))
