"""A leader who is still playing, from samples to an arrangement."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.config import BandSettings, load_band
from ensemble.listen.overrides import Overrides
from ensemble.live.follow import LiveFollower
from ensemble.live.settings import LiveSettings
from ensemble.live.stream import Followed, follow, ticks_of
from ensemble.settings.style_file import load_style
from ensemble.types.music import Arrangement, Hits, Part
from tests.listen.leader_sounds import RATE, chords, clicks, clip_of

TEMPO_BPM = 110.0
LOOP = ((48, 52, 55), (43, 47, 50), (45, 48, 52), (41, 45, 48))
SECONDS = 26


@pytest.fixture(scope="module")
def band() -> BandSettings:
    return load_band("rock").with_voice("naive")


@pytest.fixture(scope="module")
def strummed() -> np.ndarray:
    """Four chords in a loop, one stroke a beat, with a click on each."""
    beat_s = 60 / TEMPO_BPM
    struck = chords([chord for _ in range(4) for chord in LOOP for _ in range(4)], beat_s)[: SECONDS * RATE]
    beats = clicks(TEMPO_BPM, SECONDS, 0.0, (1.0, 0.4, 0.6, 0.4))[: len(struck)]
    return (struck + 0.5 * beats).astype(np.float32)


@pytest.fixture(scope="module")
def followed(band: BandSettings, strummed: np.ndarray) -> Followed:
    return follow(clip_of(strummed), 100 * SECONDS + 100, band, 1, LiveSettings(), Overrides())


def test_the_band_enters_and_plays_on_the_beats(followed: Followed) -> None:
    beats = followed.heard.beats_s
    assert followed.heard.tempo_bpm == pytest.approx(TEMPO_BPM, rel=0.02)
    off_beats = beats[4:] / (60 / TEMPO_BPM)
    assert np.median(np.abs(off_beats - np.rint(off_beats))) * 60 / TEMPO_BPM < 0.03
    bass = next(part for part in followed.arrangement.parts if part.name == "bass")
    assert isinstance(bass, Part)
    assert 2.0 < bass.notes[0].start_frame / 100 < 12.0
    assert len(bass.notes) > 10


def test_a_style_that_is_not_in_the_metre_that_is_heard_by_now_is_left_out(
    band: BandSettings, strummed: np.ndarray
) -> None:
    follower = LiveFollower(band, 1, LiveSettings(listen_beats=4), Overrides(beats_per_bar=3))
    follower._band = follower._next_band = band.model_copy(update={"style": load_style("reggae")})  # was taken in 4/4
    for tick, _ in ticks_of(strummed[: 14 * RATE], 0, follower):
        follower.tick(tick)
    (drums,) = (part for part in follower.arrangement(1400).parts if isinstance(part, Hits))
    assert len(drums.hits) > 10


def test_most_bass_notes_belong_to_the_chord_that_sounds(followed: Followed) -> None:
    bass = next(part for part in followed.arrangement.parts if part.name == "bass")
    assert isinstance(bass, Part)
    right = [
        round(note.pitch_midi) % 12
        in {tone % 12 for tone in LOOP[int((note.start_frame / 100 + 0.05) * TEMPO_BPM / 240) % 4]}
        for note in bass.notes
        if note.start_frame < 100 * SECONDS
    ]
    assert np.mean(right) > 0.6


def test_a_band_that_does_not_listen_first_enters_once_the_beat_is_sure(
    band: BandSettings, strummed: np.ndarray
) -> None:
    at_once = LiveSettings(listen_beats=0)
    parts = follow(
        clip_of(strummed[: 5 * RATE]), 600, band, 1, at_once, Overrides(tempo_bpm=TEMPO_BPM)
    ).arrangement.parts
    bass = next(part for part in parts if part.name == "bass")
    assert isinstance(bass, Part)
    enters = bass.notes[0].start_frame / 100 * TEMPO_BPM / 60
    assert 2.0 < enters < 8.5
    assert (enters + 1.0) % 4.0 == pytest.approx(1.0, abs=0.15)


def test_the_band_ends_when_the_leader_does(followed: Followed) -> None:
    for part in followed.arrangement.parts:
        last = part.hits[-1].time_s if isinstance(part, Hits) else part.notes[-1].stop_frame / 100
        assert last < SECONDS + 0.75


def test_what_is_committed_never_changes_though_the_past_is_forgotten(
    band: BandSettings, strummed: np.ndarray, followed: Followed
) -> None:
    follower, pieces = LiveFollower(band, 1, LiveSettings(), Overrides()), list[Arrangement]()
    for tick, has_ended in ticks_of(strummed, 0, follower):
        if not has_ended:
            first = follower.committed_frames
            follower.tick(tick)
            pieces.append(follower.committed(first))
            follower.forget()
    stop = follower.committed_frames
    assert stop == 100 * SECONDS + 40
    for number, late in enumerate(followed.arrangement.parts):
        early = [piece.parts[number] for piece in pieces]
        if isinstance(late, Hits):
            hits = [hit for one in early if isinstance(one, Hits) for hit in one.hits]
            assert hits == [hit for hit in late.hits if hit.time_s * 100 < stop]
        else:
            for curve in ("f0_hz", "level_db"):
                joined = np.concatenate([getattr(one, curve) for one in early], axis=1)
                np.testing.assert_array_equal(joined, getattr(late, curve)[:, :stop])
    joined = np.concatenate([piece.features for piece in pieces], axis=1)
    np.testing.assert_array_equal(joined, followed.arrangement.features[:, : joined.shape[1]])


def test_the_band_rests_when_the_leader_does(band: BandSettings, strummed: np.ndarray) -> None:
    pause = strummed.copy()
    pause[12 * RATE : 16 * RATE] = 0.0
    arrangement = follow(clip_of(pause), 2000, band, 1, LiveSettings(), Overrides()).arrangement
    for part in arrangement.parts:
        starts = (
            [hit.time_s for hit in part.hits] if isinstance(part, Hits) else [n.start_frame / 100 for n in part.notes]
        )
        assert not [start for start in starts if 14.2 < start < 15.9]
        assert [start for start in starts if start > 16.5]


def test_noise_and_silence_are_not_followed(band: BandSettings) -> None:
    for level in (0.0, 1e-5):
        noise = level * np.random.default_rng(1).standard_normal(6 * RATE)
        followed = follow(clip_of(noise), 700, band, 1, LiveSettings(), Overrides())
        assert not any(part.hits if isinstance(part, Hits) else part.notes for part in followed.arrangement.parts)
        assert not len(followed.heard.beats_s)


def test_a_chart_is_played_in_its_place(band: BandSettings, strummed: np.ndarray) -> None:
    said = Overrides(chart="tempo: 110\nkey: C\n| C | G | Am | F |\n")
    arrangement = follow(
        clip_of(strummed), 100 * SECONDS + 100, band, 1, LiveSettings(listen_beats=4), said
    ).arrangement
    right = []
    for part in arrangement.parts:
        for note in part.notes if isinstance(part, Part) else ():
            bar = int((note.start_frame / 100 + 0.1) * TEMPO_BPM / 240) % 4
            right.append(round(note.pitch_midi) % 12 in {tone % 12 for tone in LOOP[bar]})
    assert len(right) > 50
    assert np.mean(right) > 0.93


def test_in_six_eight_a_bar_has_two_beats_of_three(band: BandSettings) -> None:
    beat_s, seconds = 0.75, 12
    leader = chords([chord for chord in LOOP * 2 for _ in range(2)], beat_s)[: seconds * RATE]
    eighths = clicks(3 * 60 / beat_s, seconds, 0.0, (1.0, 0.1, 0.1, 0.6, 0.1, 0.1))[: len(leader)]
    silence = np.zeros(round((0.4 + 0.15 + 4 * beat_s) * RATE), np.float32)  # while the band counts
    sound = np.concatenate([silence, (leader + 0.5 * eighths).astype(np.float32)])
    said = Overrides(chart="time: 6/8\ntempo: 80\n| C | G | Am | F |\n")
    counting = LiveSettings(count_in_beats=4)
    heard, arrangement = follow(clip_of(sound), 100 * len(sound) // RATE, band, 1, counting, said)
    assert (heard.beats_per_bar, heard.beat_division) == (2, 3)
    (drums,) = (part for part in arrangement.parts if isinstance(part, Hits))
    strokes_s = np.array([hit.time_s for hit in drums.hits])
    beats = np.interp(strokes_s, heard.beats_s, np.arange(len(heard.beats_s)))[8:]
    off_thirds = np.abs(3 * beats - np.rint(3 * beats))
    assert len(beats) > 20
    assert np.mean(off_thirds < 0.2) > 0.85
    assert {round(3 * beat) % 3 for beat in beats} == {0, 1, 2}
