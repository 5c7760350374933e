"""A performance as a MIDI file: notes, expression, bends, and the SoundFont controls behind the two cures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import mido
import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.performance import ComposedPerformance, frames_of, velocity_db
from ensemble.data.compose.tempo import TICKS_PER_QUARTER, Metre
from ensemble.files.midi import DRUM_CHANNEL, MidiEvent, tempo_track, track_of
from ensemble.types.tempo_map import TempoMap

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


def nrpn(generator: int, value: int, channel: int) -> tuple[mido.Message, ...]:
    """The four messages that move a SoundFont generator for a channel."""
    data = 8192 + value // _SCALE[generator]
    pairs = ((99, 120), (98, generator), (38, data & 127), (6, data >> 7))  # the synthesizer acts on controller 6
    return tuple(_control(channel, control, sent) for control, sent in pairs)


def lead_track(metre: Metre, tempo: TempoMap) -> mido.MidiTrack:
    """The piece's time signature and tempos."""
    return tempo_track([(0, metre.numerator, metre.denominator)], tempo, TICKS_PER_QUARTER)


def player_tracks(voices: Iterable[ComposedPerformance], tempo: TempoMap) -> list[mido.MidiTrack]:
    """A track for each voice, on channels of their own; the kit keeps its."""
    free = (channel for channel in range(16) if channel != DRUM_CHANNEL)
    return [player_track(one, tempo, 0 if one.part.player.is_drums else next(free)) for one in voices]


def player_track(performance: ComposedPerformance, tempo: TempoMap, channel: int = 0) -> mido.MidiTrack:
    """One voice's notes and everything that shapes them, until the piece's last frame; the kit has its own channel."""
    part = performance.part
    channel = DRUM_CHANNEL if part.player.is_drums else channel
    events: list[MidiEvent] = [
        (0, 0, mido.MetaMessage("track_name", name=part.player.label)),
        (0, 1, mido.Message("program_change", channel=channel, program=part.player.spec.program)),
    ]
    if not part.player.is_drums:
        if not part.rings:
            events += [(0, 2, message) for message in nrpn(RELEASE, part.player.release_cents, channel)]
        events += _note_controls(performance, tempo, channel)
        events += _curves(performance, tempo, channel)
    for note in performance.notes:
        start, stop = tempo.ticks([note.onset_s, note.stop_s], TICKS_PER_QUARTER).tolist()
        on = mido.Message("note_on", channel=channel, note=note.midi, velocity=note.velocity)
        events += [(start, 6, on), (stop, 0, mido.Message("note_off", channel=channel, note=note.midi, velocity=0))]
    return track_of(events, int(tempo.ticks(len(performance.level_db) / FRAME_RATE_HZ, TICKS_PER_QUARTER)))


def _control(channel: int, control: int, value: int) -> mido.Message:
    return mido.Message("control_change", channel=channel, control=control, value=value)


def _note_controls(performance: ComposedPerformance, tempo: TempoMap, channel: int) -> Iterator[MidiEvent]:
    """Per note: how far the filter is closed, and whether the sample's attack is left out; sent on change only."""
    before: dict[int, int] = {FILTER_CUTOFF: 0, START_OFFSET: 0, ATTACK: 0}
    skip = performance.part.player.attack_skip_samples
    for note in performance.notes:
        tick = int(tempo.ticks(note.onset_s, TICKS_PER_QUARTER))
        wanted = {
            FILTER_CUTOFF: note.filter_cents,
            START_OFFSET: skip * note.is_slurred,
            ATTACK: SLURRED_ATTACK_CENTS * (note.is_slurred and skip > 0),
        }
        for generator, value in wanted.items():
            if before[generator] != value:
                yield from ((tick, 3, message) for message in nrpn(generator, value, channel))
        before = wanted


def _curves(performance: ComposedPerformance, tempo: TempoMap, channel: int) -> Iterator[MidiEvent]:
    """Level as controllers 7 and 11 together (finer than either alone), pitch as bend; sent on change only."""
    num_frames = len(performance.level_db)
    tick = tempo.ticks(np.arange(num_frames) / FRAME_RATE_HZ, TICKS_PER_QUARTER)
    held_db = np.zeros(num_frames)  # the velocity's share of the level
    starts = [frames_of(note, num_frames).start for note in performance.notes]
    for start, note in zip(starts, performance.notes, strict=True):
        held_db[start if start > starts[0] else 0 :] = velocity_db(note.velocity)
        tick[start] = tempo.ticks(note.onset_s, TICKS_PER_QUARTER)  # between two frames, where the note begins
    asked_db = np.clip(performance.level_db - held_db, -36.0, 0.0)
    volume = np.rint(127 * 10 ** (asked_db / 80)).astype(int)
    expression = np.clip(np.rint(127 * 127 / volume * 10 ** (asked_db / 40)), 1, 127).astype(int)
    bend = np.clip(np.rint(performance.bend_cents / BEND_CENTS * 8192), -8192, 8191).astype(int)
    frames = np.union1d(np.arange(0, num_frames, EXPRESSION_FRAMES), starts)
    for control, values in ((7, volume), (11, expression)):
        for frame in frames[np.diff(values[frames], prepend=-1) != 0].tolist():
            yield int(tick[frame]), 4, _control(channel, control, int(values[frame]))
    for frame in np.flatnonzero(np.diff(bend, prepend=0)).tolist():
        yield int(tick[frame]), 5, mido.Message("pitchwheel", channel=channel, pitch=int(bend[frame]))
