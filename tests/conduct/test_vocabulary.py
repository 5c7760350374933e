"""What becomes of a chord in the band: its telling tones sound, a bass has what the slash gives, tension resolves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.arranger_file import ARRANGER
from ensemble.conduct.harmony import scale
from ensemble.conduct.parts import write_parts
from ensemble.conduct.voicing import shapes
from ensemble.config import FollowerSettings
from ensemble.measure.harmony_fit import tones_of_chords
from ensemble.types.harmony import CHORD_FORMS, Chord, Key
from ensemble.types.music import Heard, Part
from ensemble.types.names import parse_chord
from tests.conduct.handmade_leader import heard_of, of, pitches

BASS = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
CELLO = FollowerSettings(name="cello", instrument="cello", role="bass")
RHYTHM = FollowerSettings(name="rhythm", instrument="electric_guitar", role="pad", voices=4)
VIOLA = FollowerSettings(name="viola", instrument="viola", role="pad", voices=1)
VIOLIN = FollowerSettings(name="violin", instrument="violin", role="counter")
BAND = (BASS, RHYTHM, VIOLA, VIOLIN)
PER_BAR = 4
ROOTS, QUALITIES = st.integers(0, 11), st.sampled_from(tuple(CHORD_FORMS))
CHORDS = st.builds(Chord, root=ROOTS, quality=QUALITIES, bass=st.none() | st.integers(0, 11))


def telling(chord: Chord) -> set[int]:
    """All tones but the root, which the bass has, and a perfect fifth, which tells nothing."""
    return set(chord.tones) - {chord.root, (chord.root + 7) % 12} or set(chord.tones)


def leader_under(*chords: Chord) -> Heard:
    """A drummer, who gives four beats to each chord and no pitch to keep away from."""
    heard = heard_of(bars=len(chords), melody=((60, 1.0),))
    frames = replace(heard.frames, f0_hz=np.zeros_like(heard.frames.f0_hz))
    return replace(heard, frames=frames, chords=tuple(chord for chord in chords for _ in range(PER_BAR)))


def named(*names: str) -> tuple[Chord, ...]:
    return tuple(map(parse_chord, names))


def band_on(
    heard: Heard, band: tuple[FollowerSettings, ...] = BAND, arranger: Arranger | None = None
) -> dict[str, Part]:
    return {part.name: of(part) for part in write_parts(heard, band, heard.frames.num_frames, 3, arranger)}


def at_beats(heard: Heard, part: Part) -> list[set[int]]:
    """The pitches that sound shortly after every beat."""
    roll = pitches(part.notes, heard.frames.num_frames)
    columns = roll[:, np.rint(heard.beats_s * 100).astype(int) + 12].T
    return [set(column[np.isfinite(column)].astype(int).tolist()) for column in columns]


@pytest.mark.parametrize("quality", CHORD_FORMS)
@pytest.mark.parametrize("num_voices", [3, 4, 6])
def test_the_first_voicing_of_every_chord_has_all_that_tells_it(quality, num_voices):
    for root in range(12):
        chord = Chord(root=root, quality=quality)
        best = shapes(chord.tones, (48, 76), num_voices).pitches[0]
        sounding = {int(pitch) % 12 for pitch in best if pitch}
        assert telling(chord) <= sounding or (len(telling(chord)) > num_voices and sounding <= telling(chord)), best


@settings(max_examples=12, deadline=None)
@given(st.lists(CHORDS, min_size=2, max_size=6))
def test_a_band_plays_what_is_written(chords: list[Chord]):
    heard = leader_under(*chords)
    parts = band_on(heard)
    bass, rhythm, viola = (at_beats(heard, parts[name]) for name in ("bass", "rhythm", "viola"))
    for beat, chord in enumerate(heard.chords):
        assert telling(chord) <= {pitch % 12 for pitch in rhythm[beat]}
        assert {pitch % 12 for pitch in viola[beat]} <= set(chord.tones)
        if beat % PER_BAR == 0:
            assert {pitch % 12 for pitch in bass[beat]} == {chord.lowest}


@pytest.mark.parametrize("follower", [BASS, CELLO], ids=lambda follower: follower.name)
@pytest.mark.parametrize("is_learned", [False, True])
def test_a_bass_plays_the_slash_bass_where_a_bar_or_a_chord_begins(follower, is_learned):
    chords = named("C", "D/F#", "G", "G/B", "C/Bb", "F/A", "Fm/Ab", "C/G", "Dm/C", "Am7/D", "C/E", "C/E")
    heard = leader_under(*chords)
    arranger = Arranger(ARRANGER.load("learned")) if is_learned else None
    line = at_beats(heard, band_on(heard, (follower,), arranger)[follower.name])
    given = [beat for beat, chord in enumerate(heard.chords) if chord.bass is not None]
    sounding = [beat for beat in given if line[beat] and beat % 2 == 0]
    assert len(sounding) > 0.7 * len(given) / 2  # a network may rest
    for beat in sounding:
        assert {pitch % 12 for pitch in line[beat]} == {heard.chords[beat].bass}


def test_a_semitone_under_the_leader_the_slash_bass_is_played_all_the_same():
    heard = heard_of(bars=4, melody=((72, 4.0),))
    heard = replace(heard, chords=named("C/B") * len(heard.chords))
    assert {note.pitch_midi % 12 for note in band_on(heard, (BASS,))["bass"].notes} == {11}


@pytest.mark.parametrize(
    ("tense", "resolved", "before", "after"),
    [("Gsus4", "G", 0, 11), ("G7", "C", 5, 4), ("Dm7", "G7", 0, 11), ("D9", "G", 0, 11), ("Bm7b5", "E7", 9, 8)],
)
def test_a_tense_tone_goes_on_by_step(tense, resolved, before, after):
    heard = leader_under(*named(tense, resolved) * 2)
    chords = at_beats(heard, band_on(heard)["rhythm"])
    for beat in (0, 2 * PER_BAR):
        tones = [pitch for pitch in chords[beat] if pitch % 12 == before]
        following = chords[beat + PER_BAR]
        assert any(1 <= pitch - other <= 2 and other % 12 == after for pitch in tones for other in following)


def test_no_third_passes_under_a_suspension():
    key = Key(tonic=0, mode="major")
    for name, third in (("Gsus4", 11), ("Csus2", 4), ("D7sus4", 5)):
        assert third not in scale(key, parse_chord(name))
    assert 11 in scale(key, parse_chord("G5"))


def test_a_foreign_bass_belongs_to_the_chord_when_it_is_judged():
    heard = leader_under(*named("C/Bb", "N"))
    tones = tones_of_chords(heard, heard.frames.num_frames)
    assert np.flatnonzero(tones[:, 10]).tolist() == [0, 4, 7, 10]
    assert not tones[:, -10].any()
