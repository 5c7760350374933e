"""Looking into folders that somebody else made: hidden files are passed over, the order never depends on the disk."""

from __future__ import annotations

from pathlib import Path

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".w64", ".caf", ".au")
"""What libsndfile decodes; anything else is named as passed over."""
FOREIGN_SUFFIXES = (".m4a", ".aac", ".wma", ".mp4", ".mov", ".ape", ".wv", ".mka", ".webm")


def visible(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without the dotted leftovers of other systems; nothing if it may not be read."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def is_file(path: Path) -> bool:
    """Whether a file lies there that can be reached."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder lies there that can be reached."""
    try:
        return path.is_dir()
    except OSError:
        return False


def folders(folder: Path) -> list[Path]:
    """The visible folders in a folder, by name."""
    return [path for path in visible(folder) if is_folder(path)]


def first_file(*candidates: Path) -> Path | None:
    """The first of several names under which a file really lies."""
    return next((path for path in candidates if is_file(path)), None)
