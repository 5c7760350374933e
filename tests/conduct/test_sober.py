"""Whatever leads, and whoever follows: notes in range, finite curves, full length; sober rather than wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.conduct.parts import write_parts
from ensemble.conduct.shaping import WrittenNote, shape
from ensemble.config import FollowerSettings
from ensemble.listen.listener import Listener
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import AudioClip, Heard, Hits, Key, Part, Role
from tests.conduct.handmade_leader import heard_of, restless

RATE, SECONDS = 16_000, 10
PITCHED = sorted(name for name, one in CATALOGUE.items() if one.family != "drums")
ROLES: tuple[Role, ...] = ("bass", "pad", "counter", "double")


def note(hz: float, duration_s: float, decay: float = 3.0) -> np.ndarray:
    time_s = np.arange(round(duration_s * RATE)) / RATE
    edges = np.minimum(time_s / 0.01, 1) * np.minimum((duration_s - time_s) / 0.01, 1)
    return 0.2 * edges * np.exp(-decay * time_s) * sum(np.sin(2 * np.pi * hz * k * time_s) / k for k in range(1, 7))


def scale(bpm: float, keys: tuple[int, ...] = (60,), accents: int = 4) -> np.ndarray:
    count = max(int(SECONDS * bpm / 60), 3)
    steps = (0, 2, 4, 5, 7, 9, 11, 12)
    pitches = [keys[index * len(keys) // count] + steps[index % 8] for index in range(count)]
    loud = [1.0 if index % accents == 0 else 0.5 for index in range(count)]
    return np.concatenate(
        [level * note(440 * 2 ** ((p - 69) / 12), 60 / bpm) for p, level in zip(pitches, loud, strict=True)]
    )


@cache
def leader(kind: str) -> Heard:
    time_s = np.arange(SECONDS * RATE) / RATE
    clicks = np.zeros(len(time_s))
    clicks[:: RATE // 2] = 0.9
    glide_hz = 140 + 50 * np.sin(2 * np.pi * 0.7 * time_s) + 30 * np.sin(2 * np.pi * 2.1 * time_s)
    talk = 0.2 * np.sin(2 * np.pi * np.cumsum(glide_hz) / RATE) * (np.sin(2 * np.pi * 2.5 * time_s) > -0.3)
    samples = {
        "silence": np.zeros(len(time_s)),
        "noise": np.random.default_rng(0).normal(0, 0.1, len(time_s)),
        "drone": note(110.0, SECONDS, decay=0.0),
        "click track": clicks,
        "speech": talk,
        "no beat": np.concatenate([note(262 * 2 ** (k / 7), 0.3 + 0.37 * (k * k % 5)) for k in range(9)])[
            : len(time_s)
        ],
        "5/4": scale(120, accents=5),
        "30 bpm": scale(30),
        "300 bpm": scale(300),
        "modulation": scale(120, keys=(60, 66)),
    }[kind]
    return Listener().listen(AudioClip(samples=samples[None].astype(np.float32), sample_rate=RATE))


KINDS = ("silence", "noise", "drone", "click track", "speech", "no beat", "5/4", "30 bpm", "300 bpm", "modulation")
ONE = (FollowerSettings(name="bass", instrument="electric_bass", role="bass"),)
SIXTEEN = (
    *(FollowerSettings(name=f"p{k}", instrument=PITCHED[k % len(PITCHED)], role=ROLES[k % 4]) for k in range(15)),
    FollowerSettings(name="drums", instrument="drums", role="drums"),
)


def assert_sober(heard: Heard, band: tuple[FollowerSettings, ...], seed: int = 0) -> list[Part | Hits]:
    num_frames = heard.frames.num_frames + 50
    parts = write_parts(heard, band, num_frames, seed)
    for follower, part in zip(band, parts, strict=True):
        if isinstance(part, Hits):
            assert part.num_frames == num_frames
            assert all(0 <= hit.time_s <= num_frames / 100 for hit in part.hits)
            continue
        low, high = follower.range
        assert all(low <= one.pitch_midi <= high for one in part.notes)
        assert part.f0_hz.shape == part.level_db.shape == (follower.num_voices, num_frames)
        assert np.isfinite(part.f0_hz).all()
        assert np.isfinite(part.level_db).all()
        sounding = part.f0_hz[part.f0_hz > 0]
        cents = 150.0  # tuning, vibrato and scoops
        assert (sounding > 440 * 2 ** ((low - 69 - cents / 100) / 12)).all()
        assert (sounding < 440 * 2 ** ((high - 69 + cents / 100) / 12)).all()
    return list(parts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("band", [ONE, SIXTEEN], ids=["one", "sixteen"])
def test_any_leader_and_any_band(kind, band):
    parts = assert_sober(leader(kind), band)
    assert len(parts) == len(band)
    if kind == "silence":
        assert not any(part.hits if isinstance(part, Hits) else part.notes for part in parts)


@pytest.mark.parametrize("kind", ["noise", "click track", "speech"])
def test_what_cannot_be_followed_is_said(kind):
    assert leader(kind).diagnostics


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    places=st.lists(st.tuples(st.sampled_from(PITCHED), st.sampled_from(ROLES)), min_size=1, max_size=4),
    swing=st.floats(0.5, 0.75),
    tuning=st.floats(-50, 50),
    tonic=st.integers(0, 11),
)
def test_no_voice_ever_leaves_its_range(seed, places, swing, tuning, tonic):
    band = tuple(
        FollowerSettings(name=f"p{index}", instrument=name, role=role) for index, (name, role) in enumerate(places)
    )
    heard = replace(restless(seed), swing=swing, tuning_cents=tuning, key=Key(tonic=tonic, mode="major"))
    assert_sober(heard, band, seed)


def test_the_narrowest_range_that_is_allowed_is_kept():
    band = tuple(FollowerSettings(name=role, instrument="piano", role=role, range_midi=(60, 72)) for role in ROLES)
    assert_sober(heard_of(bars=12), band)


def test_an_unknown_family_plays_sustained_lines():
    strange = replace(CATALOGUE["piano"], family="glass")  # what a later catalogue may hold
    part = shape("glass", [WrittenNote(0.5, 1.5, 72, 80), WrittenNote(1.5, 2.5, 74, 80)], strange, 1, 0.0, 300, 0)
    assert len(part.notes) == 2
    assert np.isfinite(part.level_db).all()
    assert (part.f0_hz[0, 60:140] > 0).all()
