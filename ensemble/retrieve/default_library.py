"""The corpus, indexed for this user when it is first asked for, and for everyone who asks at the same time.

A store has one owner, so the folder holds a desk for each process that searches at once. The first is indexed; the
others take its ledger, from which a store fills itself.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.corpus.catalogue import corpus_digest, corpus_pieces
from ensemble.errors import StoreBusyError, StoreError

if TYPE_CHECKING:
    from ensemble.retrieve.library.library import OnProgress
    from ensemble.retrieve.library.opening import LibraryPlace

MAX_DESKS = 16
PATIENCE_S = 900.0
"""How long to wait for another process that indexes: far longer than it takes."""
_COMPLETE = "complete"
_LOOK_EVERY_S = 0.2


def corpus_index_dir(cache: Path) -> Path:
    """Where this corpus is indexed below `cache`: another corpus, or other descriptors, go into another folder."""
    from ensemble.types.described import DESCRIPTORS_VERSION

    return cache / f"{corpus_digest()[:16]}-v{DESCRIPTORS_VERSION}"


def indexed_corpus(cache: Path, on_progress: OnProgress | None = None) -> LibraryPlace:
    """A library that holds the corpus and that nobody else has open; indexed now if it never was.

    Args:
        cache: the folder to keep it in, made if absent.
        on_progress: told what is done (what, done, total).

    Raises:
        StoreBusyError: another process has been indexing it for longer than `PATIENCE_S`.
        StoreError: the folder cannot be written.
    """
    from ensemble.retrieve.library.opening import LibraryPlace

    folder = corpus_index_dir(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder, on_progress):
            if not (folder / _COMPLETE).exists():
                _index(LibraryPlace.of(str(folder / "0")), on_progress)
                (folder / _COMPLETE).touch()
            return LibraryPlace.of(str(_free_desk(folder)))
    except OSError as error:
        raise StoreError(str(folder), f"cannot be written ({error.strerror})", "set XDG_CACHE_HOME") from error


def _index(place: LibraryPlace, on_progress: OnProgress | None) -> None:
    """Take every piece in; what an earlier run that was stopped has done is kept.

    Raises:
        StoreError: a piece cannot be read.
    """
    from ensemble.retrieve.library.index_local import describe_here
    from ensemble.retrieve.library.indexer import Indexer
    from ensemble.retrieve.library.opening import open_library
    from ensemble.retrieve.library.sources import Source, Sources

    pieces = corpus_pieces()
    sources = Sources(
        files=tuple(Source(path=piece.path, title=piece.title, licence=piece.licence) for piece in pieces), skipped=()
    )
    library = open_library(place)
    try:
        report = Indexer(library, library.ledger.entries, on_progress=on_progress).run(sources, describe_here)
    finally:
        library.close()
    if report.skipped:
        lost = report.skipped[0]
        raise StoreError(lost.path, f"of the corpus {lost.reason}", "install the package again")


def _free_desk(folder: Path) -> Path:
    """The first desk that nobody has open; the first of all where every one is taken, which opening it will say."""
    from ensemble.retrieve.library.ledger import Ledger

    for number in range(MAX_DESKS):
        desk = folder / str(number)
        if not desk.exists():
            _copy_ledger(folder / "0", desk)
        try:
            Ledger(desk, is_writer=True).close()
        except StoreBusyError:
            continue
        return desk
    return folder / "0"


def _copy_ledger(source: Path, target: Path) -> None:
    """What is known, without the store: that one is somebody's."""
    from ensemble.retrieve.library.ledger import MANIFEST

    aside = target.with_name(f".{target.name}")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(source / "described", aside / "described")
    shutil.copyfile(source / MANIFEST, aside / MANIFEST)
    aside.rename(target)


@contextmanager
def _alone(folder: Path, on_progress: OnProgress | None) -> Iterator[None]:
    """Hold the folder; wait for whoever holds it."""
    deadline_s = time.monotonic() + PATIENCE_S
    with (folder / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline_s:
                    problem, cure = "is being indexed by another process", "wait until it has ended"
                    raise StoreBusyError(str(folder), problem, cure) from error
                if on_progress:
                    on_progress("wait for another process that indexes the corpus", 0, 1)
                time.sleep(_LOOK_EVERY_S)
            else:
                break
        yield
