"""What followers play: in range, in the chord, out of each other's way, and unmoved by what comes much later."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ensemble.conduct.grid import LOOK_AHEAD_BEATS, grid_of
from ensemble.conduct.parts import write_parts
from ensemble.config import BandSettings, FollowerSettings
from ensemble.types.doubts import KeySection
from ensemble.types.music import SILENCE_DB, Chord, Heard, Hits, Key, Part
from tests.conduct.handmade_leader import LOOP, MELODY, cut, frames_of, heard_of, of, pitches, restless

TAIL = 100
BASS = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
RHYTHM = FollowerSettings(name="rhythm", instrument="electric_guitar", role="pad", voices=4)
VIOLIN = FollowerSettings(name="violin", instrument="violin", role="counter")
VIOLA = FollowerSettings(name="viola", instrument="viola", role="pad", voices=1)
CELLO = FollowerSettings(name="cello", instrument="cello", role="bass")
KEYS = FollowerSettings(name="keys", instrument="piano", role="pad")
SHADOW = FollowerSettings(name="shadow", instrument="tenor_sax", role="double")
VOICE = FollowerSettings(name="voice", instrument="clarinet", role="transform")
DRUMS = FollowerSettings(name="drums", instrument="drums", role="drums")
ROCK = (BASS, RHYTHM, DRUMS)
QUARTET = (VIOLIN, VIOLA, CELLO)
EVERYONE = (BASS, RHYTHM, VIOLIN, SHADOW, VOICE, KEYS, DRUMS)
BUSY = ((76, 0.5), (74, 0.5), (72, 0.25), (74, 0.25), (76, 0.5), (79, 0.5), (76, 0.5), (72, 0.5), (67, 0.5))


def written(heard: Heard, band: tuple[FollowerSettings, ...], seed: int = 3) -> dict[str, Part | Hits]:
    parts = write_parts(heard, band, heard.frames.num_frames + TAIL, seed)
    return {part.name: part for part in parts}


def roll(heard: Heard, part: object) -> np.ndarray:
    return pitches(of(part).notes, heard.frames.num_frames + TAIL)[:, : heard.frames.num_frames]


def leader_midi(heard: Heard) -> np.ndarray:
    f0 = heard.frames.f0_hz
    return np.where(f0 > 0, np.round(69 + 12 * np.log2(np.maximum(f0, 1) / 440)), np.nan)


def is_chord_tone(heard: Heard, played: np.ndarray) -> np.ndarray:
    beat = np.clip(np.searchsorted(heard.beats_s, np.arange(played.shape[1]) / 100, side="right") - 1, 0, None)
    own = np.zeros((len(heard.chords), 12), bool)
    for index, chord in enumerate(heard.chords):
        own[index, list(chord.tones)] = True
    pitch_class = np.nan_to_num(np.mod(played, 12)).astype(int)
    return own[beat[None, :], pitch_class] & np.isfinite(played)


@pytest.mark.parametrize("band", [ROCK, QUARTET, EVERYONE], ids=["rock", "quartet", "everyone"])
@pytest.mark.parametrize("bpm", [66.0, 120.0, 190.0])
def test_every_note_lies_in_range_and_every_part_has_the_asked_length(band, bpm):
    heard = heard_of(bpm=bpm)
    for follower, part in zip(band, written(heard, band).values(), strict=True):
        assert part.name == follower.name
        if isinstance(part, Part):
            low, high = follower.range
            assert len(part.notes) >= 8
            assert all(low <= note.pitch_midi <= high for note in part.notes)
            assert part.f0_hz.shape == (follower.num_voices, heard.frames.num_frames + TAIL)


def test_more_than_nine_tenths_of_what_is_played_belongs_to_the_chord():
    heard = heard_of(bars=24)
    for band in (ROCK, QUARTET):
        for name, part in written(heard, band).items():
            if name != "drums":
                played = roll(heard, part)
                ratio = is_chord_tone(heard, played).sum() / np.isfinite(played).sum()
                assert ratio > 0.9, (name, ratio)
    wrong = is_chord_tone(heard, roll(heard, written(heard, ROCK)["bass"]) + 1).sum()
    assert wrong < 0.3 * np.isfinite(roll(heard, written(heard, ROCK)["bass"])).sum()  # the measure can fail


def test_semitone_clashes_with_the_leader_take_less_than_a_twentieth_of_the_time():
    heard = heard_of(bars=24)
    leader = leader_midi(heard)
    for band in (ROCK, QUARTET):
        for name, part in written(heard, band).items():
            if name == "drums":
                continue
            played = roll(heard, part)
            apart = np.mod(played - leader, 12)
            together = np.isfinite(played).any(axis=0) & np.isfinite(leader)
            clash = (((apart == 1) | (apart == 11)).any(axis=0) & together).sum() / together.sum()
            assert clash <= 0.05, (name, clash)


@pytest.mark.parametrize("chord", [(0, "maj"), (0, "7")])
@pytest.mark.parametrize("follower", [RHYTHM, KEYS, VIOLA], ids=lambda follower: follower.name)
def test_the_pad_steps_aside_when_the_leader_dwells_beside_the_third(chord, follower):
    heard = heard_of(bars=8, loop=(chord,), melody=((77, 4.0),))  # F over C
    played = roll(heard, written(heard, (follower,))[follower.name])
    sounds = np.isfinite(played)
    third = sounds & (np.mod(np.nan_to_num(played), 12) == 4)
    assert sounds.any(axis=0).mean() > 0.8
    assert third.any(axis=0).mean() < 0.05


@pytest.mark.parametrize("rolled", [None, 0, 1, 2])
@pytest.mark.parametrize("band", [(BASS, RHYTHM, VIOLIN), QUARTET], ids=["rock", "quartet"])
def test_parts_do_not_cross(band, rolled):
    heard = heard_of(bars=24)
    parts = written(
        heard, tuple(one.model_copy(update={"seed": 9 if at == rolled else None}) for at, one in enumerate(band))
    )
    order = ["bass", "rhythm", "violin"] if band[0] is BASS else ["cello", "viola", "violin"]
    for below, above in pairwise(order):
        top = np.nan_to_num(roll(heard, parts[below]), nan=-1).max(axis=0)
        bottom = np.nan_to_num(roll(heard, parts[above]), nan=999).min(axis=0)
        assert ((top >= bottom).mean()) < 0.01, (below, above)  # humanised onsets may touch


def test_voices_of_one_pad_never_cross():
    played = roll(heard_of(), written(heard_of(), (RHYTHM,))["rhythm"])
    assert np.isfinite(played).sum(axis=0).max() >= 4
    settled = np.isfinite(played[0]) & np.isfinite(played[1])
    assert (played[1] > played[0])[settled].mean() > 0.99


SEVENTHS = {"loop": ((0, "maj7"), (5, "maj7")), "melody": ((71, 4.0), (76, 4.0))}


@pytest.mark.parametrize("music", [{}, SEVENTHS], ids=["a tune", "held major sevenths"])
def test_the_bass_has_the_root_on_downbeats(music):
    heard = heard_of(bars=24, **music)
    bass = roll(heard, written(heard, (BASS,))["bass"])[0]
    downbeats = np.round(heard.beats_s[::4] * 100).astype(int) + 10
    roots = np.array([chord.root for chord in heard.chords[::4]])
    np.testing.assert_array_equal(np.mod(bass[downbeats], 12), roots)


def test_a_busier_leader_has_a_busier_band():
    counts = {}
    for name, melody in {"calm": ((72, 4.0),), "plain": ((72, 1.0), (76, 1.0)), "busy": BUSY}.items():
        counts[name] = {
            part.name: len(of(part).notes) for part in write_parts(heard_of(melody=melody), (BASS, RHYTHM), 1700, 0)
        }
    for part in ("bass", "rhythm"):
        assert counts["calm"][part] < counts["plain"][part] < counts["busy"][part]


def test_the_counter_melody_moves_while_the_leader_holds():
    heard = heard_of(bars=24, melody=((72, 0.5), (74, 0.5), (76, 0.5), (74, 0.5), (72, 6.0)))
    starts = np.array([note.start_frame for note in of(written(heard, (VIOLIN,))["violin"]).notes])
    place = np.mod(starts / 50, 8)
    during_run, during_hold = ((place > 0.3) & (place < 1.8)).sum(), ((place > 2.2) & (place < 7.8)).sum()
    assert during_hold / 5.6 > 2.5 * during_run / 1.5


def test_under_a_leader_that_never_rests_the_counter_melody_moves_on_strong_beats():
    heard = heard_of(bars=16, melody=((48, 0.5), (52, 0.5)))
    line = of(written(heard, (VIOLIN,))["violin"])
    steps = [round(later.start_frame / 25) for one, later in pairwise(line.notes) if later.pitch_midi != one.pitch_midi]
    assert len(steps) > 16
    assert np.mean([step % 4 == 0 for step in steps]) > 0.9


def test_the_third_beat_is_left_to_a_leader_who_has_gaps_elsewhere():
    """The chord turns on every first beat, so that the line moves there in any case."""
    ceaseless, gappy = ((48, 0.5), (52, 0.5)), ((48, 0.5), (52, 1.5), (48, 0.5), (52, 0.5), (48, 1.0))
    moves = []
    for melody in (ceaseless, gappy):
        notes = of(written(heard_of(bars=16, melody=melody), (VIOLIN,))["violin"]).notes
        moved = [
            round(later.start_frame / 25) % 8 for one, later in pairwise(notes) if later.pitch_midi != one.pitch_midi
        ]
        moves.append(moved.count(4))
    assert moves[0] > 8
    assert moves[1] < 4


def test_a_bow_walks_where_a_plucked_string_repeats():
    heard = heard_of(bars=16, melody=BUSY)
    plucked, bowed = (len(of(part).notes) for part in written(heard, (BASS, CELLO)).values())
    assert plucked > 1.5 * bowed
    assert bowed > 4 * 14


def test_the_same_leader_gives_the_same_parts_and_another_seed_other_onsets():
    heard = heard_of()
    first, again, other = (write_parts(heard, EVERYONE, 1700, seed) for seed in (5, 5, 6))
    for one, two in zip(first, again, strict=True):
        if isinstance(one, Part) and isinstance(two, Part):
            assert one.notes == two.notes
            assert one.f0_hz.tobytes() + one.level_db.tobytes() == two.f0_hz.tobytes() + two.level_db.tobytes()
        else:
            assert one == two
    assert [note.start_frame for note in of(first[0]).notes] != [note.start_frame for note in of(other[0]).notes]


def test_a_part_does_not_depend_on_who_else_is_seated_above_it():
    heard = heard_of()
    assert written(heard, (BASS, RHYTHM, VIOLIN))["rhythm"].notes == written(heard, (BASS, RHYTHM))["rhythm"].notes


@pytest.mark.parametrize("rolled", ["bass", "rhythm", "violin", "shadow", "keys", "drums"])
def test_a_seed_of_ones_own_gives_another_take_of_that_part_alone(rolled):
    heard = heard_of(melody=BUSY)
    band = tuple(one.model_copy(update={"seed": 8} if one.name == rolled else {}) for one in EVERYONE)
    plain, again = written(heard, EVERYONE), written(heard, band)
    for name in plain.keys() - {rolled}:
        assert same(plain[name], again[name]), name
    assert not same(plain[rolled], again[rolled])


def same(one: Part | Hits, other: Part | Hits) -> bool:
    if isinstance(one, Hits) or isinstance(other, Hits):
        return one == other
    return np.array_equal(one.f0_hz, other.f0_hz) and np.array_equal(one.level_db, other.level_db)


def assert_settled(heard: Heard, beat: int) -> int:
    """Break the leader off at a beat; what was written up to a bar and the look-ahead before its last chord stays."""
    shorter = cut(heard, beat)
    grid = grid_of(shorter)
    settled_s = grid.edges_s[max(grid.final_beat - LOOK_AHEAD_BEATS - heard.beats_per_bar, 0)]
    whole, part_of_it = written(heard, (*EVERYONE, VIOLA)), written(shorter, (*EVERYONE, VIOLA))
    compared = 0
    for name, part in whole.items():
        again = part_of_it[name]
        if isinstance(part, Part) and isinstance(again, Part):
            expected = [note for note in part.notes if note.stop_frame <= settled_s * 100]
            assert [note for note in again.notes if note.stop_frame <= settled_s * 100] == expected, name
            until = expected[-1].start_frame if expected else 0
            assert part.f0_hz[:, :until].tobytes() == again.f0_hz[:, :until].tobytes()
            assert part.level_db[:, :until].tobytes() == again.level_db[:, :until].tobytes()
            compared += len(expected)
        elif isinstance(part, Hits) and isinstance(again, Hits):
            strokes = [hit for hit in part.hits if hit.time_s < settled_s]
            assert [hit for hit in again.hits if hit.time_s < settled_s] == strokes
            compared += len(strokes)
    return compared


@pytest.mark.parametrize("beat", [33, 48, 54])
@pytest.mark.parametrize("melody", [MELODY, BUSY], ids=["plain", "busy"])
def test_a_longer_leader_leaves_what_was_written(beat, melody):
    heard = heard_of(bars=24, melody=melody, loop=(*LOOP, (2, "min7"), (4, "min")))
    assert assert_settled(heard, beat) > 150


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 45, 96])  # 45 and 96 notice a voicing that looks further ahead
def test_even_a_restless_longer_leader_leaves_what_was_written(seed):
    heard = restless(seed)
    compared = [assert_settled(heard, beat) for beat in (20, len(heard.beats_s) // 2 + 8, len(heard.beats_s) - 1)]
    assert max(compared) > 50


@pytest.mark.parametrize("metre", [9, 10, 11, 12])
def test_so_does_one_in_long_bars(metre):
    for seed in range(3):
        heard = restless(seed, metre)
        for beat in range(20, len(heard.beats_s), 7):
            assert_settled(heard, beat)


@pytest.mark.parametrize("bars", [2, 7, 8])
def test_the_music_ends_with_the_leader(bars):
    heard = heard_of(bars=bars)
    end = heard.frames.num_frames
    for name, part in written(heard, EVERYONE).items():
        if isinstance(part, Hits):
            assert end / 100 - 2.1 < part.hits[-1].time_s <= end / 100
            assert {hit.drum for hit in part.hits[-2:]} == {"kick", "crash"}
            continue
        last = max(note.stop_frame for note in part.notes)
        assert end - 10 <= last <= end + (50 if name in ("bass", "rhythm", "keys") else 0), name
        assert (part.level_db[:, end + 50 :] == -100).all()


def test_the_last_chord_is_held_on_the_root():
    heard = heard_of(bars=8, loop=((7, "maj"), (0, "maj")))
    parts = written(heard, (BASS, RHYTHM, VIOLIN))
    for part in parts.values():
        last = of(part).notes[-1]
        assert last.stop_frame - last.start_frame > 90  # two beats at 120 bpm
    assert of(parts["bass"]).notes[-1].pitch_midi % 12 == 0


def test_a_band_rests_when_the_leader_has_been_silent_for_more_than_a_bar():
    heard = heard_of(bars=16, silent_beats=(24, 44))
    for name, part in written(heard, ROCK).items():
        silent = slice(1420, 2180)  # one bar after the leader stopped, until it comes back
        if isinstance(part, Hits):
            assert not [hit for hit in part.hits if silent.start < hit.time_s * 100 < silent.stop]
        else:
            assert (part.level_db[:, silent] == -100).all(), name
            assert (part.level_db[:, 2300:2900] > -40).any()


def test_the_band_waits_for_the_leader_to_begin():
    heard = heard_of(bars=8, silent_beats=(0, 8))
    for part in written(heard, ROCK).values():
        first_s = part.hits[0].time_s if isinstance(part, Hits) else part.notes[0].start_frame / 100
        assert first_s >= 3.9


@pytest.mark.parametrize("first_downbeat", [1, 2, 3])
def test_a_pick_up_is_the_leaders_alone(first_downbeat):
    heard = replace(heard_of(bars=8), first_downbeat=first_downbeat)
    for part in written(heard, (*ROCK, VIOLIN)).values():
        first_s = part.hits[0].time_s if isinstance(part, Hits) else part.notes[0].start_frame / 100
        assert first_s == pytest.approx(0.5 * first_downbeat, abs=0.05)


def test_the_last_chord_comes_with_the_leaders_and_rings_with_it():
    """Seven bars of quarters, then one whole note; struck, and with a pitch that flips by an octave as it rings."""
    assert grid_of(heard_of(bars=9, melody=(*[(72, 1.0), (76, 1.0)] * 14, (72, 8.0)))).final_beat == 28
    heard = heard_of(bars=8, melody=(*[(72, 1.0), (76, 1.0)] * 14, (72, 4.0)))
    frames = heard.frames
    flipping = np.where(np.arange(frames.num_frames) > 1500, 2 * frames.f0_hz, frames.f0_hz)
    for f0_hz in (frames.f0_hz, flipping.astype(np.float32)):
        grid = grid_of(replace(heard, frames=replace(frames, f0_hz=f0_hz)))
        assert grid.final_beat == 28
    tied = np.where(np.arange(frames.num_frames) > 1500, 1.19 * frames.f0_hz, frames.f0_hz)
    grid = grid_of(replace(heard, frames=replace(frames, f0_hz=tied.astype(np.float32))))
    assert grid.final_beat == 30  # the leader moves on


def test_the_band_plays_with_a_leader_who_only_plays_between_the_beats():
    heard = heard_of(bars=8, melody=((0, 0.5), (76, 0.4), (0, 0.1)))
    for part in written(heard, (BASS, VIOLIN)).values():
        starts = [note.start_frame for note in of(part).notes]
        assert 190 < min(starts) < 260
        assert len([start for start in starts if start > 1200]) > 3


def test_the_whole_band_is_tuned_to_the_leader():
    plain, flat = heard_of(), heard_of(tuning_cents=-19.79)  # A4 = 435 Hz
    for name, part in written(plain, (BASS, RHYTHM, VIOLIN, SHADOW)).items():
        lower = of(written(flat, (BASS, RHYTHM, VIOLIN, SHADOW))[name])
        assert lower.notes == of(part).notes
        sounds = of(part).f0_hz > 0
        cents = 1200 * np.log2(lower.f0_hz[sounds] / of(part).f0_hz[sounds])
        np.testing.assert_allclose(cents, -19.79, atol=0.01)


def test_no_chord_is_answered_in_the_key_of_its_time():
    heard = heard_of(loop=((0, "none"),), key=Key(tonic=0, mode="major"), melody=((72, 1.0),), bars=8)
    sections = (
        KeySection(start_beat=0, key=Key(tonic=0, mode="major")),
        KeySection(start_beat=16, key=Key(tonic=3, mode="minor")),
    )
    notes = of(written(replace(heard, key_sections=sections), ROCK)["rhythm"]).notes
    middle = round(100 * heard.beats_s[16])
    before = {round(note.pitch_midi) % 12 for note in notes if note.stop_frame <= middle}
    after = {round(note.pitch_midi) % 12 for note in notes if note.start_frame >= middle}
    assert (before, after) == ({0, 4, 7}, {3, 6, 10})


def test_no_chord_is_answered_with_the_tonic_softly():
    heard, key = heard_of(loop=((5, "none"),)), Key(tonic=2, mode="minor")
    unknown = heard_of(loop=((5, "none"),), key=key, melody=((74, 1.0),))
    known = heard_of(loop=((2, "min"),), key=key, melody=((74, 1.0),))
    softly, plainly = of(written(unknown, (RHYTHM,))["rhythm"]), of(written(known, (RHYTHM,))["rhythm"])
    assert {int(note.pitch_midi) % 12 for note in softly.notes} <= {2, 5, 9}
    assert np.mean([note.velocity for note in softly.notes]) < np.mean([note.velocity for note in plainly.notes]) - 10
    assert heard.chords[0] == Chord(root=5, quality="none")


def test_an_unvoiced_leader_still_has_a_band_on_its_chords():
    heard = heard_of()
    noise = frames_of(
        np.zeros(heard.frames.num_frames),
        heard.frames.loudness_db,
        heard.frames.onset,
        np.zeros((12, heard.frames.num_frames)),
    )
    unvoiced = Heard(
        frames=noise, beats_s=heard.beats_s, tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0, key=heard.key,
        chords=heard.chords, tuning_cents=0.0,
    )  # fmt: skip
    parts = written(unvoiced, EVERYONE)
    assert len(of(parts["bass"]).notes) > 16
    assert len(of(parts["violin"]).notes) > 4
    assert not of(parts["shadow"]).notes
    assert not of(parts["voice"]).f0_hz.any()


@pytest.mark.parametrize("num_frames", [0, 1, 50])
def test_a_very_short_leader_without_beats_is_played_under_or_left_alone(num_frames):
    f0 = np.full(num_frames, 440.0)
    heard = Heard(
        frames=frames_of(f0, np.full(num_frames, -20.0), np.eye(1, num_frames)[0], np.ones((12, num_frames))),
        beats_s=np.zeros(0), tempo_bpm=0.0, beats_per_bar=4, first_downbeat=0, key=Key(tonic=9, mode="minor"),
        chords=(), tuning_cents=0.0,
    )  # fmt: skip
    parts = written(heard, EVERYONE)
    if num_frames == 50:
        assert [note.pitch_midi % 12 for note in of(parts["bass"]).notes] == [9]
        assert len(of(parts["rhythm"]).notes) >= 3
    for part in parts.values():
        assert (part.num_frames if isinstance(part, Hits) else part.f0_hz.shape[1]) == num_frames + TAIL


def test_silence_is_answered_with_silence():
    heard = heard_of(silent_beats=(0, 999))
    for part in written(heard, EVERYONE).values():
        assert not (part.hits if isinstance(part, Hits) else part.notes)


def test_a_cello_alone_fills_its_part():
    heard = heard_of(beats_per_bar=3, loop=((0, "maj"), (7, "maj")), bars=12)
    played = roll(heard, written(heard, (CELLO,))["cello"])[0]
    assert np.isfinite(played).mean() > 0.9


def test_thirty_minutes_are_written():
    heard = heard_of(bars=900)
    band = BandSettings(name="all", followers=EVERYONE)
    parts = write_parts(heard, band.followers, heard.frames.num_frames, 0)
    assert len(of(parts[0]).notes) > 2000


def test_the_band_ends_with_the_last_sound_and_not_with_the_recording():
    heard = heard_of(bars=8)
    silent_s = 1.5
    sounding = heard.frames.num_frames - round(silent_s * 100)
    loudness = heard.frames.loudness_db.copy()
    loudness[sounding:] = SILENCE_DB
    quiet = replace(heard, frames=replace(heard.frames, loudness_db=loudness))
    hits, bass = written(quiet, (DRUMS, BASS))["drums"], written(quiet, (DRUMS, BASS))["bass"]
    assert max(hit.time_s for hit in hits.hits) <= sounding / 100
    assert max(note.stop_frame for note in bass.notes) <= sounding + 60
    assert max(hit.time_s for hit in written(heard, (DRUMS,))["drums"].hits) > sounding / 100


@pytest.mark.parametrize("melody", [((72, 3.0),), ((72, 1.5), (74, 1.5)), ((72, 1.0),)])
def test_in_three_the_bass_has_the_first_beat_and_the_chords_the_others(melody):
    heard = heard_of(bars=12, beats_per_bar=3, melody=melody)
    both = write_parts(heard, (BASS, RHYTHM), heard.frames.num_frames + 50, 0)
    low, chords = (of(part).notes for part in both)
    grid = grid_of(heard)
    until_s = float(grid.edges_s[grid.final_beat]) - 0.1
    places = [[round(2 * note.start_frame / 50) % 6 for note in notes if note.start_frame < 100 * until_s]
              for notes in (low, chords)]  # fmt: skip
    assert set(places[0]) <= {0, 5}  # and a step into the next bar
    assert places[0].count(0) == 11
    assert set(places[1]) <= {2, 4}
    assert places[1].count(2) >= 4 * 11
    for note in chords:  # none rings into the next bar's chord
        assert note.stop_frame <= 150 * (note.start_frame // 150 + 1) + 2 or note.start_frame > 100 * until_s
    final = [note for note in chords if abs(note.start_frame - 100 * grid.edges_s[grid.final_beat]) < 6]
    assert len(final) == 4  # all of the last chord, with the bass
    alone = of(write_parts(heard, (RHYTHM,), heard.frames.num_frames + 50, 0)[0]).notes
    assert sum(round(2 * note.start_frame / 50) % 6 == 0 for note in alone) >= 4 * 11  # nobody else has it


def test_in_three_a_chord_that_changes_on_the_third_beat_is_struck_there():
    heard = heard_of(bars=12, beats_per_bar=3, melody=((72, 3.0),))
    turned = tuple(Chord(root=5, quality="maj") if beat % 3 == 2 else chord for beat, chord in enumerate(heard.chords))
    chords = of(write_parts(replace(heard, chords=turned), (BASS, RHYTHM), heard.frames.num_frames + 50, 0)[1]).notes
    assert sum(round(note.start_frame / 50) % 3 == 2 for note in chords) == 4 * 8  # in F it does not change
