"""A performance as a MIDI file: notes, expression, bends, and the SoundFont controls behind the two cures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.performance import ComposedPerformance, velocity_db
from ensemble.data.compose.tempo import TICKS_PER_QUARTER, Metre, TempoMap

DRUM_CHANNEL = 9
EXPRESSION_FRAMES = 2
"""Level is sent every 20 ms, pitch every 10 ms: a vibrato moves 10 cents in that time."""
BEND_CENTS = 200.0
"""What the pitch wheel reaches by default."""
START_OFFSET, FILTER_CUTOFF, ATTACK, RELEASE = 0, 8, 34, 38
"""SoundFont 2.04 generators, section 8.1.2; 34 and 38 belong to the volume envelope."""
SLURRED_ATTACK_CENTS = 4600
"""From the default of 1 ms to 14 ms: a sample entered in its middle must not click."""
_SCALE = {START_OFFSET: 1, FILTER_CUTOFF: 2, ATTACK: 2, RELEASE: 2}
"""What one step of the data entry is worth, SoundFont 2.04 section 9.6.3."""

Event = tuple[int, int, mido.Message]  # tick, order within the tick, message


def nrpn(generator: int, value: int, channel: int) -> tuple[mido.Message, ...]:
    """The four messages that move a SoundFont generator for a channel."""
    data = 8192 + value // _SCALE[generator]
    pairs = ((99, 120), (98, generator), (38, data & 127), (6, data >> 7))  # the synthesizer acts on controller 6
    return tuple(
        mido.Message("control_change", channel=channel, control=control, value=sent) for control, sent in pairs
    )


def conductor_track(metre: Metre, tempo: TempoMap) -> mido.MidiTrack:
    """Time signature and a tempo per beat, left out where it does not change."""
    events: list[Event] = [
        (0, 0, mido.MetaMessage("time_signature", numerator=metre.numerator, denominator=metre.denominator))
    ]
    before = 0
    for beat, tempo_us in enumerate(tempo.tempos_us.tolist()):
        if tempo_us != before:
            tick = round(beat * tempo.beat_quarters * TICKS_PER_QUARTER)
            events.append((tick, 1, mido.MetaMessage("set_tempo", tempo=tempo_us)))
            before = tempo_us
    return _track(events, 0)


def player_track(performance: ComposedPerformance, tempo: TempoMap, channel: int) -> mido.MidiTrack:
    """One player's notes and everything that shapes them, until the piece's last frame."""
    player = performance.seat.player
    last_tick = int(tempo.ticks(len(performance.level_db) / FRAME_RATE_HZ))
    events: list[Event] = [
        (0, 0, mido.MetaMessage("track_name", name=player.label)),
        (0, 1, mido.Message("program_change", channel=channel, program=player.spec.program)),
    ]
    if not player.is_drums:
        events += [(0, 2, message) for message in nrpn(RELEASE, player.release_cents, channel)]
        events += _note_controls(performance, tempo, channel)
        events += _curves(performance, tempo, channel)
    for note in performance.notes:
        start, stop = (int(tick) for tick in tempo.ticks(np.array([note.onset_s, note.stop_s])))
        on = mido.Message("note_on", channel=channel, note=note.midi, velocity=note.velocity)
        events += [(start, 6, on), (stop, 0, mido.Message("note_off", channel=channel, note=note.midi, velocity=0))]
    return _track(events, last_tick)


def save(path: Path, *tracks: mido.MidiTrack) -> None:
    """Write a format 1 file; equal tracks give equal bytes."""
    document = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER)
    document.tracks = list(tracks)
    document.save(str(path))


def _note_controls(performance: ComposedPerformance, tempo: TempoMap, channel: int) -> Iterator[Event]:
    """Per note: how far the filter is closed, and whether the sample's attack is left out; sent on change only."""
    before: dict[int, int] = {FILTER_CUTOFF: 0, START_OFFSET: 0, ATTACK: 0}
    skip = performance.seat.player.attack_skip_samples
    for note in performance.notes:
        tick = int(tempo.ticks(note.onset_s))
        wanted = {
            FILTER_CUTOFF: note.filter_cents,
            START_OFFSET: skip * note.is_slurred,
            ATTACK: SLURRED_ATTACK_CENTS * (note.is_slurred and skip > 0),
        }
        for generator, value in wanted.items():
            if before[generator] != value:
                yield from ((tick, 3, message) for message in nrpn(generator, value, channel))
        before = wanted


def _curves(performance: ComposedPerformance, tempo: TempoMap, channel: int) -> Iterator[Event]:
    """Level as controllers 7 and 11 together (finer than either alone), pitch as bend; sent on change only."""
    num_frames = len(performance.level_db)
    ticks = tempo.ticks(np.arange(num_frames) / FRAME_RATE_HZ)
    held_db = np.zeros(num_frames)  # the velocity's share of the level, from just before each note
    first = 0
    for index, note in enumerate(performance.notes):
        later = performance.notes[index + 1] if index + 1 < len(performance.notes) else None
        stop = num_frames if later is None else max(int(later.onset_s * FRAME_RATE_HZ) - 1, first)
        held_db[first:stop] = velocity_db(note.velocity)
        first = stop
    asked_db = np.clip(performance.level_db - held_db, -36.0, 0.0)
    volume = np.rint(127 * 10 ** (asked_db / 80)).astype(int)
    expression = np.clip(np.rint(127 * 127 / volume * 10 ** (asked_db / 40)), 1, 127).astype(int)
    bend = np.clip(np.rint(performance.bend_cents / BEND_CENTS * 8192), -8192, 8191).astype(int)
    for control, values in ((7, volume), (11, expression)):
        before = -1
        for frame in range(0, num_frames, EXPRESSION_FRAMES):
            value = int(values[frame])
            if value != before:
                message = mido.Message("control_change", channel=channel, control=control, value=value)
                yield int(ticks[frame]), 4, message
                before = value
    before = 0
    for frame, value in enumerate(bend.tolist()):
        if value != before:
            yield int(ticks[frame]), 5, mido.Message("pitchwheel", channel=channel, pitch=value)
            before = value


def _track(events: list[Event], last_tick: int) -> mido.MidiTrack:
    """Turn absolute ticks into the differences that the format keeps."""
    track, now = mido.MidiTrack(), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        message.time = tick - now  # ours alone, just made
        track.append(message)
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(last_tick - now, 0)))
    return track
