"""A plan, a band with a part of every role, and a recorder that hashes what is played: for tests of `perform`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.band import Band
from ensemble.conduct.models import models_sha256
from ensemble.config import BandSettings, FollowerSettings
from ensemble.events import Events
from ensemble.leaders import leader_path
from ensemble.perform import Pace, Performance, perform
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.play.voice_file import VOICE
from ensemble.takes import Lead, Take, extend
from ensemble.types.continuation import Continuation, Hop, SeamScore
from ensemble.types.music import Arrangement, AudioClip, Stem


def plan_for(leader: AudioClip, band: BandSettings) -> RenderPlan:
    digests = {one.name: VOICE.sha256_of(one.voice) for one in band.followers if Path(one.voice).suffix == ""}
    digests |= models_sha256(band)
    request = RenderRequest(
        sample_rate=leader.sample_rate, seed=5, band=band, tail_s=0.5,
        weights_sha256={name: digest for name, digest in digests.items() if digest},
    )  # fmt: skip
    return RenderPlan(request=request, leader_sha256=leader.digest)


def asking(plan: RenderPlan, **changes: Any) -> RenderPlan:
    """The same plan with other values in its request."""
    return plan.model_copy(update={"request": plan.request.model_copy(update=changes)})


class Hashing:
    """Hashes what every part sounds in every take, and insists that nothing is missing."""

    def __init__(self, num_followers: int) -> None:
        self._num_followers = num_followers
        self._sounded: dict[tuple[str, str], Any] = {}
        self._expected: dict[tuple[str, str], int] = {}
        self.blocks = 0

    def begin(self, plan: RenderPlan, arrangements: Mapping[str, Arrangement]) -> None:
        self._num_frames = {name: arrangement.num_frames for name, arrangement in arrangements.items()}
        assert len(plan.request.band.followers) == self._num_followers

    def acknowledge(self, takes: Sequence[str], dynamics: Any, conducting: Any, playing: dict[str, Any]) -> None:
        assert set(playing) == set(dynamics.parts)

    def stem(self, takes: Sequence[str], stem: Stem) -> None:
        self.blocks += 1
        for take in takes:
            key = (take, stem.part)
            assert stem.start_sample == self._expected.get(key, 0)
            self._expected[key] = stem.start_sample + stem.clip.num_samples
            self._sounded.setdefault(key, hashlib.sha256()).update(stem.clip.samples.tobytes())

    def finish(self, take: Take) -> None:
        lengths = {length for (name, _), length in self._expected.items() if name == take.name}
        assert lengths == {self._num_frames[take.name] * 160}

    def hashes(self) -> dict[str, dict[str, str]]:
        by_take: dict[str, dict[str, str]] = {}
        for (take, part), digest in self._sounded.items():
            by_take.setdefault(take, {})[part] = digest.hexdigest()
        assert all(len(parts) == self._num_followers for parts in by_take.values())
        return by_take


def play(
    band: Band, lead: Lead, plan: RenderPlan, block_frames: int, on_block: Callable[[int], None] = lambda _: None
) -> tuple[Hashing, Performance]:
    """Play every take of a leader.

    on_block: called after each block with the number of frames played.
    """
    sink = Hashing(len(plan.request.band.followers))
    pace = Pace(block_frames=block_frames, deadline_s=60.0)
    events = Events(progress=lambda stage, at, _: on_block(at) if stage == "play" else None)
    return sink, perform(band, lead, plan, recorder=sink, pace=pace, events=events)


def hashes(
    band: Band, leader: AudioClip, plan: RenderPlan, block_frames: int, on_block: Callable[[int], None] = lambda _: None
) -> dict[str, str]:
    """Play a leader as given, and hash what every part sounded."""
    return play(band, Lead(clip=leader), plan, block_frames, on_block)[0].hashes()["take-00"]


ORCHESTRA = BandSettings(
    name="orchestra",
    followers=(
        FollowerSettings(name="bass", instrument="double_bass", role="bass"),
        FollowerSettings(name="guitar", instrument="nylon_guitar", role="pad", voices=3),
        FollowerSettings(name="sax", instrument="tenor_sax", role="counter"),
        FollowerSettings(name="flute", instrument="flute", role="double"),
        FollowerSettings(name="cello", instrument="cello", role="transform"),
        FollowerSettings(name="kit", instrument="drums", role="drums"),
    ),
    arranger="learned",
)
"""A part of every role, and more parts than any number of actors that is tried."""


def two_ways_on(folder: Path) -> Lead:
    """Twelve seconds of the bundled guitar, and two takes that go on with four seconds from elsewhere in it.

    folder: where the takes' leaders are written.
    """
    guitar = prepared_clip(read_clip(leader_path()), 16_000).samples
    clip = AudioClip(samples=np.ascontiguousarray(guitar[:, : 12 * 16_000]), sample_rate=16_000)
    lead = Lead(clip=clip, folder=folder)
    score = SeamScore(relevance=1.0, seam=1.0, total=1.0, terms={})
    hop = Hop(
        path="", recording_sha256="", title="", licence="", start_s=0.0, stop_s=4.0, semitones=0.0, tempo_ratio=1.0,
        gain_db=0.0, aligned_ms=0.0, fade_ms=25.0, begins_s=11.5, score=score,
    )  # fmt: skip
    found = [
        Continuation(
            begin_sample=round(11.5 * 16_000),
            clip=AudioClip(
                samples=np.ascontiguousarray(guitar[:, start_s * 16_000 :][:, : 4 * 16_000]), sample_rate=16_000
            ),
            beats_s=(11.6 + 0.6 * np.arange(6)).astype(np.float64),
            hops=(hop,),
            total=1.0,
        )
        for start_s in (3, 7)
    ]
    return replace(lead, extended=tuple(extend(lead, number, one)[0] for number, one in enumerate(found, 1)))
