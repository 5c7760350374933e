"""A band's figures: what a matched pair scores against shuffled ones, and what reaches the user."""

from __future__ import annotations

import json

import mido
import numpy as np
import pytest

from ensemble.errors import DataError
from ensemble.measure.cases import FollowPart, LeadPart, RenderCase, read_notes
from ensemble.measure.following import area_under_curve, as_document, crossings, following, shown
from ensemble.measure.harmony_fit import TimedNote, tones_of_notes


def case(seed: int, *, follows: bool = True) -> RenderCase:
    """A leader on the tones of one major scale, and a bass and a pad that follow its time and its chords, or do not."""
    rng = np.random.default_rng(seed)
    tonic, frames = int(rng.integers(12)), 6000
    onsets_s = np.cumsum(rng.uniform(0.3, 0.7, 110))
    chords = np.zeros((12, frames), np.bool_)
    leader_notes, notes = [], []
    for index, start in enumerate(onsets_s[:-1]):
        root = (0, 5, 7, 9)[index // 8 % 4]
        triad = [(tonic + root + step) % 12 for step in ((0, 4, 7) if root != 9 else (0, 3, 7))]
        chords[triad, round(start * 100) : round(onsets_s[index + 1] * 100)] = True
        leader_notes.append(TimedNote(start, onsets_s[index + 1], 60 + triad[rng.integers(3)]))
        notes.append(TimedNote(start, onsets_s[index + 1], 36 + triad[0] if follows else 36 + int(rng.integers(12))))
    heard_s = onsets_s + rng.normal(0, 0.008, len(onsets_s)) if follows else np.sort(rng.uniform(0, 55, 110))
    bass = FollowPart(
        name="bass", role="bass", range_midi=(28, 55), onsets_s=heard_s, notes=tuple(notes),
        tones=tones_of_notes(notes, frames),
    )  # fmt: skip
    drums = FollowPart(
        name="drums", role="drums", range_midi=(35, 81), onsets_s=heard_s, notes=(),
        tones=np.zeros((12, frames), np.bool_),
    )  # fmt: skip
    return RenderCase(
        name=f"leader-{seed}", band=(bass, drums), true_tones={"bass": tones_of_notes(notes, frames)},
        leader=LeadPart(onsets_s=onsets_s, tones=tones_of_notes(leader_notes, frames), chords=chords),
    )  # fmt: skip


def test_a_band_that_follows_is_told_from_others_bands():
    document = as_document([case(seed) for seed in range(5)])
    for name in ("onset_offset_ms", "key_clash_rate", "chord_tone_ratio"):
        assert document["auc"][name] >= 0.9
        assert name in document["shown"]
    bass, drums = document["stems"]["bass"], document["stems"]["drums"]
    assert bass["onset_offset_ms"] == pytest.approx(5.4, abs=1.5)  # the median of a normal's size, 0.67 of 8 ms
    assert bass["chord_tone_ratio"] > 0.98
    assert bass["key_clash_rate"] == bass["true_key_clash_rate"]
    assert drums["key_clash_rate"] is drums["true_key_clash_rate"] is None
    json.dumps(document, allow_nan=False)


def test_a_band_that_does_not_listen_shows_nothing():
    document = as_document([case(seed, follows=False) for seed in range(5)])
    assert document["shown"] == []
    assert all(0.1 < value < 0.9 for value in document["auc"].values())


def test_fewer_than_three_leaders_prove_nothing():
    document = as_document([case(0), case(1)])
    assert set(document["auc"].values()) == {None}
    assert document["shown"] == []


def test_the_area_under_the_curve_by_hand():
    assert area_under_curve([1.0, 2.0], [3.0, 4.0]) == 1.0
    assert area_under_curve([3.0], [1.0, 3.0, 5.0, 7.0]) == pytest.approx(2.5 / 4)
    assert area_under_curve([], [1.0]) is None
    assert shown({"a": 0.9, "b": 0.899, "c": None}) == ("a",)


def test_a_bass_above_the_pad_is_counted_and_drums_are_not():
    one = case(0).band[0]
    high = tuple(TimedNote(note.start_s, note.stop_s, note.pitch_midi + 24) for note in one.notes)
    pad = FollowPart(name="pad", role="pad", range_midi=(40, 76), onsets_s=one.onsets_s, notes=high, tones=one.tones)
    assert crossings((one, pad, case(0).band[1])) == 0
    low = FollowPart(name="pad", role="pad", range_midi=(40, 76), onsets_s=one.onsets_s, tones=one.tones,
                     notes=tuple(TimedNote(n.start_s, n.stop_s, n.pitch_midi - 2) for n in one.notes))  # fmt: skip
    assert crossings((one, low)) >= len(one.notes)


def test_notes_out_of_range_are_counted():
    band = case(0).band[0]
    odd = FollowPart(name="bass", role="bass", range_midi=(28, 35), onsets_s=band.onsets_s, notes=band.notes,
                     tones=band.tones)  # fmt: skip
    assert following(case(0).leader, odd).range_violations == len(band.notes)


def test_notes_are_read_with_their_tempo_and_without_the_drums(tmp_path):
    document = mido.MidiFile(ticks_per_beat=480)
    tempo, notes = mido.MidiTrack(), mido.MidiTrack()
    tempo += [
        mido.MetaMessage("set_tempo", tempo=500_000, time=0),
        mido.MetaMessage("set_tempo", tempo=1_000_000, time=480),
    ]
    for pitch, velocity, channel, ticks in ((60, 90, 0, 480), (60, 80, 0, 480), (36, 80, 9, 0), (60, 0, 0, 240)):
        notes.append(mido.Message("note_on", note=pitch, velocity=velocity, channel=channel, time=ticks))
    document.tracks += [tempo, notes]
    document.save(tmp_path / "two.mid")
    assert read_notes(tmp_path / "two.mid") == (TimedNote(0.5, 1.5, 60.0), TimedNote(1.5, 2.0, 60.0))
    (tmp_path / "bad.mid").write_bytes(b"MThd nonsense")
    for name in ("bad.mid", "absent.mid"):
        with pytest.raises(DataError):
            read_notes(tmp_path / name)
