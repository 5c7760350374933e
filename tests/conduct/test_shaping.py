"""Curves of single notes: attacks, decays, dips between repeats, vibrato; and small differences that stay small."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.conduct.jitter import bell, draws
from ensemble.conduct.shaping import WrittenNote, shape
from ensemble.types.instruments import CATALOGUE, InstrumentSpec
from ensemble.types.music import SILENCE_DB, Part


def played(written: list[WrittenNote], name: str, *, cents: float = 0.0, num_frames: int = 400, seed: int = 1) -> Part:
    instrument: InstrumentSpec = CATALOGUE[name]
    return shape("part", written, instrument, max(one.voice for one in written) + 1, cents, num_frames, seed)


@pytest.mark.parametrize("name", ["violin", "flute", "electric_bass", "nylon_guitar"])
def test_repeated_notes_are_struck_again(name):
    part = played([WrittenNote(0.5, 1.0, 60, 80), WrittenNote(1.0, 1.5, 60, 80), WrittenNote(1.5, 2.0, 60, 80)], name)
    level = part.level_db[0]
    assert len(part.notes) == 3
    for _, second in zip(part.notes, part.notes[1:], strict=False):
        joint = level[second.start_frame - 3 : second.start_frame + 2].min()
        before = level[second.start_frame - 20 : second.start_frame - 6].max()
        after = level[second.start_frame + 8 : second.start_frame + 20].max()
        assert joint < min(before, after) - 8


@pytest.mark.parametrize("name", ["piano", "electric_piano", "organ"])
def test_a_key_that_is_struck_again_under_the_pedal_rings_until_then(name):
    part = played([WrittenNote(0.5, 1.0, 60, 80), WrittenNote(1.0, 1.5, 60, 100)], name)
    level, struck = part.level_db[0], part.notes[1].start_frame
    assert level[struck - 6 : struck + 2].min() > level[struck - 6] - (4 if name == "organ" else 1)
    assert level[struck : struck + 3].max() > level[struck - 4] + 2


def test_a_slur_dips_less_than_a_repeat():
    slur = played([WrittenNote(0.5, 1.0, 60, 80), WrittenNote(1.0, 1.5, 62, 80)], "violin")
    repeat = played([WrittenNote(0.5, 1.0, 60, 80), WrittenNote(1.0, 1.5, 60, 80)], "violin")
    joint = slice(slur.notes[1].start_frame - 3, slur.notes[1].start_frame + 3)
    assert slur.level_db[0, joint].min() > repeat.level_db[0, joint].min() + 6
    assert slur.level_db[0, joint].min() > -10


def test_a_release_keeps_the_pitch_and_then_rests():
    part = played([WrittenNote(0.5, 1.0, 69, 80)], "violin")
    stop = part.notes[0].stop_frame
    ring = slice(stop, stop + 12)  # 120 ms
    assert (part.f0_hz[0, ring] > 430).all()
    assert (np.diff(part.level_db[0, ring]) < 0).all()
    assert (part.f0_hz[0, stop + 12 :] == 0).all()
    assert (part.level_db[0, stop + 12 :] == SILENCE_DB).all()


def test_every_release_is_complete_at_the_end():
    part = played([WrittenNote(0.5, 99.0, 69, 80)], "cello", num_frames=200)
    assert part.level_db[0, -1] < -40
    assert part.notes[0].stop_frame == 188


def test_plucked_notes_decay_at_the_rate_of_the_instrument():
    part = played([WrittenNote(0.0, 3.0, 45, 80)], "nylon_guitar")
    level = part.level_db[0]
    assert level[200] - level[100] == pytest.approx(-10.0, abs=0.01)


def test_vibrato_begins_late_and_has_the_rate_and_depth_of_the_instrument():
    part = played([WrittenNote(0.0, 3.9, 69, 80)], "violin")
    cents = 1200 * np.log2(part.f0_hz[0, :380] / 440)
    settled = cents[60:360] - cents[60:360].mean()
    assert np.ptp(cents[12:17]) < 12  # before 180 ms: no vibrato yet
    assert 12 < np.abs(settled).max() < 24
    rate = np.abs(np.fft.rfft(settled)).argmax() / 3.0
    assert rate == pytest.approx(5.6, abs=0.34)


def test_accents_are_louder():
    soft, hard = (
        played([WrittenNote(0.5, 1.5, 60, velocity)], "trumpet").level_db[0, 80:120].mean() for velocity in (60, 110)
    )
    assert hard - soft == pytest.approx(6.0, abs=0.01)


def test_humanised_onsets_stay_within_six_milliseconds_and_differ():
    written = [WrittenNote(0.25 * index, 0.25 * index + 0.2, 60, 80) for index in range(400)]
    part = played(written, "piano", num_frames=10_100)
    starts = np.array([note.start_frame for note in part.notes])
    late = starts - 25 * np.arange(400)
    assert set(np.unique(late)) == {-1, 0, 1}
    assert abs(late.mean()) < 0.1


def test_chance_depends_on_the_place_alone():
    few, many = np.array([3, 8]), np.arange(1000)
    np.testing.assert_array_equal(draws(1, "x", few, 5), draws(1, "x", many, 5)[few])
    assert not np.array_equal(draws(1, "x", few, 5), draws(2, "x", few, 5))
    assert not np.array_equal(draws(1, "x", few, 5), draws(1, "y", few, 5))
    late = np.array([7_000_003, 7_000_001])  # what lies before is not drawn: an hour's first frame costs no more
    np.testing.assert_array_equal(draws(1, "x", late, 9)[::-1], draws(1, "x", np.append(late[::-1], 7_000_009), 9)[:2])
    draws(1, "x", 10**14 + late, 9)
    normal = bell(draws(0, "bell", np.arange(20_000), 4))
    assert normal.mean() == pytest.approx(0, abs=0.03)
    assert normal.std() == pytest.approx(1, abs=0.03)


def test_the_order_of_writing_does_not_matter():
    written = [WrittenNote(0.1, 0.5, 60, 80, 0), WrittenNote(0.1, 0.5, 64, 80, 1), WrittenNote(0.6, 1.0, 62, 70, 0)]
    one, two = played(written, "piano"), played(written[::-1], "piano")
    assert one.notes == two.notes
    assert one.level_db.tobytes() == two.level_db.tobytes()


def test_tuning_moves_the_sound_and_not_the_page():
    plain, sharp = (played([WrittenNote(0.1, 1.0, 57, 80)], "piano", cents=cents) for cents in (0.0, 30.0))
    assert plain.notes == sharp.notes
    sounds = plain.f0_hz > 0
    np.testing.assert_allclose(1200 * np.log2(sharp.f0_hz[sounds] / plain.f0_hz[sounds]), 30.0, atol=0.01)
