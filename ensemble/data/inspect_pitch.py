"""What one part plays, heard segment by segment at 16 kHz: when it sounds, its onsets, its pitch, is it alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.inspect_facts import SoundFacts
from ensemble.listen import chroma, diagnostics
from ensemble.listen.chord_network import STEP_FRAMES, chord_probability
from ensemble.listen.loudness import loudness_db
from ensemble.listen.onsets import onset_strength
from ensemble.listen.pitch import ANALYSIS_RATE_HZ as ANALYSIS_RATE_HZ
from ensemble.listen.pitch import track_pitch
from ensemble.types.music import SILENCE_DB, FloatArray

SOUNDING_DBFS = -60.0
"""A frame of 10 ms whose RMS lies below is silent."""
SEGMENT_FRAMES = 2000
BEFORE_FRAMES, AFTER_FRAMES = 32, 4
"""What is seen around a segment, so that its first and last onsets are judged as in the whole recording."""
PHRASE_FRAMES = 500
"""Whether one voice or several are heard is decided every 5 s."""
MIN_SOUNDING_FRAMES = 20
WORTHWHILE_FRAMES = 200
HOP = ANALYSIS_RATE_HZ // FRAME_RATE_HZ


class Ear:
    """Hears one recording at 16 kHz, piece by piece; the pieces' lengths change nothing.

    Args:
        max_pitch_s: hear pitch in so many sounding seconds, spread over the recording; None in all, 0 in none.
        expected_s: about how long the recording is.
    """

    def __init__(self, max_pitch_s: float | None, expected_s: float = math.inf) -> None:
        self._wanted = math.inf if max_pitch_s is None else round(max_pitch_s * FRAME_RATE_HZ)
        self._expected = expected_s * FRAME_RATE_HZ
        self._num_frames = 0
        self._waiting: list[FloatArray] = [np.zeros(BEFORE_FRAMES * HOP, dtype=np.float32)]
        self._num_waiting = BEFORE_FRAMES * HOP
        self._onsets: list[FloatArray] = []
        self._num_sounding = 0
        self._num_heard = self._num_voiced = self._num_judged = self._num_polyphonic = 0
        self._confidence = 0.0
        self._tuning = 0j

    def hear(self, samples: FloatArray) -> None:
        """The next piece.  [samples]"""
        self._waiting.append(samples)
        self._num_waiting += len(samples)
        need = (BEFORE_FRAMES + SEGMENT_FRAMES + AFTER_FRAMES) * HOP
        while self._num_waiting >= need:
            whole = np.concatenate(self._waiting)
            self._segment(whole[:need], SEGMENT_FRAMES)
            self._waiting = [whole[SEGMENT_FRAMES * HOP :]]
            self._num_waiting = len(self._waiting[0])

    def finish(self) -> None:
        """No more comes."""
        rest = np.concatenate(self._waiting)
        num_frames = -(-len(rest) // HOP) - BEFORE_FRAMES
        if num_frames > 0:
            padded = np.zeros((BEFORE_FRAMES + num_frames + AFTER_FRAMES) * HOP, dtype=np.float32)
            padded[: len(rest)] = rest
            self._segment(padded, num_frames)
        self._waiting, self._num_waiting = [], 0

    @property
    def sounding_s(self) -> float:
        """How long it sounded."""
        return self._num_sounding / FRAME_RATE_HZ

    def onset(self) -> FloatArray:
        """Onset strength, 0 where nothing sounds.  [frames]"""
        return np.concatenate(self._onsets) if self._onsets else np.zeros(0, dtype=np.float32)

    def complete(self, sound: SoundFacts) -> SoundFacts:
        """The facts with those of pitch filled in, where enough of it was heard."""
        if self._num_heard < MIN_SOUNDING_FRAMES:
            return sound
        focus = abs(self._tuning) / max(self._num_voiced, 1)
        return replace(
            sound,
            heard_s=self._num_heard / FRAME_RATE_HZ,
            voiced=self._num_voiced / self._num_heard,
            pitch_confidence=self._confidence / self._num_heard,
            polyphony=self._num_polyphonic / self._num_judged if self._num_judged else None,
            tuning_cents=float(np.angle(self._tuning)) * 50 / np.pi if focus > chroma.MIN_TUNING_FOCUS else None,
        )

    def _segment(self, around: FloatArray, num_frames: int) -> None:
        inner = around[BEFORE_FRAMES * HOP : (BEFORE_FRAMES + num_frames) * HOP]
        power = np.square(inner.reshape(num_frames, HOP), dtype=np.float64).mean(axis=1)
        sounds = power > 10 ** (SOUNDING_DBFS / 10)
        self._num_sounding += int(sounds.sum())
        onset = np.zeros(num_frames, dtype=np.float32)
        if sounds.any():
            seen = onset_strength(around, ANALYSIS_RATE_HZ, len(around) // HOP)
            onset = np.where(sounds, seen[BEFORE_FRAMES : BEFORE_FRAMES + num_frames], np.float32(0.0))
        self._onsets.append(onset)
        self._num_frames += num_frames
        allowed = self._allowance()
        if allowed and sounds.sum() >= MIN_SOUNDING_FRAMES:
            num_wanted = min(int(np.searchsorted(np.cumsum(sounds), min(allowed, num_frames))) + 1, num_frames)
            self._hear_pitch(inner[: num_wanted * HOP], sounds[:num_wanted])

    def _allowance(self) -> float:
        """Sounding frames to hear for pitch by now: in step with the recording, in worthwhile pieces."""
        worthwhile = min(WORTHWHILE_FRAMES, self._wanted)
        so_far = self._wanted * min(1.0, self._num_frames / self._expected) if self._wanted < math.inf else math.inf
        allowed = max(so_far, worthwhile) - self._num_heard
        return allowed if allowed >= worthwhile else 0

    def _hear_pitch(self, samples: FloatArray, sounds: NDArray[np.bool_]) -> None:
        num_frames = len(sounds)
        pitch = track_pitch(samples, num_frames)
        loudness = loudness_db(samples, ANALYSIS_RATE_HZ, num_frames)
        voiced = sounds & (pitch.f0_hz > 0)
        self._num_heard += int(sounds.sum())
        self._num_voiced += int(voiced.sum())
        self._confidence += float(pitch.confidence[sounds].sum(dtype=np.float64))
        centre_hz = chroma.centre_pitch(pitch.f0_hz)
        unasked = np.ones(-(-num_frames // STEP_FRAMES), np.float32)
        no_chord: FloatArray | None = None  # the chord network is slow, and asked where the sound leaves it open
        for start in range(0, num_frames, PHRASE_FRAMES):
            at = slice(start, min(start + PHRASE_FRAMES, num_frames))
            phrase, num_sounding = samples[at.start * HOP : at.stop * HOP], int(sounds[at].sum())
            if num_sounding < MIN_SOUNDING_FRAMES or loudness[at].max() <= SILENCE_DB:
                continue
            steps = slice(at.start // STEP_FRAMES, -(-at.stop // STEP_FRAMES))
            evidence = diagnostics.measure_evidence(
                phrase, ANALYSIS_RATE_HZ, pitch.f0_hz[at], loudness[at], clarity=1.0, no_chord=unasked[steps]
            )
            if not (evidence.is_polyphonic or evidence.is_clearly_one):
                no_chord = chord_probability(samples, ANALYSIS_RATE_HZ, 0.0)[0] if no_chord is None else no_chord
                evidence = replace(evidence, no_chord=diagnostics.mean_no_chord(no_chord[steps], loudness[at]))
            self._num_judged += num_sounding
            self._num_polyphonic += num_sounding if evidence.is_polyphonic else 0
            tuning = (
                chroma.tuning_of_peaks(phrase, ANALYSIS_RATE_HZ, at.stop - at.start)
                if evidence.is_polyphonic
                else chroma.tuning_of_pitch(centre_hz[at], pitch.confidence[at])
            )
            if tuning is not None:
                self._tuning += complex(np.exp(1j * np.pi * tuning / 50)) * int(voiced[at].sum())
