"""The text of a small file that a person wrote: settings, a list, a chart, chords."""

from __future__ import annotations

from pathlib import Path

from ensemble.errors import ConfigError, printable

MAX_BYTES = 1_000_000
"""What a person writes is smaller; more is another kind of file."""


def is_there(path: Path) -> bool:
    """Whether there is such a file, though a name may be longer than any file's."""
    try:
        return path.exists()
    except OSError:
        return False


def read_text(path: Path, cure: str, max_bytes: int = MAX_BYTES) -> str:
    """The whole text, in UTF-8, without the mark that some editors put in front of it.

    Args:
        path: of the file; a pipe is read, too.
        cure: what to do where it cannot be read.
        max_bytes: no more is taken into memory.

    Raises:
        ConfigError: it cannot be read, is larger, or is not text.
    """
    what = printable(path)
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise ConfigError(what, f"is larger than {max_bytes / 1e6:.0f} MB", cure)
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(what, f"cannot be read ({reason})", cure) from error
