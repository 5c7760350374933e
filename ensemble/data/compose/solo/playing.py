"""A take of a piece: a person's time and touch, then FluidSynth. Two takes of one piece never agree to the sample."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import pyloudnorm
from numpy.typing import NDArray

from ensemble.audio.files import PEAK_CEILING
from ensemble.data.compose import fluidsynth
from ensemble.data.compose.solo.solo import Solo
from ensemble.data.compose.solo.textures import TUNE_VOICE, SoloNote
from ensemble.data.compose.tempo import CLOCK, TICKS_PER_QUARTER, Metre, TempoMap, draw_tempo
from ensemble.types.music import FloatArray

JITTER_S = 0.007
TOUCH_DB = 0.9
WANDER = 0.025
"""How far the tempo leans forward and back."""
SLOWING = 0.12
"""By how much the last bar is slower than the piece."""
RING_S = 2.5
LOUDEST_LUFS = -17.5
LEVEL_SHARE = 0.8
"""A recording is not as much softer as the player was: somebody turned it up."""
CHANNELS = (0, 1, 2, 3, 4, 5, 6, 7)
_MODULATION, _EXPRESSION = 1, 11
_CURVE_S = 0.02
_LONG_S = 0.35

Event = tuple[int, int, mido.Message]  # tick, order within the tick, message


@dataclass(frozen=True, slots=True, kw_only=True)
class SoloTake:
    """One take. samples [samples]: mono, at `RENDER_RATE_HZ`. tempo: where every quarter of the score lies."""

    samples: FloatArray
    tempo: TempoMap


def play_take(
    solo: Solo,
    number: int,
    soundfont: Path,
    *,
    semitones: int = 0,
    tempo_ratio: float = 1.0,
    program: int | None = None,
) -> SoloTake:
    """Play a piece once.

    Args:
        solo: the piece.
        number: of the take; each has its own timing and touch.
        soundfont: SF2 or SF3.
        semitones: how far the piece is transposed.
        tempo_ratio: 1.05 is 5 % faster than written.
        program: of General MIDI; the soloist's own if absent.

    Raises:
        DataError: FluidSynth cannot render it.
    """
    order, metre = solo.outline.order, solo.outline.metre
    tempo = _with_slowing(
        draw_tempo(
            order.rng("tempo", number), metre, order.tempo_bpm * tempo_ratio,
            solo.outline.num_bars * metre.beats_per_bar, WANDER,
        ),
        metre,
    )  # fmt: skip
    stop_s = float(tempo.seconds(solo.outline.num_bars * metre.bar_quarters))
    chosen = solo.soloist.program if program is None else program
    document = _midi(solo, tempo, order.rng("touch", number), semitones, chosen)
    with tempfile.TemporaryDirectory(prefix="ensemble-") as folder:
        midi = Path(folder) / "take.mid"
        document.save(str(midi))
        num_samples = round((stop_s + RING_S) * fluidsynth.RENDER_RATE_HZ)
        samples = fluidsynth.render(midi, soundfont, Path(folder) / "take.wav", num_samples, fluidsynth.RENDER_RATE_HZ)
    fade = np.linspace(1.0, 0.0, round(0.8 * fluidsynth.RENDER_RATE_HZ), dtype=np.float32)
    samples[-len(fade) :] *= fade
    return SoloTake(samples=_levelled(samples, order.level_db), tempo=tempo)


def _levelled(samples: FloatArray, level_db: float) -> FloatArray:
    """As loud as it was meant: `LOUDEST_LUFS` for the loudest, peaks at most at -1 dBFS."""
    measured = float(pyloudnorm.Meter(fluidsynth.RENDER_RATE_HZ).integrated_loudness(samples.astype(np.float64)))
    gain = 10 ** ((LOUDEST_LUFS + LEVEL_SHARE * level_db - measured) / 20)
    return np.asarray(samples * np.float32(min(gain, PEAK_CEILING / float(np.abs(samples).max()))))


def _with_slowing(tempo: TempoMap, metre: Metre) -> TempoMap:
    """The last bar slows down."""
    last = metre.beats_per_bar
    tempos_us = tempo.tempos_us.astype(np.float64)
    tempos_us[-last:] *= 1 + SLOWING * np.linspace(0.3, 1.0, last)
    return TempoMap(beat_quarters=tempo.beat_quarters, tempos_us=np.rint(tempos_us).astype(np.int64))


def _midi(solo: Solo, tempo: TempoMap, rng: np.random.Generator, semitones: int, program: int) -> mido.MidiFile:
    events: list[Event] = [
        (0, 0, mido.Message("program_change", channel=channel, program=program)) for channel in CHANNELS
    ]
    onsets_s = _onsets_s(solo.notes, tempo, rng)
    stops_s = _stops_s(solo, onsets_s, tempo)
    levels_db = _levels_db(solo, rng)
    for note, onset_s, stop_s, level_db in zip(solo.notes, onsets_s, stops_s, levels_db, strict=True):
        channel, pitch = note.voice, note.pitch_midi + semitones
        start, stop = (int(tick) for tick in CLOCK.ticks(np.array([onset_s, stop_s])))
        velocity = int(np.clip(round(127 * 10 ** (level_db / 40)), 12, 127))
        events.append((start, 3, mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)))
        events.append((stop, 1, mido.Message("note_off", channel=channel, note=pitch, velocity=0)))
        if not solo.soloist.rings:
            events += _breath(channel, float(onset_s), float(stop_s), solo.soloist.vibrato, rng)
    return _document(events)


def _onsets_s(notes: tuple[SoloNote, ...], tempo: TempoMap, rng: np.random.Generator) -> NDArray[np.float64]:
    """Notes written together are played together; a stroke keeps its spread."""
    written = np.array([note.onset_quarters for note in notes])
    groups = np.rint(written / 0.1).astype(np.int64)
    jitter_s = np.clip(rng.normal(0, JITTER_S, int(groups.max()) + 1), -0.015, 0.015)
    spread_s = np.abs(rng.normal(0, 0.002, len(notes)))
    return np.asarray(np.maximum(tempo.seconds(written) + jitter_s[groups] + spread_s, 0.0))


def _stops_s(solo: Solo, onsets_s: NDArray[np.float64], tempo: TempoMap) -> NDArray[np.float64]:
    """A note ends as written, and where its string or its pitch is struck again; the last chord rings."""
    stops_s = tempo.seconds(np.array([note.onset_quarters + note.length_quarters for note in solo.notes]))
    end_s = float(tempo.seconds(solo.outline.num_bars * solo.outline.metre.bar_quarters))
    stops_s = np.where(stops_s > end_s - 0.05, end_s + (RING_S - 1.0 if solo.soloist.rings else 0.2), stops_s)
    next_on_voice: dict[int, float] = {}
    for index in range(len(onsets_s) - 1, -1, -1):
        note = solo.notes[index]
        gap_s = 0.004 if note.voice != TUNE_VOICE or solo.soloist.rings else 0.012
        latest_s = next_on_voice.get(note.voice, np.inf) - gap_s
        stops_s[index] = max(min(stops_s[index], latest_s), onsets_s[index] + 0.03)
        next_on_voice[note.voice] = float(onsets_s[index])
    return np.asarray(stops_s)


def _levels_db(solo: Solo, rng: np.random.Generator) -> NDArray[np.float64]:
    """The order's level, the arch, the accent, the touch: against the loudest that the instrument plays."""
    at_bar = np.array([note.onset_quarters for note in solo.notes]) / solo.outline.metre.bar_quarters
    arch_db = np.interp(at_bar, np.arange(solo.outline.num_bars + 1), solo.outline.level_db)
    accents_db = np.array([note.accent_db for note in solo.notes])
    levels = solo.outline.order.level_db + arch_db + accents_db + rng.normal(0, TOUCH_DB, len(solo.notes))
    return np.asarray(np.clip(levels, -36.0, -0.5))


