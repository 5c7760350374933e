"""Keys under the pedal: chords ring until they change, each note in a voice of its own, and stabs stay short."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from ensemble.conduct.given import read_notes
from ensemble.conduct.parts import write_parts
from ensemble.conduct.pedal import PEDAL_S, pooled
from ensemble.conduct.shaping import WrittenNote
from ensemble.config import FollowerSettings
from ensemble.files.midi import track_of
from ensemble.live.beats import BeatNow
from ensemble.live.clock import BandClock
from ensemble.live.growing_parts import PitchedPart
from ensemble.live.writing import BeatNote, Written
from ensemble.settings.style import ChordPattern, Manner
from ensemble.settings.style_file import load_style
from ensemble.types.articulation import Articulation
from ensemble.types.music import Part
from tests.conduct.handmade_leader import LOOP, heard_of, of

PIANO = FollowerSettings(name="keys", instrument="piano", role="pad")
BEAT_FRAMES = 60
"""At 100 beats a minute."""
PEDAL_FRAMES = round(100 * PEDAL_S)


def played(follower: FollowerSettings, style: str) -> Part:
    heard = heard_of(bars=8, bpm=100.0, loop=LOOP)
    manner = Manner(style=load_style(style), humanize=0.0)
    return of(write_parts(heard, (follower,), heard.frames.num_frames, 0, manner=manner)[0])


def test_a_chord_on_keys_rings_into_the_next_or_until_a_key_is_struck_again():
    part, bar = played(PIANO, "rock"), 4 * BEAT_FRAMES  # each bar has its chord
    begun = {(note.pitch_midi, note.start_frame) for note in part.notes}
    short = [
        note
        for note in part.notes
        if note.stop_frame < 7 * bar
        and min(note.stop_frame % bar, -note.stop_frame % bar) > 3
        and abs(note.stop_frame % bar - PEDAL_FRAMES) > 1
        and not any((note.pitch_midi, note.stop_frame + off) in begun for off in range(-3, 4))
    ]
    assert len(part.notes) > 40
    assert not short
    for change in range(bar, 7 * bar, bar):
        assert (part.f0_hz[:, change + 3] > 0).all()  # two of the old chord, four of the new
    assert max(note.voice for note in part.notes) == 5


def test_stabs_are_short_on_keys_too():
    notes = played(PIANO, "funk").notes
    assert np.median([note.stop_frame - note.start_frame for note in notes]) < BEAT_FRAMES / 2


def test_a_key_that_is_struck_again_keeps_its_voice_and_any_other_note_takes_the_one_that_is_free_longest():
    low, again = WrittenNote(0.0, 4.0, 48, 80), WrittenNote(2.0, 4.0, 48, 80)
    short, late, third = WrittenNote(0.0, 1.0, 60, 80), WrittenNote(1.5, 4.0, 64, 80), WrittenNote(2.5, 4.0, 67, 80)
    notes = {(note.pitch_midi, note.start_s): note.voice for note in pooled([third, again, late, low, short], 3)}
    assert notes == {(48, 0.0): 0, (60, 0.0): 1, (64, 1.5): 2, (48, 2.0): 0, (67, 2.5): 1}


def test_where_all_voices_sound_the_note_that_ends_first_gives_way():
    notes = [WrittenNote(0.0, 3.0, 48, 80), WrittenNote(0.1, 2.0, 60, 80), WrittenNote(0.5, 1.5, 64, 80)]
    assert [note.voice for note in pooled(notes, 2)] == [0, 1, 1]


def test_a_midi_file_has_a_pedal_for_keys_and_for_no_guitar(tmp_path: Path):
    song = mido.MidiFile(ticks_per_beat=500)  # a tick is a millisecond
    events = [
        (0, mido.Message("note_on", note=60, velocity=80)),
        (200, mido.Message("control_change", control=64, value=127)),
        (300, mido.Message("note_off", note=60)), (500, mido.Message("note_on", note=60, velocity=70)),
        (100, mido.Message("note_on", note=64, velocity=70)), (100, mido.Message("note_off", note=60)),
        (300, mido.Message("control_change", control=64, value=0)), (500, mido.Message("note_off", note=64)),
    ]  # fmt: skip
    song.tracks.append(mido.MidiTrack([message.copy(time=time) for time, message in events]))
    song.save(tmp_path / "keys.mid")
    guitar = FollowerSettings(name="strings", instrument="nylon_guitar", role="pad")
    for follower, stops_s in ((PIANO, [1.0, 1.5, 2.0]), (guitar, [0.5, 1.2, 2.0])):
        assert [round(note.stop_s, 3) for note in read_notes(tmp_path / "keys.mid", follower)] == stops_s


@pytest.mark.parametrize(
    ("controls", "stops_s"),
    [([(1000, 121)], [1.0, 2.5]), ([(1000, 123), (3000, 120)], [1.0, 3.0]), ([(60_000, 1)], [2.5, 2.5])],
)  # fmt: skip
def test_what_lifts_a_pedal_and_that_one_which_stays_down_holds_no_longer_than_keys_move(
    controls: list[tuple[int, int]], stops_s: list[float], tmp_path: Path
):
    events = [
        (0, mido.Message("control_change", control=64, value=127)),
        *((at, mido.Message("control_change", control=number)) for at, number in controls),
        (0, mido.Message("note_on", note=60)), (500, mido.Message("note_off", note=60)),
        (2000, mido.Message("note_on", note=64)), (2500, mido.Message("note_off", note=64)),
    ]  # fmt: skip
    song = mido.MidiFile(ticks_per_beat=500)  # a tick is a millisecond
    song.tracks.append(track_of([(at, 0, message) for at, message in events]))
    song.save(tmp_path / "keys.mid")
    assert [round(note.stop_s, 3) for note in read_notes(tmp_path / "keys.mid", PIANO)] == stops_s


def ends_of(**row: object) -> list[int]:
    """Where the notes of a chord pattern end under one chord, in frames from its first bar on."""
    rock = load_style("rock")
    four = rock.metres["4/4"]
    pattern = ChordPattern.model_validate(row)
    style = rock.model_copy(update={"metres": {"4/4": four.model_copy(update={"chords": (pattern,)})}})
    heard = heard_of(bars=8, bpm=100.0, loop=((0, "maj"),))
    part = of(write_parts(heard, (PIANO,), heard.frames.num_frames, 0, manner=Manner(style=style, humanize=0))[0])
    return sorted({note.stop_frame for note in part.notes if note.start_frame < 3 * BEAT_FRAMES})


@pytest.mark.parametrize(
    ("row", "ends"),
    [
        ({"strokes": "x--- .--- x--- .---"}, [1, 3]),
        ({"strokes": "x--- ---- x--- ----", "longest_beats": 0.5}, [0.5, 2.5]),
        ({"strokes": "x--- x--- x--- x---", "length": 0.5}, [0.5, 1.5, 2.5]),
    ],
)
def test_chords_on_keys_end_where_the_row_damps_or_shortens_them(row: dict[str, object], ends: list[float]):
    assert ends_of(**row) == pytest.approx([BEAT_FRAMES * one for one in ends], abs=2)


def test_live_keys_take_a_voice_that_is_free_and_the_pedal_lifts_where_another_chord_than_foreseen_begins():
    part, pulse = PitchedPart(PIANO, 0, 0.0, None), BeatNow(frame=0, phase=0.0, period_frames=BEAT_FRAMES, sureness=1.0)
    clock = BandClock(pulse, 0)

    def play(beat: int, *pitches: int) -> None:
        clock.advance(pulse, 2 * BEAT_FRAMES if beat == 0 else BEAT_FRAMES)
        notes = [BeatNote(beat, 20.0, one, 80, 0, Articulation.PLAIN, 0.0) for one in pitches]
        part.plan(Written({"keys": notes}, {}))
        part.lay_out(clock, 0)

    play(0, 48, 60)
    play(1, 60, 64)
    part.lift(clock, 2)
    play(2, 47, 62)
    notes = sorted(part.whole(900).notes, key=lambda note: (note.start_frame, note.pitch_midi))
    assert [(note.pitch_midi, note.voice) for note in notes] == [(48, 0), (60, 1), (60, 1), (64, 2), (47, 3), (62, 4)]
    lifted, begins = notes[3].stop_frame, notes[4].start_frame
    assert abs(lifted - begins - PEDAL_FRAMES) <= 2
    assert [note.stop_frame for note in notes if note.stop_frame == lifted] == [lifted] * 3
    assert all(note.stop_frame > begins + 10 * BEAT_FRAMES for note in notes[4:])
