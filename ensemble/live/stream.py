"""A stream that has ended, followed as it was while it was played."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ensemble.config import BandSettings
from ensemble.listen.overrides import Overrides
from ensemble.live.follow import LiveFollower
from ensemble.live.hearing import HOP_SAMPLES, TICK_SAMPLES
from ensemble.live.settings import LiveSettings
from ensemble.types.music import Arrangement, AudioClip, FloatArray, Heard

AFTER_TICKS = 1
"""Silence after the leader's end, so that its last frames are known."""


class Followed(NamedTuple):
    """What has become of a stream that has ended."""

    heard: Heard
    """The leader, as heard while it played."""
    arrangement: Arrangement
    """What the band played along with it."""


def follow(
    leader: AudioClip, num_frames: int, band: BandSettings, seed: int, live: LiveSettings, said: Overrides
) -> Followed:
    """Follow a stream that has ended as it was followed while it was played.

    Args:
        leader: all of it, mono at 16 kHz.
        num_frames: how long the band may sound, in control frames.
        band: the band.
        seed: of the session.
        live: how it follows.
        said: what the player says beforehand.
    """
    follower = LiveFollower(band, seed, live, said)
    samples = leader.samples[0]
    leader_frames = -(-len(samples) // HOP_SAMPLES)
    for tick, has_ended in ticks_of(samples, num_frames, follower):
        follower.tick(tick, has_ended=has_ended)
    return Followed(follower.heard(leader_frames), follower.arrangement(num_frames))


def ticks_of(
    samples: FloatArray, num_frames: int, follower: LiveFollower, first_tick: int = 0
) -> Iterator[tuple[FloatArray, bool]]:
    """A stream in tenths of a second, and silence until all is committed; and whether the stream has ended.

    Args:
        samples: the stream, from `first_tick` on, to its end.
        num_frames: what is to be committed.
        follower: takes each before it asks for the next.
        first_tick: how many tenths of a second came before.
    """
    heard = first_tick - (-len(samples) // TICK_SAMPLES)
    for tick in itertools.count(first_tick):
        if tick >= heard + AFTER_TICKS and follower.committed_frames >= num_frames:
            return
        begin = (tick - first_tick) * TICK_SAMPLES
        part = samples[begin : begin + TICK_SAMPLES]
        yield np.pad(part, (0, TICK_SAMPLES - len(part))), tick >= heard
