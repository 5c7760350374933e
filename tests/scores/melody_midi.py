"""A melody as a MIDI file, for tests of reading one."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import mido

from ensemble.errors import DataError
from ensemble.files.midi import MidiEvent, save_midi, track_of
from ensemble.scores.melody import Melody, MetreMark, tempo_map
from ensemble.types.music import PITCH_CLASSES

FINEST_TICKS, WRITTEN_TICKS = 32_767, 960
"""Per quarter: the most a file can count, and what is enough for ears."""


def write_midi(path: Path, melody: Melody) -> None:
    """Write a melody as a MIDI file of type 1: one track of tempo, metre and key, one of notes.

    Times are exact where a file can count that finely (up to 32767 ticks a quarter, so whatever a score writes), and
    within 1/1920 of a quarter elsewhere; tempos within a microsecond a quarter. The same melody gives the same bytes.

    Raises:
        DataError: the file cannot be written.
    """
    ticks = _resolution(melody)

    def event(at: Fraction, rank: int, message: Any) -> MidiEvent:
        return round(at * ticks), rank, message

    meta = [
        event(mark.at, 1, mido.MetaMessage("set_tempo", tempo=tempo_us))
        for mark, tempo_us in zip(melody.tempos, tempo_map(melody.tempos).quarter_us, strict=True)
    ]
    if melody.key is not None:
        name = PITCH_CLASSES[melody.key.tonic] + ("m" if melody.key.mode == "minor" else "")
        meta.append(event(Fraction(0), 2, mido.MetaMessage("key_signature", key=name)))
    for metre in _written_metres(melody):
        signature = mido.MetaMessage("time_signature", numerator=metre.beats, denominator=metre.unit)
        meta.append(event(metre.at, 0, signature))
    line = [event(Fraction(0), 0, mido.MetaMessage("track_name", name="melody"))]
    if melody.program is not None:
        line.append(event(Fraction(0), 1, mido.Message("program_change", program=melody.program)))
    for note in melody.notes:
        struck = mido.Message("note_on", note=note.pitch_midi, velocity=note.velocity)
        released = mido.Message("note_off", note=note.pitch_midi, velocity=0)
        line += [event(note.onset, 3, struck), event(note.onset + note.length, 2, released)]
    end_tick = round(melody.length * ticks)
    try:
        save_midi(path, [track_of(meta, end_tick), track_of(line, end_tick)], ticks)
    except OSError as error:
        raise DataError(str(path), f"cannot be written ({error.strerror})", "choose another place") from error


def _resolution(melody: Melody) -> int:
    """Ticks a quarter that count every time of the melody exactly, or many where none can."""
    times = [time for note in melody.notes for time in (note.onset, note.length)]
    times += [mark.at for mark in melody.tempos] + [mark.at for mark in melody.metres]
    exact = math.lcm(*(time.denominator for time in times))
    ticks = exact * -(-WRITTEN_TICKS // exact)
    return ticks if ticks <= FINEST_TICKS else WRITTEN_TICKS


def _written_metres(melody: Melody) -> list[MetreMark]:
    """The metres that MIDI can say; before an upbeat's end, a bar of its length."""
    metres = [metre for metre in melody.metres if metre.beats]
    pickup = Fraction(melody.bars[0], 4) if melody.bars else Fraction(0)
    is_sayable = 0 < pickup.numerator <= 64 and pickup.denominator in (1, 2, 4, 8, 16, 32)
    if metres and metres[0].at == 0 and is_sayable and 4 * pickup < metres[0].bar:
        short = MetreMark(Fraction(0), pickup.numerator, pickup.denominator)
        return [short, metres[0]._replace(at=4 * pickup), *(mark for mark in metres[1:] if mark.at > 4 * pickup)]
    return metres
