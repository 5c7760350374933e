"""Songs of iReal Pro: the links that its "share" writes, alone or in a web page.

Source: iReal Pro, "Custom Chord Chart Protocol"; the order of the letters after `irealb://` as its users found it out.
"""

from __future__ import annotations

import html
import re
from urllib.parse import unquote

from ensemble.chart.chart import HOLD, SAME_BAR, SILENT, Chart, ChartBar, ChartLine
from ensemble.chart.text import parse_chart, written_line
from ensemble.errors import ConfigError

LINK = re.compile(r'(irealb|irealbook)://([^\s"<>]+)')
BARS_PER_LINE = 4
_MUSIC = "1r34LbKcu7"
_BLOCK = 50
_SHORTHAND = (("Kcl", "| x"), ("LZ", " |"), ("XyQ", "   "))
_SIGNATURES = {"T12": "12/8"}
_TOKEN = re.compile(
    r"\*(?P<section>[A-Za-z])|(?P<signature>T\d\d)|N(?P<ending>\d)|<(?P<remark>[^>]*)>|\([^)]*\)|(?P<line>[\[\]{}|Z])"
    r"|(?P<chord>[A-GW][#b]?(?:sus|alt|add|[-^ho+\d#b])*(?:/[A-G][#b]?)?)|(?P<sign>[nprx])|(?P<cell> )|."
)
_SECTIONS = {"i": "Intro", "V": "Verse"}


def read_ireal(text: str, name: str) -> Chart:
    """Read the one song of a link; what it says of codas and signs becomes a comment.

    Raises:
        ConfigError: it holds no song or several, or a bar is wrong.
    """
    match = LINK.search(html.unescape(text))
    fields = unquote(match[2]).rstrip("=").split("=") if match else []
    songs = [at for at, field in enumerate(fields) if field.startswith(_MUSIC)]
    if match is not None and match[1] == "irealbook" and len(fields) > 5:
        title, key, tempo, music = fields[0], fields[3], "", "=".join(fields[5:])
        songs = songs or [5] * (1 + (len(fields) - 6) // 6)
    elif songs and songs[0] >= 4:
        title, key, music = fields[0], fields[songs[0] - 2] or fields[songs[0] - 1], _ordered(fields[songs[0]])
        tempo = fields[songs[0] + 2] if len(fields) > songs[0] + 2 else ""
    else:
        raise ConfigError(name, "holds no song of iReal Pro that can be read", "share the song again")
    if len(songs) != 1:
        raise ConfigError(name, f"holds {len(songs)} songs", "share one alone")
    reader = _Reader(name)
    reader.read(music)
    head = [f"title: {title.strip()}"] if title.strip() else []
    head += [f"tempo: {tempo}"] if tempo.isdigit() and int(tempo) else []
    head += [f"metre: {reader.signature}"]
    head += [f"key: {key.replace('-', 'm')}"] if key.strip() else []
    return parse_chart("\n".join([*head, "", *map(written_line, reader.lines())]), name)


def _ordered(music: str) -> str:
    """Undo the exchange of letters within each block of fifty, and write shorthands out."""
    rest, blocks = music.removeprefix(_MUSIC), []
    while len(rest) > _BLOCK + 1:
        blocks.append(exchanged(rest[:_BLOCK]))
        rest = rest[_BLOCK:]
    whole = "".join([*blocks, rest])
    for short, long in _SHORTHAND:
        whole = whole.replace(short, long)
    return whole


def exchanged(block: str) -> str:
    """Exchange the letters of a block of fifty that lie opposite: the first five, and the 11th to the 24th."""
    letters = list(block)
    for at in (*range(5), *range(10, 24)):
        letters[at], letters[-1 - at] = letters[-1 - at], letters[at]
    return "".join(letters)


class _Reader:
    """Collects the bars of a song."""

    def __init__(self, name: str) -> None:
        self.signature = "4/4"
        self._name = name
        self._lines: list[ChartLine] = []
        self._bars: list[ChartBar] = []
        self._remarks: list[str] = []
        self._cells: list[str] = []
        self._root = "C"
        self._opens = False
        self._passes: tuple[int, ...] = ()

    def read(self, music: str) -> None:
        """Read the music of a song."""
        for match in _TOKEN.finditer(music):
            if match["chord"]:
                self._chord(match["chord"])
            elif match["line"]:
                self._end_bar(match["line"])
            elif match["cell"]:
                self._cells.append("")
            elif match["sign"]:
                self._cells.append({"n": SILENT, "p": HOLD, "x": SAME_BAR, "r": "r"}[match["sign"]])
            elif match["ending"]:
                self._passes = (max(int(match["ending"]), 1),)
            elif match["section"]:
                self._end_line()
                self._lines.append(ChartLine(section=_SECTIONS.get(match["section"], match["section"])))
            elif match["signature"]:
                self._set_signature(_SIGNATURES.get(match["signature"], "/".join(match["signature"][1:])))
            elif match["remark"]:
                self._remarks.append(re.sub(r"^\*\d\d", "", match["remark"]).strip())
        self._end_bar("Z")

    def lines(self) -> list[ChartLine]:
        """The lines of the chart."""
        self._end_line()
        return self._lines

    def _set_signature(self, signature: str) -> None:
        if signature != self.signature and (self._bars or any(line.bars for line in self._lines)):
            raise ConfigError(self._name, f"changes its metre to {signature}", "share it in one metre")
        self.signature = signature

    def _chord(self, name: str) -> None:
        name = name.replace("W", self._root, 1)
        self._root = name.split("/", maxsplit=1)[0]
        self._cells.append(name)

    def _end_bar(self, line: str) -> None:
        symbols = self._symbols()
        written = [bar for kept in self._lines for bar in kept.bars] + self._bars
        if symbols == ("r",) and len(written) > 1:
            self._add(written[-2].symbols)
            symbols = written[-1].symbols
        if symbols:
            self._add(symbols)
        if line == "}" and self._bars:
            last = self._bars[-1]
            self._bars[-1] = ChartBar(symbols=last.symbols, opens_repeat=last.opens_repeat, plays=2, passes=last.passes)
        if line in "{[" or len(self._bars) >= BARS_PER_LINE:
            self._end_line()
        self._opens = self._opens or line == "{"

    def _add(self, symbols: tuple[str, ...]) -> None:
        self._bars.append(ChartBar(symbols=symbols, opens_repeat=self._opens, passes=self._passes))
        self._opens, self._passes = False, ()

    def _symbols(self) -> tuple[str, ...]:
        """The symbols of a bar: by their cells where there is one for each beat, else one after the other."""
        cells, self._cells = self._cells, []
        filled = [cell for cell in cells if cell]
        if SAME_BAR in filled or "r" in filled:
            return tuple(cell for cell in filled if cell in (SAME_BAR, "r"))[:1]
        count, unit = map(int, self.signature.split("/"))
        num_beats = count // 3 if unit == 8 and count > 3 and count % 3 == 0 else count
        if len(filled) > 1 and cells[0] and len(cells) == num_beats:
            return tuple(cell or HOLD for cell in cells)
        if filled and num_beats % len(filled):
            return tuple((filled + [HOLD] * num_beats)[: max(num_beats, len(filled))])
        return tuple(filled)

    def _end_line(self) -> None:
        if self._bars:
            comment = "; ".join(filter(None, self._remarks))
            self._lines.append(ChartLine(bars=tuple(self._bars), comment=comment))
            self._bars, self._remarks = [], []
