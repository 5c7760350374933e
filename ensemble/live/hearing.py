"""What is heard of a leader who is still playing, a tenth of a second at a time.

Pitch is known 0.2 s after it sounded, chords 0.13 s, and all else 0.04 s. Nothing depends on how the sound is cut.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from ensemble.audio.spectra import band_rise_db, power_spectra
from ensemble.clock import CONDUCTOR_RATE_HZ, FRAME_RATE_HZ
from ensemble.listen import pulse
from ensemble.listen.causal_file import CAUSAL, LISTENER
from ensemble.listen.causal_network import CausalListener
from ensemble.listen.loudness import loudness_db
from ensemble.listen.onsets import LAG_FRAMES, RANGE_DB, onset_bands
from ensemble.listen.pitch import ANALYSIS_RATE_HZ, CONFIDENT, STEP_S, at_control_rate
from ensemble.listen.tracker import PieceTracker
from ensemble.live.growing import Growing
from ensemble.types.music import SILENCE_DB, FloatArray, Frames

TICK_FRAMES = 10
"""What is heard at a time."""
HOP_SAMPLES = ANALYSIS_RATE_HZ // FRAME_RATE_HZ
TICK_SAMPLES = TICK_FRAMES * HOP_SAMPLES
SOON_FRAMES = 4
"""Loudness, onsets and beats are known so many frames late: half a window."""
LATE_FRAMES = 20
"""Pitch is known so many frames late."""
_PAST_FRAMES = 10
"""Kept of the sound before the frames that are not yet known: half a window and the lag of the onsets."""
_FAINTEST_PEAK = 0.02
"""Sound below it is not brought to full scale before its pitch is looked for."""
_STEPS, _STEP_FRAMES = 5, 8
"""Five steps of the pitch tracker are eight frames."""


class Hearing:
    """Hears the leader from the beginning on.

    Attributes:
        ticks: how many tenths of a second were heard.
        chords: what the columns of `chord_probability` stand for.
        chord_probability: 25 times a second.  [steps, chords]
    """

    def __init__(self) -> None:
        self.ticks = 0
        self._sound = np.zeros(_PAST_FRAMES * HOP_SAMPLES, np.float32)
        self._pulse = pulse.SILENT
        self._loudest = self._peak = 0.0
        self._bands = np.zeros((LAG_FRAMES, 0), np.float32)
        self._pitch = PieceTracker(threads=1, spin=False).stream()
        self._listener = CausalListener(LISTENER.load(str(CAUSAL)))
        self._listening = self._listener.start()
        self.chords = self._listener.chords
        self.chord_probability = Growing((0, len(self.chords)))
        self._steps = Growing((0, 2), np.float64)
        self._soon = Growing((0, 4))
        self._late = Growing((0, 2))

    @property
    def soon_frames(self) -> int:
        """For how many frames loudness, onsets and beats are known."""
        return len(self._soon)

    @property
    def late_frames(self) -> int:
        """For how many frames pitch is known."""
        return len(self._late)

    @property
    def chord_frames(self) -> int:
        """For how many frames chords are known."""
        return len(self.chord_probability) * FRAME_RATE_HZ // CONDUCTOR_RATE_HZ

    def tick(self, samples: FloatArray) -> None:
        """Go on listening.

        Args:
            samples: the next `TICK_SAMPLES` at 16 kHz.
        """
        self.ticks += 1
        self._sound = np.concatenate([self._sound, samples])
        first = _PAST_FRAMES
        stop = len(self._sound) // HOP_SAMPLES - SOON_FRAMES
        self._hear_soon(first, stop)
        self._sound = self._sound[(stop - _PAST_FRAMES) * HOP_SAMPLES :]
        self._follow_pitch(samples)
        heard, self._listening = self._listener.hear(samples, self._listening)
        self.chord_probability.append(heard.chords)

    def frames(self, start: int, stop: int) -> Frames:
        """What is known of some frames; pitch that is not yet known is unvoiced.

        Args:
            start: the first.
            stop: the first after them, at most `soon_frames`.
        """
        soon = self._soon.rows(start, stop)
        late = np.zeros((stop - start, 2), np.float32)
        known = self._late.rows(start, stop)
        late[: len(known)] = known
        return Frames(
            loudness_db=soon[:, 0].copy(), onset=soon[:, 1].copy(), pulse=np.ascontiguousarray(soon[:, 2:].T),
            f0_hz=late[:, 0].copy(), confidence=late[:, 1].copy(), chroma=self._chroma(start, stop),
        )  # fmt: skip

    def last_frames(self, num_frames: int) -> Frames:
        """The last frames that are known, with silence before them where there are fewer."""
        known = self.soon_frames
        frames = self.frames(max(known - num_frames, 0), known)

        def padded(name: str) -> FloatArray:
            rows = getattr(frames, name)
            before = [(0, 0)] * (rows.ndim - 1) + [(num_frames - frames.num_frames, 0)]
            silence = SILENCE_DB if name == "loudness_db" else 0.0
            return np.pad(rows, before, constant_values=silence)

        return Frames(**{one.name: padded(one.name) for one in fields(frames)})

    def forget(self, frame: int) -> None:
        """Nothing before this frame is asked for any more."""
        self._soon.forget(frame)
        self._late.forget(frame)
        self._steps.forget(len(self._late) // _STEP_FRAMES * _STEPS)
        self.chord_probability.forget(frame * CONDUCTOR_RATE_HZ // FRAME_RATE_HZ)

    def _hear_soon(self, first: int, stop: int) -> None:
        """Loudness, onset strength and pulse of the frames that half a window follows by now."""
        loudness = loudness_db(self._sound, ANALYSIS_RATE_HZ, stop, first)
        bands = onset_bands(self._sound, ANALYSIS_RATE_HZ, stop, first)
        if not self._bands.size:
            self._bands = np.zeros((LAG_FRAMES, bands.shape[1]), np.float32)
        self._loudest = max(self._loudest, float(bands.max()), 1e-9)
        level = np.concatenate([self._bands, bands])
        onset = band_rise_db(level, RANGE_DB, LAG_FRAMES, self._loudest)[LAG_FRAMES:] / np.float32(10.0)
        self._bands = bands[-LAG_FRAMES:]
        step = pulse.STEP_FRAMES
        ((_, power),) = power_spectra(
            self._sound, stop // step, step * HOP_SAMPLES, pulse.WINDOW_SAMPLES, first // step
        )
        said, self._pulse = pulse.hear_spectra(power, self._pulse)
        self._soon.append(np.column_stack([loudness, onset, np.repeat(said, step, axis=0)]))

    def _follow_pitch(self, samples: FloatArray) -> None:
        self._peak = max(self._peak, float(np.abs(samples).max()), _FAINTEST_PEAK)
        found = self._pitch.push(samples / np.float32(self._peak), ANALYSIS_RATE_HZ)
        with np.errstate(divide="ignore", invalid="ignore"):
            midi = np.where(found.confidence >= CONFIDENT, 69 + 12 * np.log2(found.pitch_hz / 440), np.nan)
        self._steps.append(np.column_stack([midi, found.confidence]))
        known = self._late_known()
        if known <= len(self._late):
            return
        whole = len(self._late) // _STEP_FRAMES
        steps = self._steps.rows(whole * _STEPS)
        begin = whole * _STEP_FRAMES
        pitch = at_control_rate(steps[:, 0], steps[:, 1], known - begin)
        new = slice(len(self._late) - begin, None)
        self._late.append(np.column_stack([pitch.f0_hz[new], pitch.confidence[new]]))

    def _late_known(self) -> int:
        """Frames between steps that are known."""
        by_steps = int((len(self._steps) - 1) * STEP_S * FRAME_RATE_HZ)
        return max(min(by_steps, self.ticks * TICK_FRAMES - LATE_FRAMES), 0)

    def _chroma(self, start: int, stop: int) -> FloatArray:
        """The tones of the chords by their probability; the last that is known goes on.  [12, frames]"""
        last = len(self.chord_probability) - 1
        if last < 0:
            return np.zeros((12, stop - start), np.float32)
        steps = np.minimum(np.arange(start, stop) * CONDUCTOR_RATE_HZ // FRAME_RATE_HZ, last)
        first = min(start * CONDUCTOR_RATE_HZ // FRAME_RATE_HZ, last)
        chroma = self.chord_probability.rows(first)[steps - first] @ self._tones()
        return np.ascontiguousarray((chroma / np.maximum(chroma.max(axis=1, keepdims=True), 1e-9)).T, np.float32)

    def _tones(self) -> FloatArray:
        tones = np.zeros((len(self.chords), 12), np.float32)
        for row, chord in enumerate(self.chords[:-1]):
            tones[row, list(chord.tones)] = 1.0
        return tones
