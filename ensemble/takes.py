"""The leader and the takes of one render: take-00 follows the leader as given, the others its continuations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.clip_file import keep_in_file
from ensemble.audio.files import MAX_DURATION_S, write_pieces
from ensemble.audio.sound import KeptSound
from ensemble.chart.chart import Chart
from ensemble.chart.transposing import transposed
from ensemble.clock import hop_samples
from ensemble.conduct.given import GivenPart
from ensemble.conduct.intro import without_intro
from ensemble.listen.listener import at_analysis_rate
from ensemble.listen.overrides import chart_as_played
from ensemble.plan import MAX_EXTEND_S, ContinuationPlan, RenderPlan
from ensemble.types.continuation import Continuation
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.music import (
    Arrangement,
    AudioClip,
    ConductorState,
    Dynamics,
    FloatArray,
    Heard,
    PlayerState,
)

LEADER = "leader.wav"
AS_GIVEN = "take-00"
HEARD_BEFORE_S = 4.0
"""Seconds before the join that are listened to again with the new sound, so that the trackers have settled by then."""
LONGEST_S = MAX_DURATION_S + MAX_EXTEND_S


def take_name(number: int) -> str:
    """The name of a take: take-00 follows the leader as given, take-01 its best continuation."""
    return f"take-{number:02d}"


def segment_name(takes: Sequence[str]) -> str:
    """The name of the segment of music that these takes share: the beginning of all takes, or the rest of one."""
    return takes[0] if len(takes) == 1 else "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedLead:
    """A leader with one continuation, as its take's `leader.wav` holds it."""

    name: str
    """Name of the take."""
    num_samples: int
    """Length of the whole file."""
    begin_frame: int
    """The control frame in which the new sound begins."""
    window: AudioClip
    """The sound that is listened to, from `window_start_frame` to the end: mono, 16 kHz."""
    window_start_frame: int
    """The control frame at which the window begins, some seconds before the new sound."""
    beats_s: NDArray[np.float64]
    """Beats of the new sound, in seconds from the beginning of the file.  [beats]"""
    sha256: str
    """sha256 of the file's samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """The leader that the band follows."""

    clip: KeptSound
    """The sound, in memory or in its file."""
    folder: Path = Path()
    """Folder of its `leader.wav`; extended leaders are kept in the folders of their takes below it."""
    known: Heard | None = None
    """Everything that would be heard, where it is known from a score; None for a recording."""
    score_sha256: str | None = None
    """sha256 of that score; None for a recording."""
    source_sha256: str = ""
    """sha256 of the file that the leader was read from."""
    doubts: tuple[Diagnostic, ...] = ()
    """What is wrong with that file."""
    given: Mapping[str, GivenPart] = field(default_factory=dict)
    """Parts that are not written, by name."""
    extended: tuple[ExtendedLead, ...] = ()
    """The leader with each of its continuations, where those are chosen already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """What one take was played from; the sound itself is given to the recorder."""

    name: str
    """Name of the take."""
    heard: Heard
    """What was heard of the leader that it follows."""
    arrangement: Arrangement
    """What the band plays."""
    dynamics: Dynamics
    """Predicted loudness of every follower, over the whole take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeState:
    """Where an earlier process stopped in one segment of a render."""

    stop_frame: int
    """Up to this control frame all blocks are played, written and acknowledged."""
    num_samples: Mapping[str, int]
    """Samples of every stem that were written by then, by part: not yet up to `stop_frame`, since players hold back
    frames until a quantum is full."""
    dynamics: tuple[Dynamics, ...]
    """The dynamics of every block of the segment up to `stop_frame`."""
    conducting: ConductorState
    """The conductor's state at `stop_frame`."""
    playing: Mapping[str, PlayerState]
    """Every player's state at `stop_frame`, by part."""


