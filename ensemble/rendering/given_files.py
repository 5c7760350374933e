"""Parts that are given: their files in the folder of a render."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

from ensemble.conduct.given import GivenPart, Written, read_notes
from ensemble.config import FollowerSettings, Given
from ensemble.errors import VerifyError
from ensemble.files.replace import linked
from ensemble.types.music import FloatArray
from ensemble.wire import pack, unpack

GIVEN = "given"
"""The folder, inside that of a render."""


def given_path(name: str, given: Given) -> Path:
    """The file of a given part, inside the folder of its render."""
    return Path(GIVEN) / f"{name}{'.part' if given.kind == 'locked' else '.mid'}"


def write_locked(folder: Path, name: str, takes: Mapping[str, tuple[Written, FloatArray]], seed: int) -> Given:
    """Write what a part plays in every take, and how loud.

    Raises:
        OSError: the disk is full.
    """
    return _write(folder, name, "locked", pack(dict(takes)), seed)


def copy_given(source: Path, target: Path, followers: Iterable[FollowerSettings]) -> None:
    """Put the files of given parts into another folder, but for those that are there.

    Raises:
        OSError: a file is missing, or cannot be written.
    """
    for follower in followers:
        if follower.given is not None:
            path = given_path(follower.name, follower.given)
            if not (target / path).exists():
                (target / path).parent.mkdir(exist_ok=True)
                linked(source / path, target / path)


def write_notes(folder: Path, follower: FollowerSettings, midi: Path, seed: int) -> Given:
    """Copy the MIDI file that a follower shall play.

    Raises:
        DataError: it cannot play that.
        OSError: the disk is full.
    """
    read_notes(midi, follower)
    return _write(folder, follower.name, "notes", midi.read_bytes(), seed)


def read_given(folder: Path, followers: Iterable[FollowerSettings]) -> dict[str, GivenPart]:
    """Read the parts of a band that are given, by name.

    Raises:
        VerifyError: a file is missing, or is not the one that the band names.
        DataError: a follower cannot play what it is given.
    """
    found = {}
    for follower in followers:
        if follower.given is not None:
            path = folder / given_path(follower.name, follower.given)
            found[follower.name] = _read(path, follower, follower.given)
    return found


def _read(path: Path, follower: FollowerSettings, given: Given) -> GivenPart:
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise VerifyError(str(path), problem, f"only `redo` can give {follower.name} a part") from error
    if sha256(content).hexdigest() != given.sha256:
        raise VerifyError(str(path), f"is not what {follower.name} was given", "give it again")
    return (
        GivenPart(takes=unpack(content, dict))
        if given.kind == "locked"
        else GivenPart(notes=read_notes(path, follower))
    )


def _write(folder: Path, name: str, kind: Literal["locked", "notes"], content: bytes, seed: int) -> Given:
    given = Given(kind=kind, sha256=sha256(content).hexdigest(), seed=seed)
    path = folder / given_path(name, given)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return given
