"""The library that the settings name, opened; and the one made of the bundled corpus where they name none.

The corpus is indexed into the user's cache directory when it is first asked for. A store has one owner, so that folder
holds a numbered library for each process that searches at the same time: the first is indexed, each other one begins as
a copy of its ledger, from which a store fills itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ensemble.corpus import DESCRIPTIONS, corpus_digest, corpus_pieces
from ensemble.errors import StoreBusyError, StoreError
from ensemble.events import OnProgress, unheard
from ensemble.retrieve.index_local import index_sources
from ensemble.retrieve.library.ledger import LEDGER_FILE, Ledger
from ensemble.retrieve.library.library import Library
from ensemble.retrieve.library.opening import LibraryPlace, cache_folder, nothing_known, open_library
from ensemble.retrieve.library.sources import Source, Sources
from ensemble.retrieve.retriever import Retriever
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.described import DESCRIBED_MORE, DESCRIPTORS_VERSION

MAX_COPIES = 16
PATIENCE_S = 900.0
"""How long to wait for another process that indexes: far longer than it takes."""
_COMPLETE = "complete"
_LOOK_EVERY_S = 0.2


@contextmanager
def open_retriever(settings: RetrieveSettings) -> Iterator[Retriever]:
    """Lend a retriever over the library that the settings name; see `open_filled`."""
    with open_filled(settings) as library:
        yield Retriever(library.known_rows(), library.described, settings)


@contextmanager
def open_filled(settings: RetrieveSettings, on_progress: OnProgress = unheard) -> Iterator[Library]:
    """Lend the library that the settings name, and close it afterwards.

    What the store has lost since it was filled is put back from the ledger first.

    Args:
        settings: where continuations come from.
        on_progress: told what is done meanwhile.

    Raises:
        StoreBusyError: another process has the store open.
        StoreError: it cannot be used, or holds nothing.
    """
    place = LibraryPlace.of(settings.uri, settings.ledger) if settings.uri else indexed_corpus(on_progress=on_progress)
    if not Ledger(place.folder).entries:  # nothing is made where there is nothing
        raise nothing_known(place)
    with open_library(place, is_writer=not place.is_server) as library:
        if library.store.count() != library.ledger.num_rows:
            library.mend(on_progress)
        yield library


def corpus_index_dir(cache: Path) -> Path:
    """Where this corpus is indexed below `cache`.

    Another corpus, other descriptors or another installation go into another folder: a library keeps the paths of its
    recordings, and an installation may be moved or removed.
    """
    installed_in = hashlib.sha256(str(corpus_pieces()[0].path.parent).encode()).hexdigest()
    return cache / f"{corpus_digest()[:16]}-{installed_in[:8]}-v{DESCRIPTORS_VERSION}.{DESCRIBED_MORE}"


def indexed_corpus(cache: Path | None = None, on_progress: OnProgress = unheard) -> LibraryPlace:
    """A library that holds the bundled corpus and that nobody else has open; indexed now if it never was.

    Args:
        cache: the folder to keep it in, made if absent; `corpus` in the user's cache directory if not given.
        on_progress: told what is done.

    Raises:
        StoreBusyError: another process has been indexing it for longer than `PATIENCE_S`.
        StoreError: the folder cannot be written.
    """
    try:
        folder = corpus_index_dir(cache or cache_folder() / "corpus")
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder, on_progress):
            if not (folder / _COMPLETE).exists():
                _index(LibraryPlace.of(str(folder / "0")), on_progress)
                (folder / _COMPLETE).touch()
            return LibraryPlace.of(str(_free_copy(folder)))
    except OSError as error:
        place = str(error.filename or "the cache")
        raise StoreError(place, f"cannot be written ({error.strerror})", "set XDG_CACHE_HOME") from error


def _index(place: LibraryPlace, on_progress: OnProgress) -> None:
    """Index every piece; what an earlier run that was stopped has done is kept.

    Raises:
        StoreError: a piece cannot be read.
    """
    pieces = (Source(path=piece.path, title=piece.title, licence=piece.licence) for piece in corpus_pieces())
    sources = Sources(files=tuple(pieces), skipped=())
    report = index_sources(sources, place, on_progress, described_before=Ledger(DESCRIPTIONS))
    if report.skipped:
        lost = report.skipped[0]
        raise StoreError(lost.path, f"of the corpus {lost.reason}", "install the package again")


def _free_copy(folder: Path) -> Path:
    """The first library that no process has open; number 0 if all are taken, and then opening it says so."""
    for number in range(MAX_COPIES):
        copy = folder / str(number)
        if not copy.exists():
            _copy_ledger(folder / "0", copy)
        try:
            Ledger(copy, is_writer=True).close()
        except StoreBusyError:
            continue
        return copy
    return folder / "0"


def _copy_ledger(source: Path, target: Path) -> None:
    """Copy the descriptions and their list, but not the store: another process may have that open."""
    aside = target.with_name(f".{target.name}")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(source / "described", aside / "described")
    shutil.copyfile(source / LEDGER_FILE, aside / LEDGER_FILE)
    aside.rename(target)


@contextmanager
def _locked(folder: Path, on_progress: OnProgress) -> Iterator[None]:
    """Hold the folder's lock; wait for the process that holds it.

    Raises:
        StoreBusyError: it was not released within `PATIENCE_S`.
    """
    deadline_s = time.monotonic() + PATIENCE_S
    with (folder / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline_s:
                    problem, cure = "is being indexed by another process", "wait until it has ended"
                    raise StoreBusyError(str(folder), problem, cure) from error
                on_progress("wait for another process that indexes the corpus", 0, 1)
                time.sleep(_LOOK_EVERY_S)
        yield