def delayed(lead: Lead, num_frames: int) -> Lead:
    """Put silence before a leader, in its `leader.wav`, too; everything else of it stays.

    Raises:
        OSError: the folder cannot be written.
    """
    clip, path = lead.clip, lead.folder / LEADER
    rate, written = clip.sample_rate, path.with_suffix(".delayed")
    silence = np.zeros((clip.num_channels, num_frames * hop_samples(rate)), np.float32)
    write_pieces(written, chain([silence], clip.pieces()), rate, clip.num_channels)
    written.replace(path)
    return replace(lead, clip=keep_in_file(path, LONGEST_S))


def as_recorded(clip: KeptSound, intro_frames: int | None) -> KeptSound:
    """A leader without the silence that was put before it."""
    return clip.span((intro_frames or 0) * hop_samples(clip.sample_rate), clip.num_samples) if intro_frames else clip


def recorded_chart(heard: Heard, plan: RenderPlan, title: str) -> Chart:
    """The chart that a leader was played by, as it was recorded: without the band's intro, in its own key.

    Args:
        heard: of a take.
        plan: of the render.
        title: of the song.
    """
    alone = without_intro(heard, plan.request.band, plan.intro_frames or 0)
    return transposed(chart_as_played(plan.request.overrides, alone, title), -plan.request.transpose)


def extend(lead: Lead, number: int, continuation: Continuation) -> tuple[ExtendedLead, ContinuationPlan]:
    """Write the leader with one continuation as its take's `leader.wav`; the band follows the samples of that file.

    Returns:
        The extended leader, and its entry in the plan.

    Raises:
        OSError: the folder cannot be written.
    """
    name = take_name(number)
    path = lead.folder / name / LEADER
    path.parent.mkdir()
    rate = lead.clip.sample_rate
    pieces = _up_to(lead.clip, continuation.begin_sample), continuation.clip.pieces()
    write_pieces(path, whole_frames(chain.from_iterable(pieces), rate), rate, lead.clip.num_channels)
    extended = as_followed(name, keep_in_file(path, LONGEST_S), continuation.begin_sample, continuation.beats_s)
    planned = ContinuationPlan(
        leader_sha256=extended.sha256,
        begin_sample=continuation.begin_sample,
        beats_s=tuple(continuation.beats_s.tolist()),
        total=continuation.total,
        quality=continuation.quality,
        hops=tuple(replace(hop, path=Path(hop.path).name) for hop in continuation.hops),
    )
    return extended, planned


def as_followed(name: str, clip: KeptSound, begin_sample: int, beats_s: NDArray[np.float64]) -> ExtendedLead:
    """Describe an extended leader whose new sound begins at `begin_sample`, and cut out what is listened to."""
    hop = hop_samples(clip.sample_rate)
    begin_frame = begin_sample // hop
    start_frame = max(0, begin_frame - round(HEARD_BEFORE_S * clip.sample_rate / hop))
    window = clip.span(start_frame * hop, clip.num_samples)
    return ExtendedLead(
        name=name,
        num_samples=clip.num_samples,
        begin_frame=begin_frame,
        window=at_analysis_rate(window),
        window_start_frame=start_frame,
        beats_s=beats_s,
        sha256=clip.digest,
    )


def whole_frames(pieces: Iterable[FloatArray], sample_rate: int) -> Iterator[FloatArray]:
    """Append silence up to a whole number of control frames: the length is then the same at every rate.

    Args:
        pieces: [channels, samples] each, in order.
        sample_rate: in Hz.
    """
    hop, length = hop_samples(sample_rate), 0
    for piece in pieces:
        length += piece.shape[1]
        yield piece
    if missing := -length % hop:
        yield np.zeros((len(piece), missing), np.float32)


def _up_to(clip: KeptSound, stop: int) -> Iterator[FloatArray]:
    """The samples of a clip before `stop`, piece by piece.  [channels, samples]"""
    for piece in clip.pieces():
        yield piece[:, :stop]
        stop -= piece.shape[1]
        if stop <= 0:
            return
