"""Indexing in this process: each file is read, listened to and described, and its chunks are added to the store."""

from __future__ import annotations

from dataclasses import replace

from ensemble.audio.files import read_clip
from ensemble.errors import EnsembleError
from ensemble.events import OnProgress, unheard
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.retrieve.library.indexer import Indexer, IndexJob, IndexOutcome, IndexReport, recording_of
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.opening import LibraryPlace, open_library
from ensemble.retrieve.library.sources import Sources
from ensemble.retrieve.search.describe import describe
from ensemble.types.described import Described

AUDIO = "audio"
"""The folder of copied recordings, beside the ledger."""


def index_sources(
    sources: Sources,
    place: LibraryPlace,
    on_progress: OnProgress = unheard,
    *,
    copies: bool = False,
    described_before: Ledger | None = None,
) -> IndexReport:
    """Add recordings to a library; what it knows already is kept.

    Args:
        sources: what was found, see `find_sources`.
        place: of the library; made if absent.
        on_progress: told what is done.
        copies: keep a copy of every recording beside the ledger, instead of referring to where it lies.
        described_before: descriptions that are taken over instead of made again.

    Raises:
        StoreBusyError: another process has the library open.
        StoreError: the library cannot be used.
    """
    with open_library(place) as library:
        folder = place.folder / AUDIO if copies else None
        indexer = Indexer(library, library.ledger.entries, copies=folder, on_progress=on_progress)

        def outcome(job: IndexJob) -> IndexOutcome[Described]:
            return _taken_over(job, described_before) or describe_job(job)

        return indexer.run(sources, lambda jobs: map(outcome, jobs))


def _taken_over(job: IndexJob, ledger: Ledger | None) -> IndexOutcome[Described] | None:
    """What a ledger says of a file already; None where it does not know it, or only an older description."""
    described = None if ledger is None else ledger.load(job.sha256)
    if described is None:
        return None
    recording = recording_of(job, described.recording.duration_s)
    return IndexOutcome(
        job=job, described=replace(described, recording=recording), duration_s=recording.duration_s,
        num_chunks=described.num_chunks,
    )  # fmt: skip


def describe_job(job: IndexJob) -> IndexOutcome[Described]:
    """Describe a file; whatever is wrong with it becomes the outcome's `reason`, not an error."""
    try:
        described = describe_file(job)
    except EnsembleError as error:
        return IndexOutcome(job=job, reason=error.problem)
    except Exception as error:  # noqa: BLE001  one strange file does not end a night's work
        return IndexOutcome(job=job, reason=f"could not be described ({type(error).__name__}: {error})")
    duration_s = described.recording.duration_s
    return IndexOutcome(job=job, described=described, duration_s=duration_s, num_chunks=described.num_chunks)


def describe_file(job: IndexJob) -> Described:
    """Read a file, listen to it and describe it: the same numbers in any process.

    Raises:
        AudioError: it cannot be read, or is no sound to follow.
    """
    recorded = read_clip(job.source.path)
    clip = at_analysis_rate(recorded)
    return describe(clip, recording_of(job, recorded.duration_s), Listener().listen(clip))
