"""Indexing in this process: every file is read, listened to and described, and its chunks go into the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ensemble.audio.files import read_clip
from ensemble.errors import EnsembleError
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.retrieve.find_sources import find_sources
from ensemble.retrieve.library.indexer import Indexer, IndexJob, IndexOutcome, IndexReport, recording_of
from ensemble.retrieve.library.library import OnProgress
from ensemble.retrieve.library.opening import LibraryPlace, open_library
from ensemble.retrieve.library.sources import Sources
from ensemble.retrieve.search.describe import describe
from ensemble.threads import one_thread
from ensemble.types.described import Described

AUDIO = "audio"
"""The folder of copied recordings, beside the ledger."""


def index_recordings(
    paths: Iterable[Path],
    place: LibraryPlace,
    on_progress: OnProgress | None = None,
    *,
    licence: str | None = None,
    copies: bool = False,
) -> IndexReport:
    """Take recordings into a library; what it knows already is kept.

    Args:
        paths: files, folders and data sets.
        place: of the library; made if absent.
        on_progress: told what is done (what, done, total).
        licence: of all of them; a data set's own if absent.
        copies: keep a copy of every recording beside the ledger, instead of referring to where it lies.

    Raises:
        DataError: a path does not exist.
        StoreBusyError: another process has the library open.
        StoreError: the library cannot be used.
    """
    return index_sources(find_sources(paths, licence), place, on_progress, copies=copies)


def index_sources(
    sources: Sources, place: LibraryPlace, on_progress: OnProgress | None = None, *, copies: bool = False
) -> IndexReport:
    """Take recordings into a library that were found already."""
    library = open_library(place)
    try:
        folder = place.folder / AUDIO if copies else None
        indexer = Indexer(library, library.ledger.entries, copies=folder, on_progress=on_progress)
        return indexer.run(sources, describe_here)
    finally:
        library.close()


def describe_here(jobs: Iterable[IndexJob]) -> Iterator[IndexOutcome[Described]]:
    """Describe one file after the other."""
    for job in jobs:
        yield describe_job(job)


def describe_job(job: IndexJob) -> IndexOutcome[Described]:
    """Read, hear and describe a file; whatever is wrong with it is an outcome, not an error."""
    try:
        described = describe_file(job)
    except EnsembleError as error:
        return IndexOutcome(job=job, reason=error.problem)
    except Exception as error:  # noqa: BLE001  one strange file does not end a night's work
        return IndexOutcome(job=job, reason=f"could not be described ({type(error).__name__}: {error})")
    duration_s = described.recording.duration_s
    return IndexOutcome(job=job, described=described, duration_s=duration_s, num_chunks=described.num_chunks)


def describe_file(job: IndexJob) -> Described:
    """Read, hear and describe a file: the same numbers in any process.

    Raises:
        AudioError: it cannot be read, or is no sound to follow.
    """
    recorded = read_clip(job.source.path)
    recording = recording_of(job, recorded.duration_s)
    clip = at_analysis_rate(recorded)
    heard = Listener().listen(clip)
    with one_thread():
        return describe(clip, recording, heard)
