from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.harmony import LOOK_AHEAD_BEATS, ChordPath, find_chords
from ensemble.listen.keys import find_key, find_keys
from ensemble.types.music import Chord, Key

MAJOR_SCALE, HARMONIC_MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)
TONES = {"maj": (0, 4, 7), "min": (0, 3, 7), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}


def sounding(*tones: int) -> np.ndarray:
    chroma = np.zeros(12, dtype=np.float32)
    chroma[np.array(tones) % 12] = 1.0
    return chroma


def heard_in(chroma: np.ndarray, key: Key, first_downbeat: int = 0, said: np.ndarray | None = None) -> ChordPath:
    return find_chords(chroma, (key,) * chroma.shape[1], 4, first_downbeat, said)


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
    assert list(heard_in(chroma, key).chords) == chords


def test_a_melody_of_the_key_gets_chords_of_the_key():
    melody = [0, 0, 7, 7, 9, 9, 7, 7, 5, 5, 4, 4, 2, 2, 0, 0]
    chroma = np.stack([sounding(note) for note in melody], axis=1)
    found = heard_in(chroma, Key(tonic=0, mode="major")).chords
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
    found = [str(chord) for chord in heard_in(chroma, Key(tonic=0, mode="major")).chords]
    assert found == ["C"] * 8 + ["F"] * 4


def test_silence_for_bars_is_no_chord_and_a_short_rest_keeps_it():
    c_major, nothing = sounding(0, 4, 7), np.zeros(12, dtype=np.float32)
    short = np.stack([c_major] * 4 + [nothing] + [c_major] * 3, axis=1)
    assert [str(chord) for chord in heard_in(short, Key(tonic=0, mode="major")).chords] == ["C"] * 8
    long = np.stack([c_major] * 4 + [nothing] * 16 + [c_major] * 4, axis=1)
    found = [str(chord) for chord in heard_in(long, Key(tonic=0, mode="major")).chords]
    assert found[:4] == found[20:] == ["C"] * 4
    assert found[8:16] == ["-"] * 8


def test_a_longer_leader_keeps_the_chords_of_a_shorter_one():
    rng = np.random.default_rng(0)
    chroma = rng.random((12, 60)).astype(np.float32) ** 3
    key = Key(tonic=0, mode="major")
    short, long = heard_in(chroma[:, :40], key, 1).chords, heard_in(chroma, key, 1).chords
    assert short[: 40 - LOOK_AHEAD_BEATS] == long[: 40 - LOOK_AHEAD_BEATS]
    assert len(set(long)) > 3


def test_what_is_clear_is_sure_and_what_is_between_two_chords_names_both():
    """Four bars of C, and four of what C and A minor share."""
    chroma = np.stack([sounding(0, 4, 7)] * 16 + [sounding(0, 4)] * 16, axis=1)
    chords, doubts = heard_in(chroma, Key(tonic=0, mode="major"))
    clear, unclear = doubts[8], doubts[24]
    assert clear.confidence > 0.9
    assert unclear.confidence < 0.9
    assert {str(chords[24]), str(unclear.other)} == {"C", "Am"}


def test_the_network_decides_between_chords_that_fit_alike_and_says_nothing_where_it_hears_none():
    chroma = np.stack([sounding(0, 4)] * 16, axis=1)
    said = np.full((100, 16), 1e-4, np.float32)
    said[1 + 12 + 9] = 0.9  # A minor
    key = Key(tonic=0, mode="major")
    assert {str(chord) for chord in heard_in(chroma, key, said=said).chords} == {"Am"}
    said[0], said[1 + 12 + 9] = 1.0, 0.0
    assert heard_in(chroma, key, said=said).chords == heard_in(chroma, key).chords


def test_a_sure_chord_lasts_longer_than_its_own_beat_alone():
    """The doubt of a beat is that of the whole path: a weak beat among clear ones is nearly as sure as they are."""
    weak = 0.6 * sounding(0, 4, 7) + 0.55 * sounding(5, 9)
    among = np.stack([sounding(0, 4, 7)] * 5 + [weak] + [sounding(0, 4, 7)] * 6, axis=1)
    key = Key(tonic=0, mode="major")
    assert heard_in(among, key).doubts[5].confidence > heard_in(weak[:, None], key).doubts[0].confidence
    assert len({len(heard_in(among, key).doubts), len(heard_in(among, key).chords), 12}) == 1


def played_in(tonic: int, num_bars: int) -> list[np.ndarray]:
    """Four beats each of I, IV, V and I."""
    return [sounding(*np.add((0, 4, 7), tonic + (0, 5, 7, 0)[bar % 4])) for bar in range(num_bars) for _ in range(4)]


def test_a_change_of_key_is_two_sections_and_the_longer_one_is_the_main_key():
    main, sections = find_keys(np.stack(played_in(0, 12) + played_in(3, 24), axis=1))
    assert [(section.key.tonic, section.key.mode) for section in sections] == [(0, "major"), (3, "major")]
    assert sections[0].start_beat == 0
    assert abs(sections[1].start_beat - 48) <= 8
    assert main == sections[1].key
    assert all(section.confidence > 0.5 and section.other not in (None, section.key) for section in sections)


def test_a_bar_of_a_foreign_chord_changes_no_key():
    beats = played_in(0, 8) + [sounding(8, 0, 3)] * 4 + played_in(0, 8)
    main, sections = find_keys(np.stack(beats, axis=1))
    assert main == Key(tonic=0, mode="major")
    assert len(sections) == 1


def test_silence_has_a_key_without_confidence():
    main, (section,) = find_keys(np.zeros((12, 16), np.float32))
    assert (main, section.start_beat) == (section.key, 0)
    assert section.confidence < 0.1
