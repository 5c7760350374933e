"""The sha256 of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ensemble.audio.files import printable
from ensemble.errors import AudioError


def file_digest(path: Path) -> str:
    """Hash a file's content, a piece at a time.

    Raises:
        OSError: it cannot be read.
        ValueError: the path holds a null character.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recording_digest(path: Path) -> str:
    """Hash the content of a sound file.

    Raises:
        AudioError: it cannot be read.
    """
    try:
        return file_digest(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioError(printable(path), f"cannot be read ({reason})", "check its permissions") from error
