"""A drummer strays for a while together and alone, the same from any place; what MIDI holds of that is found again."""

from __future__ import annotations

import mido
import numpy as np
import pytest

from ensemble.conduct.drummer import strays
from ensemble.conduct.jitter import Chance
from ensemble.conduct.midi import beat_map, write_midi
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.errors import DataError
from ensemble.settings.style import DrummerTraits, Manner
from ensemble.settings.style_file import load_style
from ensemble.train.drummer import measure_drummer
from tests.conduct.handmade_leader import heard_of

DRUMS = FollowerSettings(name="drums", instrument="drums", role="drums")
BEATS = np.arange(0, 256, 0.5)
TRAITS = DrummerTraits(timing_ms=6.0, timing_drift_share=0.7, force_db=2.0, force_drift_share=0.2)


def test_strokes_stray_as_far_as_said_and_drift_for_bars():
    kick, hat = ([strays(BEATS, [drum] * 512, TRAITS, Chance(seed, varies=True), "drums") for seed in range(6)]
                 for drum in ("kick", "closed_hat"))  # fmt: skip
    late = np.array([one.late_ms for one in kick])
    assert late.std() == pytest.approx(6.0, rel=0.15)
    assert np.std([one.louder_db for one in kick]) == pytest.approx(2.0, rel=0.15)
    together = np.corrcoef(late.ravel(), np.array([one.late_ms for one in hat]).ravel())[0, 1]
    assert together == pytest.approx(0.7, abs=0.12)
    lasts = [np.mean([np.corrcoef(row[:-lag], row[lag:])[0, 1] for row in late]) for lag in (1, 8, 400)]
    assert 0.5 < lasts[0] < 0.75
    assert 0.15 < lasts[1] < lasts[0]


def test_a_place_has_its_stroke_whatever_is_around_it_and_wherever_counting_began():
    chance = Chance(4, varies=True)
    whole = strays(BEATS, ["snare"] * 512, TRAITS, chance, "drums")
    part = strays(BEATS[:20], ["snare"] * 20, TRAITS, chance._replace(seed=99, lasting_seed=4, first_beat=100), "drums")
    np.testing.assert_array_equal(part.late_ms, whole.late_ms[200:220])
    np.testing.assert_array_equal(part.louder_db, whole.louder_db[200:220])


def test_what_midi_holds_is_measured(tmp_path):
    style = load_style("rock").model_copy(update={"drummer": TRAITS})
    heard = heard_of(bars=80)
    for humanize in (0.5, 0.0):
        manner = Manner(style=style, humanize=humanize)
        (part,) = write_parts(heard, (DRUMS,), heard.frames.num_frames, 0, manner=manner)
        write_midi(tmp_path / f"{humanize}.mid", part, DRUMS, beat_map(heard))
    found = measure_drummer([tmp_path / "0.5.mid"])
    assert found.timing_ms == pytest.approx(6.0, rel=0.2)
    assert found.force_db == pytest.approx(2.0, rel=0.35)  # hard accents end at 127
    assert 0.35 < found.timing_drift_share < 0.8
    assert measure_drummer([tmp_path / "0.0.mid"]).timing_ms < 0.2


@pytest.mark.parametrize(("channel", "num_notes", "said"), [(0, 80, "holds no drums"), (9, 5, "hold 0 strokes")])
def test_too_little_is_refused_in_one_line(tmp_path, channel, num_notes, said):
    document, track = mido.MidiFile(), mido.MidiTrack()
    for _ in range(num_notes):
        track.append(mido.Message("note_on", channel=channel, note=38, velocity=80, time=1920))
        track.append(mido.Message("note_off", channel=channel, note=38, time=100))
    document.tracks.append(track)
    document.save(tmp_path / "few.mid")
    with pytest.raises(DataError, match=said) as refusal:
        measure_drummer([tmp_path / "few.mid"])
    assert "\n" not in str(refusal.value)
