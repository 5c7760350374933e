"""MIDI files as the project writes them: format 1, equal events give equal bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mido

from ensemble.types.tempo_map import TempoMap

DRUM_CHANNEL = 9
"""Channel 10 as musicians count: General MIDI's drums."""

MidiEvent = tuple[int, int, mido.Message]
"""Tick, rank (at one tick the lower rank comes first), message."""


def track_of(events: Iterable[MidiEvent], end_tick: int = 0) -> mido.MidiTrack:
    """Turn absolute ticks into the differences that the format keeps; the track lasts until `end_tick` at least."""
    track = mido.MidiTrack()
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(end_tick - now, 0)))
    return track


def tempo_track(metres: Iterable[tuple[int, int, int]], tempo_map: TempoMap, ticks_per_quarter: int) -> mido.MidiTrack:
    """Time signatures and tempos.

    Args:
        metres: the tick of each time signature, its numerator and its denominator.
        tempo_map: the tempos.
        ticks_per_quarter: of the file.
    """
    events: list[MidiEvent] = [
        (tick, 0, mido.MetaMessage("time_signature", numerator=beats, denominator=unit)) for tick, beats, unit in metres
    ]
    for quarter, tempo_us in zip(tempo_map.quarters, tempo_map.quarter_us, strict=True):
        events.append((round(quarter * ticks_per_quarter), 1, mido.MetaMessage("set_tempo", tempo=tempo_us)))
    return track_of(events)


def save_midi(path: Path, tracks: Iterable[mido.MidiTrack], ticks_per_quarter: int) -> None:
    """Write the tracks as one file."""
    document = mido.MidiFile(type=1, ticks_per_beat=ticks_per_quarter)
    document.tracks = list(tracks)
    document.save(str(path))
