"""The drummer: on the grid, as busy and as loud as the leader, quiet in the rests, done at the end."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_leader import heard_of

from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.features import sixteenths_s
from ensemble.conduct.grooves import GROOVES, SIXTEENTHS_PER_BEAT, STRENGTH
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.types import DRUM_CLASSES, Heard, Hit, Hits

DRUMS = FollowerSettings(name="drums", instrument="drums", role="drums")
CALM, BUSY = ((72, 4.0),), ((72, 0.5), (74, 0.25), (76, 0.25))


def strokes(heard: Heard, seed: int = 0) -> tuple[Hit, ...]:
    (part,) = write_parts(heard, (DRUMS,), heard.frames.num_frames + 100, seed)
    assert isinstance(part, Hits)
    return part.hits


def uneven(heard: Heard) -> Heard:
    """The same leader on beats that slow down."""
    beats = heard.beats_s + 0.03 * np.sin(np.arange(len(heard.beats_s)) / 3)
    beats[0] = 0.0
    return Heard(
        frames=heard.frames, beats_s=beats, tempo_bpm=heard.tempo_bpm, beats_per_bar=heard.beats_per_bar,
        first_downbeat=0, key=heard.key, chords=heard.chords, tuning_cents=0.0,
    )  # fmt: skip


def test_the_bank_is_well_written():
    assert len(GROOVES) >= 12
    assert len({groove.name for groove in GROOVES}) == len(GROOVES)
    assert sum(groove.beats_per_bar == 3 for groove in GROOVES) >= 2
    for groove in GROOVES:
        for row in groove.rows.values():
            assert [len(bar) for bar in row] == [groove.beats_per_bar * SIXTEENTHS_PER_BEAT] * 2
            assert set("".join(row)) <= {*STRENGTH, "-"}


@pytest.mark.parametrize("beats_per_bar", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("bpm", [63.0, 118.0, 201.0])
def test_every_stroke_lies_on_the_grid_of_sixteenths(beats_per_bar, bpm):
    heard = uneven(heard_of(beats_per_bar=beats_per_bar, bpm=bpm, bars=12, melody=BUSY))
    grid = np.interp(np.arange(0, len(heard.beats_s), 0.25), np.arange(len(heard.beats_s)), heard.beats_s)
    late = np.array([np.abs(grid - hit.time_s).min() for hit in strokes(heard)])
    assert late.max() < 0.015
    assert 0.001 < late.mean() < 0.006  # humanised, not quantised


def test_strokes_rise_in_time_and_are_numbered():
    hits = strokes(heard_of(bars=12))
    assert [hit.index for hit in hits] == list(range(len(hits)))
    assert (np.diff([hit.time_s for hit in hits]) >= 0).all()
    assert all(0 < hit.velocity <= 1 for hit in hits)
    assert "crash" in {hit.drum for hit in hits if hit.time_s < 0.02}


def told(heard: Heard, **chances: float) -> tuple[Hit, ...]:
    """The strokes of a drummer to whom each of these drums is foretold on the second sixteenth of every beat."""
    time_s = sixteenths_s(heard.beats_s, heard.frames.num_frames / 100)
    probability = np.full((len(time_s), len(DRUM_CLASSES)), 0.1, np.float32)
    for drum, chance in chances.items():
        probability[1::4, DRUM_CLASSES.index(drum)] = chance
    velocity = np.full_like(probability, 0.5)
    foretold = ForetoldStrokes(time_s=time_s, probability=probability, velocity=velocity)
    (part,) = write_parts(heard, (DRUMS,), heard.frames.num_frames + 100, 0, None, foretold)
    assert isinstance(part, Hits)
    return part.hits


def on_second_sixteenths(hits: tuple[Hit, ...], drum: str) -> list[float]:
    """Velocities, at 120 beats a minute."""
    return [hit.velocity for hit in hits if hit.drum == drum and abs(hit.time_s % 0.5 - 0.125) < 0.02]


def test_what_is_foretold_is_struck_what_is_ruled_out_is_not_and_the_groove_fills_the_rest():
    heard = heard_of(bars=12, melody=BUSY)
    assert {(hit.drum, hit.time_s) for hit in told(heard)} == {(hit.drum, hit.time_s) for hit in strokes(heard)}
    snares = on_second_sixteenths(told(heard, snare=0.7), "snare")
    assert len(snares) > 30 > 3 * len(on_second_sixteenths(strokes(heard), "snare"))
    assert np.mean(snares) == pytest.approx(0.5, abs=0.05)
    forbidden = on_second_sixteenths(told(heard, kick=0.01, snare=0.01), "snare")
    assert len(forbidden) <= 3  # fills are the drummer's own
    calm = heard_of(bars=12, melody=CALM)
    assert len(on_second_sixteenths(told(calm, kick=0.9), "kick")) > 30


def test_a_cymbal_that_is_foretold_is_struck_on_the_one_that_keeps_time():
    heard = heard_of(bars=12, melody=BUSY)
    kept = {hit.drum for hit in strokes(heard)}
    led = told(heard, closed_hat=0.35, ride=0.35)
    assert {hit.drum for hit in led} == kept
    assert len(led) > len(strokes(heard))


def test_kick_on_one_and_snare_on_the_back_beats():
    hits = strokes(heard_of(bars=12, melody=((72, 1.0),)))
    kicks = [hit.time_s / 0.5 % 4 for hit in hits if hit.drum == "kick"]
    snares = [hit.time_s / 0.5 % 2 for hit in hits if hit.drum == "snare" and hit.velocity > 0.85]
    assert sum(abs((place + 2) % 4 - 2) < 0.05 for place in kicks) >= 11  # one may give way to the ending
    assert np.mean([abs(place - 1) < 0.05 for place in snares]) > 0.9


def test_a_busier_leader_has_a_busier_drummer_and_a_louder_one_a_harder():
    assert len(strokes(heard_of(bars=16, melody=BUSY))) > 1.3 * len(strokes(heard_of(bars=16, melody=CALM)))
    loud = heard_of(bars=16)
    quiet = Heard(
        frames=type(loud.frames)(
            f0_hz=loud.frames.f0_hz, loudness_db=np.maximum(loud.frames.loudness_db - 20, -100),
            confidence=loud.frames.confidence, onset=loud.frames.onset, chroma=loud.frames.chroma,
        ),
        beats_s=loud.beats_s, tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0, key=loud.key, chords=loud.chords,
        tuning_cents=0.0,
    )  # fmt: skip
    force = [sum(hit.velocity for hit in strokes(heard)) for heard in (quiet, loud)]
    assert force[0] < 0.9 * force[1]


def test_soft_hats_in_the_first_silent_bar_and_nothing_after():
    hits = strokes(heard_of(bars=16, silent_beats=(24, 44), melody=((72, 1.0),)))
    first_bar = [hit for hit in hits if 12.6 < hit.time_s < 13.9]
    assert first_bar
    assert {hit.drum for hit in first_bar} == {"closed_hat"}
    assert max(hit.velocity for hit in first_bar) < 0.35
    assert not [hit for hit in hits if 14.6 < hit.time_s < 21.9]


@pytest.mark.parametrize("seed", [0, 9])
def test_kick_and_crash_end_the_piece_before_the_leader_ends(seed):
    heard = heard_of(bars=7, bpm=133.0)
    hits = strokes(heard, seed)
    assert {hit.drum for hit in hits[-2:]} == {"kick", "crash"}
    assert hits[-1].time_s < heard.frames.num_frames / 100


def test_beats_are_carried_on_before_the_first_and_after_the_last():
    heard = heard_of(bars=8, first_beat_s=0.0)
    fewer = Heard(
        frames=heard.frames, beats_s=heard.beats_s[5:-6], tempo_bpm=120.0, beats_per_bar=4, first_downbeat=3,
        key=heard.key, chords=heard.chords[5:-6], tuning_cents=0.0,
    )  # fmt: skip
    found, expected = strokes(fewer), strokes(heard)
    assert [hit.drum for hit in found] == [hit.drum for hit in expected]
    np.testing.assert_allclose([hit.time_s for hit in found], [hit.time_s for hit in expected], atol=1e-9)
