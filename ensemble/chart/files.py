"""Files of charts: the project's own text, ChordPro, songs of iReal Pro, and MusicXML."""

from __future__ import annotations

from pathlib import Path

from ensemble.chart import chordpro, ireal, musicxml
from ensemble.chart.chart import Chart
from ensemble.chart.text import parse_chart
from ensemble.settings.text_file import read_text


def read_chart(path: Path) -> Chart:
    """Read a chart in any of the forms that are known.

    Raises:
        ConfigError: it cannot be read, or a line is wrong; with the line's number.
    """
    if path.suffix.lower() in musicxml.SUFFIXES:
        return musicxml.read_musicxml(path)
    text = read_text(path, "give a text file with a chart")
    if ireal.LINK.search(text):
        return ireal.read_ireal(text, str(path))
    is_chordpro = path.suffix.lower() in chordpro.SUFFIXES or chordpro.is_chordpro(text)
    return chordpro.read_chordpro(text, str(path)) if is_chordpro else parse_chart(text, str(path))
