"""The leader and the takes of one render: the leader as given, and every way in which it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.clip_file import keep_in_file
from ensemble.audio.files import MAX_DURATION_S, write_pieces
from ensemble.audio.sound import KeptSound
from ensemble.clock import hop_samples
from ensemble.listen.listener import at_analysis_rate
from ensemble.plan import MAX_EXTEND_S, ContinuationPlan
from ensemble.types.continuation import Continuation
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
"""Of the leader before the join, that is heard again with what follows: trackers need a run-up."""
LONGEST_S = MAX_DURATION_S + MAX_EXTEND_S


def take_name(number: int) -> str:
    """take-00 is the leader as given, take-01 its best continuation."""
    return f"take-{number:02d}"


def segment_name(takes: Sequence[str]) -> str:
    """Of the music that some takes share: what all begin with, or the rest of one."""
    return takes[0] if len(takes) == 1 else "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedLead:
    """A leader that goes on, as its take's `leader.wav` holds it."""

    name: str
    """Of the take."""
    num_samples: int
    """Of the whole file."""
    begin_frame: int
    """The control frame that the new sound begins in."""
    window: AudioClip
    """The sound from control frame `window_start_frame` to the end, as it is listened to: mono, 16 kHz."""
    window_start_frame: int
    beats_s: NDArray[np.float64]
    """Of the new sound, in seconds of the whole."""
    sha256: str
    """Of the file's samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What the band follows."""

    clip: KeptSound
    """In memory, or in its file."""
    folder: Path = Path()
    """Where it is kept as `leader.wav`, and every leader that goes on in the folder of its take."""
    known: Heard | None = None
    """Where it was played from a score: everything there is to hear in it."""
    score_sha256: str | None = None
    source_sha256: str = ""
    """Of the file that it was taken from."""
    extended: tuple[ExtendedLead, ...] = ()
    """How it goes on, where that is decided already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One take as it was heard, arranged and predicted; what was played went to the recorder."""

    name: str
    heard: Heard
    arrangement: Arrangement
    dynamics: Dynamics


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeState:
    """Where an earlier process stopped in a segment: up to `stop_frame` all is played, kept and acknowledged."""

    stop_frame: int
    num_samples: Mapping[str, int]
    """That every stem has by then, by part; a player keeps some frames back until it knows what follows."""
    dynamics: tuple[Dynamics, ...]
    """Of the whole segment up to `stop_frame`."""
    conducting: ConductorState
    playing: Mapping[str, PlayerState]
    """By part."""


def extend(lead: Lead, number: int, continuation: Continuation) -> tuple[ExtendedLead, ContinuationPlan]:
    """Keep one way of going on as its take's `leader.wav`; what is followed is what that file holds.

    Returns:
        The leader that goes on, and what the plan says of it.

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
        hops=tuple(replace(hop, path=Path(hop.path).name) for hop in continuation.hops),
    )
    return extended, planned


def as_followed(name: str, clip: KeptSound, begin_sample: int, beats_s: NDArray[np.float64]) -> ExtendedLead:
    """A leader that goes on from `begin_sample`, with the part of it that is listened to."""
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
    """Fill up to whole control frames: every rate cuts the sound into the same ones.  [channels, samples]"""
    hop, length = hop_samples(sample_rate), 0
    for piece in pieces:
        length += piece.shape[1]
        yield piece
    if missing := -length % hop:
        yield np.zeros((len(piece), missing), np.float32)


def _up_to(clip: KeptSound, stop: int) -> Iterator[FloatArray]:
    """The beginning of a clip, piece by piece.  [channels, samples]"""
    for piece in clip.pieces():
        yield piece[:, :stop]
        stop -= piece.shape[1]
        if stop <= 0:
            return
