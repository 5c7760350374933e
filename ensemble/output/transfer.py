"""From and to paths and URLs: leaders are fetched, renders are put where they were wanted."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from ensemble.errors import AudioError, EnsembleError, OutputError
from ensemble.output.publish import Publisher, publishing, refused
from ensemble.output.remote import RemoteFolder, files_below, located, reason_of, shown
from ensemble.output.staging import NEW, is_ours

MAX_LEADER_BYTES = 1 << 30
"""Of a leader that is fetched: half an hour of stereo at 96 kHz and 24 bits takes 0.97 GiB."""
_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def destination(out: str | Path, *, force: bool) -> Iterator[Publisher]:
    """Lend a folder to write into; without an error its content is put at `out`, see `publish.publishing`.

    Raises:
        OutputError: it cannot be written, or something lies there.
    """
    place = located(out)
    if isinstance(place, Path):
        with publishing(place, force=force) as folder:
            yield folder
        return
    earlier = place.earlier(force=force)
    place.check_rights()
    try:
        with tempfile.TemporaryDirectory(prefix="ensemble-out-") as name:
            new = Path(name) / NEW
            new.mkdir()

            put_up: set[str] = set()

            def move() -> Path:
                place.publish(new, earlier)
                put_up.update(files_below(new))
                return new

            publisher = Publisher(Path(name), None, replaces=False, move=move)
            yield publisher
            publisher.publish()
            if added := files_below(new) - put_up:
                place.add(new, added)
    except OSError as error:
        raise refused(tempfile.gettempdir(), error) from error


@contextlib.contextmanager
def fetched(leader: str | Path, max_bytes: int = MAX_LEADER_BYTES) -> Iterator[Path]:
    """Lend a leader as a file: where it lies, or a copy of what lies at its URL.

    Raises:
        AudioError: it cannot be fetched, or is larger than `max_bytes`.
    """
    place = _leader_at(leader)
    if isinstance(place, Path):
        yield place
        return
    what = shown(leader)
    with tempfile.TemporaryDirectory(prefix="ensemble-leader-") as folder:
        target = Path(folder) / leader_name(str(leader))
        try:
            with place.open() as far, target.open("wb") as near:
                while chunk := far.read(_CHUNK_BYTES):
                    if near.tell() + len(chunk) > max_bytes:
                        raise AudioError(what, f"is larger than {max_bytes / 2**20:.0f} MiB", "download and cut it")
                    near.write(chunk)
        except EnsembleError:
            raise
        except Exception as error:  # every protocol has its own
            raise AudioError(
                what, f"cannot be fetched ({reason_of(error)})", "check the URL and your rights"
            ) from error
        yield target


@contextlib.contextmanager
def fetched_render(folder: str | Path) -> Iterator[Path]:
    """Lend a render as a folder: where it lies, or a copy of what lies at its URL.

    Raises:
        OutputError: it cannot be fetched.
    """
    place = located(folder)
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="ensemble-render-") as name:
        for file in sorted(place.names()):
            path = PurePosixPath(file)
            if is_ours(path.parts[0]) and ".." not in path.parts:
                target = Path(name, *path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                place.copy_here(file, target)
        yield Path(name)


def leader_name(url: str) -> str:
    """The file name at the end of a URL.

    Raises:
        AudioError: there is none.
    """
    path = urlsplit(url).path
    name = PurePosixPath(unquote(path) if url.startswith("http") else path).name
    if not name or "\0" in name or name in (".", "..") or len(name.encode(errors="replace")) > 255:
        raise AudioError(shown(url), "names no file", "give the URL of a recording")
    return name


def _leader_at(leader: str | Path) -> Path | RemoteFolder:
    try:
        return located(leader)
    except OutputError as error:
        raise AudioError(error.what, error.problem, error.cure) from error
