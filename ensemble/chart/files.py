"""Files of charts: the project's own text, ChordPro, and songs of iReal Pro."""

from __future__ import annotations

from pathlib import Path

from ensemble.chart import chordpro, ireal
from ensemble.chart.chart import Chart
from ensemble.chart.text import FORM, parse_chart
from ensemble.errors import ConfigError

MAX_BYTES = 1_000_000


def read_chart(path: Path) -> Chart:
    """Read a chart in any of the forms that are known.

    Raises:
        ConfigError: it cannot be read, or a line is wrong; with the line's number.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(str(path), "is too large for a chart", FORM)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(str(path), f"cannot be read ({reason})", "give a text file with a chart") from error
    if ireal.LINK.search(text):
        return ireal.read_ireal(text, str(path))
    is_chordpro = path.suffix.lower() in chordpro.SUFFIXES or chordpro.is_chordpro(text)
    return chordpro.read_chordpro(text, str(path)) if is_chordpro else parse_chart(text, str(path))
