from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.bars import find_bars
from ensemble.listen.harmony import LOOK_AHEAD_BEATS, find_chords, find_key
from ensemble.types.music import Chord, Key

MAJOR_SCALE, HARMONIC_MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)
TONES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}


def sounding(*tones: int) -> np.ndarray:
    chroma = np.zeros(12, dtype=np.float32)
    chroma[np.array(tones) % 12] = 1.0
    return chroma


@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_and_its_triad_tell_the_key(tonic):
    for mode, scale, triad in (("major", MAJOR_SCALE, (0, 4, 7)), ("minor", HARMONIC_MINOR, (0, 3, 7))):
        chroma = sounding(*np.add(scale, tonic)) + sounding(*np.add(triad, tonic)) + sounding(tonic)
        assert find_key(chroma, sounding(tonic)) == Key(tonic=tonic, mode=mode)


@pytest.mark.parametrize("root", range(12))
@pytest.mark.parametrize("quality", ["maj", "min", "7"])
def test_a_progression_is_named_in_every_key(root, quality):
    """Two bars of home, two of the chord a fifth above, home again."""
    key = Key(tonic=root, mode="minor" if quality == "min" else "major")
    home = Chord(root=root, quality=quality if quality == "min" else "maj")
    away = Chord(root=(root + 7) % 12, quality="7" if quality == "7" else "maj")
    chords = [home] * 8 + [away] * 8 + [home] * 4
    chroma = np.stack([sounding(*np.add(TONES[c.quality], c.root)) for c in chords], axis=1)
    assert list(find_chords(chroma, key, 4, 0)) == chords


def test_a_melody_of_the_key_gets_chords_of_the_key():
    melody = [0, 0, 7, 7, 9, 9, 7, 7, 5, 5, 4, 4, 2, 2, 0, 0]
    chroma = np.stack([sounding(note) for note in melody], axis=1)
    found = find_chords(chroma, Key(tonic=0, mode="major"), 4, 0)
    diatonic = {"C", "Dm", "Em", "F", "G", "Am", "G7"}
    assert {str(chord) for chord in found} <= diatonic
    assert str(found[0]) == "C"
    for chord, note in zip(found, melody, strict=True):
        assert (note - chord.root) % 12 in TONES[chord.quality]


def test_chords_change_on_downbeats_rather_than_between():
    """One foreign passing note on a weak beat does not move the harmony; the same on a downbeat's bar does."""
    c_major, f_major = sounding(0, 4, 7), sounding(5, 9, 0)
    chroma = np.stack(
        [c_major] * 4 + [c_major, c_major * 0.6 + f_major * 0.5, c_major, c_major] + [f_major] * 4, axis=1
    )
    found = [str(chord) for chord in find_chords(chroma, Key(tonic=0, mode="major"), 4, 0)]
    assert found == ["C"] * 8 + ["F"] * 4


def test_silence_for_bars_is_no_chord_and_a_short_rest_keeps_it():
    c_major, nothing = sounding(0, 4, 7), np.zeros(12, dtype=np.float32)
    short = np.stack([c_major] * 4 + [nothing] + [c_major] * 3, axis=1)
    assert [str(chord) for chord in find_chords(short, Key(tonic=0, mode="major"), 4, 0)] == ["C"] * 8
    long = np.stack([c_major] * 4 + [nothing] * 16 + [c_major] * 4, axis=1)
    found = [str(chord) for chord in find_chords(long, Key(tonic=0, mode="major"), 4, 0)]
    assert found[:4] == found[20:] == ["C"] * 4
    assert found[8:16] == ["-"] * 8


def test_a_longer_leader_keeps_the_chords_of_a_shorter_one():
    rng = np.random.default_rng(0)
    chroma = rng.random((12, 60)).astype(np.float32) ** 3
    key = Key(tonic=0, mode="major")
    short, long = find_chords(chroma[:, :40], key, 4, 1), find_chords(chroma, key, 4, 1)
    assert short[: 40 - LOOK_AHEAD_BEATS] == long[: 40 - LOOK_AHEAD_BEATS]
    assert len(set(long)) > 3


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("upbeats", [0, 1, 2])
def test_bars_begin_where_chords_change(beats_per_bar, upbeats):
    num_beats = 32
    bar = (np.arange(num_beats) - upbeats) // beats_per_bar
    roots = np.array([0, 5, 7, 0])[bar % 4]
    changes = np.append(True, np.diff(roots) != 0)
    accents = np.ones(num_beats, dtype=np.float32)
    chroma = np.zeros((12, num_beats), np.float32)
    chroma[roots, np.arange(num_beats)] = 1.0
    assert find_bars(chroma, changes, accents) == (beats_per_bar, upbeats)
    assert find_bars(np.zeros_like(chroma), changes, accents) == (beats_per_bar, upbeats)


@pytest.mark.parametrize("beats_per_bar", [3, 4])
def test_bars_are_heard_in_a_tune_that_only_outlines_its_harmony(beats_per_bar):
    rng = np.random.default_rng(4)
    chords = [(0, 4, 7), (5, 9, 0), (7, 11, 2), (9, 0, 4)]
    notes = [rng.choice(chords[bar % 4]) for bar in range(12) for _ in range(beats_per_bar)]
    chroma = np.zeros((12, len(notes)), np.float32)
    chroma[notes, np.arange(len(notes))] = 1.0
    bars = find_bars(chroma, np.zeros(len(notes), np.bool_), np.ones(len(notes), np.float32))
    assert bars[0] == beats_per_bar


@pytest.mark.parametrize("num_beats", [0, 1, 2, 3])
@pytest.mark.parametrize("known", [None, 3])
def test_hardly_any_beats_have_bars_too(num_beats, known):
    found = find_bars(np.ones((12, num_beats)), np.ones(num_beats, np.bool_), np.ones(num_beats), known)
    assert found == (known or 4, 0)


def test_a_known_metre_leaves_the_downbeat_to_the_ear():
    accents = np.where(np.arange(40) % 5 == 2, 1.0, 0.5).astype(np.float32)
    still = np.zeros((12, 40), np.float32)
    assert find_bars(still, np.zeros(40, np.bool_), accents, beats_per_bar=5) == (5, 2)


def test_bars_begin_where_the_leader_leans_when_harmony_stands_still():
    accents = np.where(np.arange(32) % 4 == 3, 1.0, 0.5).astype(np.float32)
    assert find_bars(np.zeros((12, 32), np.float32), np.zeros(32, dtype=np.bool_), accents) == (4, 3)
