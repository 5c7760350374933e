"""MIDI files: read back, every note is where it was, and bar lines lie on the leader's downbeats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest

from ensemble.conduct.midi import DRUM_NOTES, beat_map, write_midi
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.types.music import Heard, Hits
from tests.conduct.handmade_leader import heard_of

BASS = FollowerSettings(name="bass", instrument="electric_bass", role="bass")
RHYTHM = FollowerSettings(name="rhythm", instrument="electric_guitar", role="pad", voices=4)
DRUMS = FollowerSettings(name="drums", instrument="drums", role="drums")


def swaying(first_beat_s: float, first_downbeat: int = 0) -> Heard:
    """A leader whose tempo sways by a tenth."""
    heard = heard_of(bars=10, first_beat_s=first_beat_s)
    number = np.arange(40)
    beats = first_beat_s + 0.5 * number + 0.15 * np.sin(number / 3)
    return Heard(
        frames=heard.frames, beats_s=beats, tempo_bpm=120.0, beats_per_bar=4, first_downbeat=first_downbeat,
        key=heard.key, chords=heard.chords, tuning_cents=-20.0,
    )  # fmt: skip


def seconds(path: Path) -> tuple[list[tuple[float, float, int, int]], list[mido.Message]]:
    """Notes (start, stop, pitch, velocity) as an independent reader times them, and every message."""
    now, sounding, notes, messages = 0.0, {}, [], []
    for message in mido.MidiFile(str(path)):
        now += message.time
        messages.append(message)
        if message.type == "note_on":
            assert message.note not in sounding
            sounding[message.note] = (now, message.velocity)
        elif message.type == "note_off":
            start, velocity = sounding.pop(message.note)
            notes.append((start, now, message.note, velocity))
    assert not sounding
    return sorted(notes), messages


@pytest.mark.parametrize("heard", [heard_of(), swaying(0.0), swaying(0.7, 3), swaying(0.1, 1)])
@pytest.mark.parametrize("follower", [BASS, RHYTHM, DRUMS], ids=lambda follower: follower.name)
def test_notes_come_back_where_they_were(tmp_path, heard, follower):
    (part,) = write_parts(heard, (follower,), heard.frames.num_frames + 100, 0)
    write_midi(tmp_path / "part.mid", part, follower, beat_map(heard))
    notes, messages = seconds(tmp_path / "part.mid")
    if isinstance(part, Hits):
        expected = sorted((hit.time_s, DRUM_NOTES[hit.drum]) for hit in part.hits)
        velocities = {round(127 * hit.velocity) for hit in part.hits}
    else:
        expected = sorted((note.start_frame / 100, int(note.pitch_midi)) for note in part.notes)
        velocities = {note.velocity for note in part.notes}
    found = sorted((start, pitch) for start, _, pitch, _ in notes)
    np.testing.assert_allclose([start for start, _ in found], [start for start, _ in expected], atol=0.002)
    assert sorted(pitch for _, pitch in found) == sorted(pitch for _, pitch in expected)
    assert {velocity for *_, velocity in notes} == velocities
    program = next(message for message in messages if message.type == "program_change")
    assert (program.channel, program.program) == ((9, 0) if follower is DRUMS else (0, follower.spec.program))


def test_note_ends_come_back(tmp_path):
    heard = heard_of()
    (part,) = write_parts(heard, (BASS,), heard.frames.num_frames + 100, 0)
    write_midi(tmp_path / "part.mid", part, BASS, beat_map(heard))
    expected = sorted(note.stop_frame / 100 for note in part.notes)
    np.testing.assert_allclose(
        sorted(stop for _, stop, _, _ in seconds(tmp_path / "part.mid")[0]), expected, atol=0.002
    )


@pytest.mark.parametrize(("first_beat_s", "first_downbeat"), [(0.0, 0), (0.7, 3), (0.1, 1), (1.3, 0)])
def test_bar_lines_lie_on_the_downbeats(tmp_path, first_beat_s, first_downbeat):
    heard = swaying(first_beat_s, first_downbeat)
    (part,) = write_parts(heard, (BASS,), heard.frames.num_frames + 100, 0)
    write_midi(tmp_path / "part.mid", part, BASS, beat_map(heard))
    document = mido.MidiFile(str(tmp_path / "part.mid"))
    tick, bar_ticks, lines, tempos = 0, 0, [], []
    signatures: list[tuple[int, int]] = []
    for message in document.tracks[0]:
        tick += message.time
        if message.type == "time_signature":
            signatures.append((tick, message.numerator))
        if message.type == "set_tempo":
            tempos.append((tick, message.tempo))
    bar_ticks = 4 * document.ticks_per_beat
    first = signatures[1][0] if len(signatures) > 1 else 0
    assert signatures[-1][1] == 4
    lines = [first + bar * bar_ticks for bar in range(11)]

    def time_of(wanted: int) -> float:
        total = 0.0
        for (start, tempo), (stop, _) in zip(tempos, [*tempos[1:], (10**9, 0)], strict=True):
            total += max(min(wanted, stop) - start, 0) * tempo / 1e6 / document.ticks_per_beat
        return total

    downbeats = heard.beats_s[first_downbeat::4]
    times = np.array([time_of(line) for line in lines])
    missed = [np.abs(times - downbeat).min() for downbeat in downbeats if downbeat > 0.3]
    assert max(missed) < 0.001


def test_a_steady_leader_has_one_tempo(tmp_path):
    heard = heard_of(bars=12, bpm=97.0)
    (part,) = write_parts(heard, (BASS,), heard.frames.num_frames, 0)
    write_midi(tmp_path / "part.mid", part, BASS, beat_map(heard))
    tempos = [
        message.tempo for message in mido.MidiFile(str(tmp_path / "part.mid")).tracks[0] if message.type == "set_tempo"
    ]
    assert tempos == [round(60e6 / 97)]


@pytest.mark.parametrize(
    ("leader", "signatures", "quarter_bpm"),
    [
        ({"beats_per_bar": 2, "beat_division": 3}, [(0, 6, 8)], 135),
        ({"beats_per_bar": 4, "beat_division": 3, "written_metre": (12, 8)}, [(0, 12, 8)], 135),
        ({"beats_per_bar": 2, "beat_division": 3, "first_downbeat": 1}, [(0, 3, 8), (1440, 6, 8)], 135),
        ({"beats_per_bar": 2, "written_metre": (2, 2)}, [(0, 2, 2)], 180),
        ({"beats_per_bar": 3, "written_metre": (3, 8), "first_downbeat": 2}, [(0, 2, 8), (960, 3, 8)], 45),
        ({"beats_per_bar": 8, "written_metre": (4, 4), "first_downbeat": 3}, [(0, 3, 8), (1440, 4, 4)], 45),
    ],
)
def test_the_written_signature_is_exported(tmp_path, leader, signatures, quarter_bpm):
    """At 90 beats a minute: beats of dotted quarters, halves and eighths."""
    heard = replace(heard_of(bars=12, bpm=90.0), **leader)
    (part,) = write_parts(heard, (BASS,), heard.frames.num_frames, 0)
    write_midi(tmp_path / "part.mid", part, BASS, beat_map(heard))
    document = mido.MidiFile(str(tmp_path / "part.mid"))
    said, tick = [], 0
    for message in document.tracks[0]:
        tick += message.time
        said += [(tick, message.numerator, message.denominator)] if message.type == "time_signature" else []
    assert said == signatures
    assert [m.tempo for m in document.tracks[0] if m.type == "set_tempo"] == [round(60e6 / quarter_bpm)]
    np.testing.assert_allclose(
        [start for start, *_ in seconds(tmp_path / "part.mid")[0]],
        sorted(note.start_frame / 100 for note in part.notes), atol=0.002,
    )  # fmt: skip


def test_the_same_part_gives_the_same_bytes(tmp_path):
    heard = heard_of()
    for name in ("one", "two"):
        (part,) = write_parts(heard, (RHYTHM,), heard.frames.num_frames, 0)
        write_midi(tmp_path / name, part, RHYTHM, beat_map(heard))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_leader_without_beats_or_notes_gives_a_file_that_opens(tmp_path):
    heard = heard_of(silent_beats=(0, 99))
    (part,) = write_parts(heard, (BASS,), 100, 0)
    write_midi(tmp_path / "part.mid", part, BASS, beat_map(heard))
    assert seconds(tmp_path / "part.mid")[0] == []