def _breath(channel: int, onset_s: float, stop_s: float, vibrato: int, rng: np.random.Generator) -> list[Event]:
    """What bow and breath do within a note: a soft start, a swell where it is long, vibrato that sets in late."""
    length_s = stop_s - onset_s
    at_s = np.arange(0.0, length_s, _CURVE_S)
    swell_db = -2.5 * np.exp(-at_s / 0.06)
    if length_s > _LONG_S:
        summit = rng.uniform(0.3, 0.6)
        swell_db = swell_db - 2.5 * np.square((at_s / length_s - summit) / 0.6)
    expression = np.rint(127 * 10 ** (swell_db / 40)).astype(int)
    wheel = (
        np.rint(vibrato * np.clip((at_s - 0.25) / 0.4, 0.0, 1.0)).astype(int) if length_s > _LONG_S else 0 * expression
    )
    events: list[Event] = []
    for control, values in ((_EXPRESSION, expression), (_MODULATION, wheel)):
        before = -1
        for offset_s, value in zip(at_s, values.tolist(), strict=True):
            if value != before:
                message = mido.Message("control_change", channel=channel, control=control, value=int(value))
                events.append((int(CLOCK.ticks(onset_s + offset_s)), 2, message))
                before = value
    return events


def _document(events: list[Event]) -> mido.MidiFile:
    tempo = mido.MetaMessage("set_tempo", tempo=int(CLOCK.tempos_us[0]))
    track, now = mido.MidiTrack([tempo]), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        message.time = tick - now
        track.append(message)
        now = tick
    return mido.MidiFile(ticks_per_beat=TICKS_PER_QUARTER, tracks=[track])
