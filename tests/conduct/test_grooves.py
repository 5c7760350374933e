"""The drummer: on the grid, as busy and as loud as the leader, quiet in the rests, done at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from ensemble.conduct.conductor_features import sixteenths_s
from ensemble.conduct.drums import _by_two_hands
from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.grid import grid_of
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.types.music import DRUM_CLASSES, Heard, Hit, Hits
from tests.conduct.handmade_leader import cut, heard_of

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


def told(heard: Heard, place: int, **chances: float) -> tuple[Hit, ...]:
    """The strokes of a drummer to whom these chances are foretold for one sixteenth of every beat."""
    time_s = sixteenths_s(heard.beats_s, heard.frames.num_frames / 100)
    probability = np.full((len(time_s), len(DRUM_CLASSES)), 0.2, np.float32)
    for drum, chance in chances.items():
        probability[place::4, DRUM_CLASSES.index(drum)] = chance
    velocity = np.full_like(probability, 0.5)
    foretold = ForetoldStrokes(time_s=time_s, probability=probability, velocity=velocity)
    (part,) = write_parts(heard, (DRUMS,), heard.frames.num_frames + 100, 0, None, foretold)
    assert isinstance(part, Hits)
    return part.hits


def on_sixteenth(hits: tuple[Hit, ...], drum: str, place: int) -> list[Hit]:
    """At 120 beats a minute."""
    return [hit for hit in hits if hit.drum == drum and abs((hit.time_s + 0.02) % 0.5 - 0.02 - 0.125 * place) < 0.02]


def test_what_is_unsure_leaves_the_groove_as_it_is():
    heard = heard_of(bars=12, melody=BUSY)
    assert told(heard, 0) == strokes(heard)


@pytest.mark.parametrize("melody", [CALM, BUSY])
@pytest.mark.parametrize("drum", ["kick", "snare"])
def test_what_is_sure_is_struck_though_the_groove_is_silent(melody, drum):
    heard = heard_of(bars=12, melody=melody)
    added = on_sixteenth(told(heard, 1, **{drum: 0.7}), drum, 1)
    assert len(added) > 35  # of 48 beats: fills are the drummer's own
    assert np.median([hit.velocity for hit in added]) == pytest.approx(0.5, abs=0.05)


def test_the_foot_goes_on_under_a_fill():
    kicks = on_sixteenth(told(heard_of(bars=12, melody=BUSY), 1, kick=0.7), "kick", 1)
    assert {15, 31} <= {round(hit.time_s / 0.5) for hit in kicks}  # the beats of the fills


def test_what_is_surely_not_is_left_out_though_the_groove_has_it():
    heard = heard_of(bars=12, melody=((72, 1.0),))
    back_beats = [hit for hit in on_sixteenth(strokes(heard), "snare", 0) if hit.time_s > 0.25]
    assert len(back_beats) > 20
    left = on_sixteenth(told(heard, 0, snare=0.01, kick=0.01), "snare", 0)
    assert all(hit.time_s % 8 > 7.4 for hit in left)  # in fills, at the end of every fourth bar
    assert len(on_sixteenth(told(heard, 0, snare=0.01, kick=0.01), "kick", 0)) <= 4  # fills and the ending


def test_time_is_kept_on_one_cymbal():
    heard = heard_of(bars=12, melody=BUSY)
    plain, led = strokes(heard), told(heard, 3, closed_hat=0.8, ride=0.8, open_hat=0.8)
    assert {hit.drum for hit in led} == {hit.drum for hit in plain}
    assert len(led) > len(plain)


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("melody", [CALM, BUSY])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_no_drum_is_struck_twice_at_once(beats_per_bar, melody, seed):
    heard = heard_of(bars=16, melody=melody, beats_per_bar=beats_per_bar)
    places = [(hit.drum, round((hit.time_s + 0.02) // 0.125)) for hit in strokes(heard, seed)]
    assert len(places) == len(set(places))


def test_kick_on_one_and_snare_on_the_back_beats():
    hits = strokes(heard_of(bars=12, melody=((72, 1.0),)))
    kicks = [hit.time_s / 0.5 % 4 for hit in hits if hit.drum == "kick"]
    snares = [hit.time_s / 0.5 % 2 for hit in hits if hit.drum == "snare" and hit.velocity > 0.85]
    assert sum(abs((place + 2) % 4 - 2) < 0.05 for place in kicks) >= 11  # one may give way to the ending
    assert np.mean([abs(place - 1) < 0.05 for place in snares]) > 0.9


@pytest.mark.parametrize(("beats_per_bar", "snare_on"), [(2, {1}), (3, {1, 2}), (4, {1, 3})])
@pytest.mark.parametrize("melody", [CALM, ((72, 1.0),), ((72, 2 / 3), (74, 1 / 3)), ((72, 0.334),)])
def test_in_compound_metres_eighths_are_thirds_of_a_beat(beats_per_bar, snare_on, melody):
    """6/8, 9/8 and 12/8 at 90 dotted quarters a minute."""
    leader = heard_of(bars=12, bpm=90.0, beats_per_bar=beats_per_bar, melody=melody)
    hits = strokes(replace(leader, beat_division=3))
    places = [6 * hit.time_s / (60 / 90) for hit in hits]  # in sixteenths, six to a beat
    assert max(abs(place - round(place)) for place in places) < 0.15
    played = {round(place) % 6 for place in places}
    assert {0, 4} <= played <= {0, 2, 4, 5}
    snares = [round(place) / 6 for hit, place in zip(hits, places, strict=True)
              if hit.drum == "snare" and hit.velocity > 0.65]  # fmt: skip
    accents = {beat % beats_per_bar for beat in snares if not in_last_beat(beat, beats_per_bar)}
    assert accents <= snare_on
    kicks = [round(place) for hit, place in zip(hits, places, strict=True) if hit.drum == "kick"]
    assert {6 * beats_per_bar * bar for bar in range(11)} <= set(kicks)


def in_last_beat(beat: float, beats_per_bar: int) -> bool:
    """Whether a fill is played: in the last beat of four bars."""
    return beat % (4 * beats_per_bar) > 4 * beats_per_bar - 1.1


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
    fewer = replace(heard, beats_s=heard.beats_s[5:-6], chords=heard.chords[5:-6], first_downbeat=3)
    found, expected = grid_of(fewer), grid_of(heard)
    np.testing.assert_allclose(found.edges_s, expected.edges_s, atol=1e-9)
    np.testing.assert_array_equal(found.positions, expected.positions)
    np.testing.assert_array_equal(found.bars, expected.bars - 2)  # the leader is said to play from the third bar on


def after_rest(heard: Heard, beats: int) -> Heard:
    """The same leader, first silent for so many beats of 120 a minute, which are counted nevertheless."""
    still, frames = 50 * beats, heard.frames
    later = replace(
        frames, f0_hz=np.pad(frames.f0_hz, (still, 0)), confidence=np.pad(frames.confidence, (still, 0)),
        loudness_db=np.pad(frames.loudness_db, (still, 0), constant_values=-100.0),
        onset=np.pad(frames.onset, (still, 0)), chroma=np.pad(frames.chroma, ((0, 0), (still, 0))),
    )  # fmt: skip
    beats_s = np.concatenate([0.5 * np.arange(beats), heard.beats_s + 0.5 * beats])
    return replace(
        heard, frames=later, beats_s=beats_s, chords=(*[heard.chords[0]] * beats, *heard.chords), first_downbeat=beats
    )


@pytest.mark.parametrize("beats", [1, 4, 6])
def test_a_silence_before_the_leader_is_no_part_of_the_music(beats):
    heard = heard_of(bars=13, melody=BUSY)
    later = strokes(after_rest(heard, beats))
    places = [(hit.drum, round(hit.time_s * 8) - 4 * beats) for hit in later]
    assert sorted(places) == sorted((hit.drum, round(hit.time_s * 8)) for hit in strokes(heard))


def in_bar(hits: tuple[Hit, ...], bar: int, beats_per_bar: int = 4) -> list[Hit]:
    """What is struck in a bar, from 1, at 120 beats a minute."""
    start_s = 0.5 * beats_per_bar * (bar - 1) - 0.02
    return [hit for hit in hits if start_s <= hit.time_s < start_s + 0.5 * beats_per_bar]


@pytest.mark.parametrize("melody", [CALM, BUSY])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_fill_closes_every_fourth_bar_and_leads_to_a_cymbal_and_a_kick(melody, seed):
    hits = strokes(heard_of(bars=17, melody=melody), seed)
    for bar in (4, 8, 12, 16):
        last_beat = [hit for hit in in_bar(hits, bar) if hit.time_s > 2 * bar - 0.52]
        others = [hit for hit in in_bar(hits, bar - 2) if hit.time_s > 2 * (bar - 2) - 0.52]
        hands = {"snare", "tom"}
        assert sum(hit.drum in hands for hit in last_beat) > sum(hit.drum in hands for hit in others)
        assert last_beat[-1].drum in {*hands, "kick"}
        assert last_beat[-1].time_s > 2 * bar - 0.4  # up to the bar line
        landing = {hit.drum for hit in hits if abs(hit.time_s - 2 * bar) < 0.03}
        assert "kick" in landing
        assert landing & {"crash", "open_hat"}
        assert not landing & {"closed_hat", "ride"}


def softer(heard: Heard, by_db: float) -> Heard:
    loudness_db = np.maximum(heard.frames.loudness_db - np.float32(by_db), -100)
    return replace(heard, frames=replace(heard.frames, loudness_db=loudness_db))


@pytest.mark.parametrize("beats_per_bar", [3, 4, 6])
@pytest.mark.parametrize("by_db", [0, 8, 12, 20])  # 12: toms and a hat, to which a snare is foretold
@pytest.mark.parametrize("melody", [CALM, ((72, 1.0),), BUSY])
def test_a_drummer_has_two_hands(beats_per_bar, by_db, melody):
    heard = softer(heard_of(bars=16, melody=melody, beats_per_bar=beats_per_bar), by_db)
    hits = told(heard, 2, snare=0.9, ride=0.9, kick=0.9)
    at_once = Counter(round(hit.time_s * 8) for hit in hits if hit.drum != "kick")
    assert max(at_once.values()) <= 2


def test_of_what_would_take_more_hands_the_hardest_is_struck():
    struck = _by_two_hands({"snare": 0.9, "tom": 0.4, "closed_hat": 0.5, "kick": 0.1, "ride": 0.0})
    assert {drum for drum, _ in struck} == {"kick", "snare", "closed_hat"}


def test_a_landing_has_a_kick_though_the_conductor_rules_it_out():
    hits = told(heard_of(bars=13, melody=((72, 1.0),)), 0, kick=0.01)
    assert [hit for hit in hits if hit.drum == "kick" and abs(hit.time_s - 8.0) < 0.03]


def test_a_soft_leader_has_softer_fills_that_lead_to_an_open_hat():
    loud = heard_of(bars=13, melody=((72, 1.0),))
    fills = {}
    for name, heard in {"loud": loud, "soft": softer(loud, 18)}.items():
        hits = strokes(heard)
        fills[name] = [hit.velocity for hit in hits if 7.5 < hit.time_s < 7.95 and hit.drum in ("snare", "tom")]
        landing = {hit.drum: hit.velocity for hit in hits if abs(hit.time_s - 8.0) < 0.03}
        assert set(landing) - {"kick"} == {"crash" if name == "loud" else "open_hat"}
        assert landing["kick"] > 0.35
    assert max(fills["soft"]) < 0.6 < max(fills["loud"])


def test_nothing_lands_when_the_leader_has_stopped_after_a_fill():
    hits = strokes(heard_of(bars=16, melody=((72, 1.0),), silent_beats=(15, 24)))
    assert {hit.drum for hit in hits if 7.5 < hit.time_s < 7.95} & {"snare", "tom"}
    assert {hit.drum for hit in hits if 7.95 < hit.time_s < 11.9} <= {"closed_hat"}
    assert "crash" not in {hit.drum for hit in hits if 11.9 < hit.time_s < 15.9}


def test_a_pick_up_is_left_alone_and_the_first_downbeat_has_a_crash():
    hits = strokes(replace(heard_of(bars=9), first_downbeat=3))
    assert min(hit.time_s for hit in hits) > 1.45
    assert {"crash", "kick"} <= {hit.drum for hit in hits if abs(hit.time_s - 1.5) < 0.03}


def test_in_three_the_drummer_answers_the_leader_too():
    bars = {name: strokes(heard_of(bars=16, beats_per_bar=3, melody=melody)) for name, melody in
            {"calm": ((72, 3.0),), "waltz": ((72, 1.0),), "busy": BUSY}.items()}  # fmt: skip
    assert len(bars["calm"]) < len(bars["waltz"]) < len(bars["busy"])
    for hits in bars.values():
        accents = [round(hit.time_s * 2) % 3 for hit in hits if hit.drum == "snare" and hit.velocity > 0.85]
        assert accents.count(1) <= 1  # no backbeat on two


@pytest.mark.parametrize(("beats_per_bar", "strong"), [
    (2, {0}), (3, {0}), (4, {0, 2}), (5, {0, 3}), (6, {0, 3}), (7, {0, 4}), (8, {0, 4}), (9, {0, 3, 6}),
    (12, {0, 3, 6, 9}),
])  # fmt: skip
def test_long_bars_have_groups_and_the_music_ends_with_one(beats_per_bar, strong):
    for left_out in range(1, beats_per_bar + 1):
        heard = heard_of(bars=8, beats_per_bar=beats_per_bar)
        grid = grid_of(cut(heard, 8 * beats_per_bar - left_out))
        assert {place for place in range(beats_per_bar) if grid.is_strong(place)} == strong
        assert int(grid.positions[grid.final_beat]) in strong
        assert grid.end_s - grid.edges_s[grid.final_beat] < 0.5 * (max(np.diff([*sorted(strong), beats_per_bar])) + 1)
