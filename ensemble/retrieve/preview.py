"""Asking a library what could follow a recording, without playing it."""

from __future__ import annotations

from pathlib import Path

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.events import OnProgress
from ensemble.files.digest import recording_digest
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.listen.pitch import ANALYSIS_RATE_HZ
from ensemble.retrieve.default_library import open_filled
from ensemble.retrieve.join.exit_point import find_exit
from ensemble.retrieve.search.context import context_of_leader
from ensemble.retrieve.search.search import Found, Search
from ensemble.retrieve.settings import RetrieveSettings


def what_could_follow(
    leader: Path,
    settings: RetrieveSettings,
    limit: int,
    *,
    min_remaining_s: float,
    on_progress: OnProgress,
) -> Found:
    """Rank what could come after a recording, as `render --extend` would before it listens to the seams.

    Args:
        leader: the recording that stops.
        settings: where to look, and how to choose.
        limit: how many candidates at most.
        min_remaining_s: music that they must have left.
        on_progress: told what is done.

    Raises:
        AudioError: the leader cannot be used.
        RetrieveError: nothing in it sounds.
        StoreError: the library cannot be used.
    """
    on_progress("listen", 0, 1)
    clip = at_analysis_rate(prepared_clip(read_clip(leader), ANALYSIS_RATE_HZ))
    heard = Listener().listen(clip)
    at_s = find_exit(heard, clip.duration_s).at_s
    context = context_of_leader(heard, clip, at_s, recording_sha256=recording_digest(leader))
    with open_filled(settings, on_progress) as library:
        on_progress("search", 0, 1)
        search = Search(library.known_rows(), library.described, settings)
        return search.candidates(context, limit, min_remaining_s=min_remaining_s)
