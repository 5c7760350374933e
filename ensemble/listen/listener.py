"""The first verb: a recording goes in, what the ensemble understood of it comes out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import soxr
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen import chroma, doubts
from ensemble.listen.bars import find_bars
from ensemble.listen.beats import track_beats
from ensemble.listen.harmony import find_chords, find_key
from ensemble.listen.loudness import loudness_db
from ensemble.listen.onsets import onset_strength
from ensemble.listen.pitch import ANALYSIS_RATE_HZ, track_pitch
from ensemble.threads import one_thread
from ensemble.types import SILENCE_DB, AudioClip, FloatArray, Frames, Heard

CANCELLED = 0.05
"""Where the mean of the channels keeps less than this share of their power, they cancel: the loudest is heard."""
INAUDIBLE_BELOW_PEAK_DB = 60.0
NEIGHBOUR_WEIGHT = 0.35
"""One voice sounds one tone of its chord at a time: the beats around lend theirs."""


class Listener:
    """Hears a leader. Holds nothing: the same clip is heard the same way in any process, on any number of threads."""

    def listen(self, clip: AudioClip) -> Heard:
        """Follow pitch, loudness, onsets, beats and harmony.

        Frame i describes the sound around i / 100 s; there are as many as cover the clip. A clip at any rate and with
        any number of channels is heard; half a second is enough.
        """
        with one_thread():
            return self._listen(clip)

    def _listen(self, clip: AudioClip) -> Heard:
        num_frames = -(-clip.num_samples * FRAME_RATE_HZ // clip.sample_rate)
        samples = at_analysis_rate(clip).samples[0]
        loudness = loudness_db(samples, ANALYSIS_RATE_HZ, num_frames)
        onset = onset_strength(samples, ANALYSIS_RATE_HZ, num_frames)
        pitch = track_pitch(samples, num_frames)
        beats = track_beats(onset, clip.duration_s)
        evidence = doubts.weigh(samples, ANALYSIS_RATE_HZ, pitch.f0_hz, loudness, beats.clarity)
        follows_pitch = not (evidence.is_polyphonic or evidence.is_noisy)

        centre_hz = chroma.centre_pitch(pitch.f0_hz)
        of_pitch = chroma.tuning_of_pitch(centre_hz, pitch.confidence) if follows_pitch else None
        tuning = of_pitch if of_pitch is not None else chroma.tuning_of_peaks(samples, ANALYSIS_RATE_HZ, num_frames)
        tuning_cents = tuning or 0.0
        spectral = chroma.spectral_chroma(samples, ANALYSIS_RATE_HZ, num_frames, tuning_cents)
        spectral *= loudness > max(SILENCE_DB, float(loudness.max()) - INAUDIBLE_BELOW_PEAK_DB)

        sounding = chroma.note_chroma(centre_hz, tuning_cents) if follows_pitch else spectral
        edges = np.append(np.rint(beats.times_s * FRAME_RATE_HZ).astype(np.int64), num_frames)
        beat_chroma = _per_beat(sounding, edges)
        key = find_key(beat_chroma.sum(axis=1), beat_chroma[:, -4:].sum(axis=1))
        context = _with_neighbours(beat_chroma) if follows_pitch else beat_chroma
        free = find_chords(context, key)  # before bars are known
        changes = np.array([before != after for before, after in pairwise((None, *free))])
        beats_per_bar, first_downbeat = find_bars(changes, _accents(onset, edges[:-1]))
        return Heard(
            frames=Frames(
                f0_hz=pitch.f0_hz,
                loudness_db=loudness,
                confidence=pitch.confidence,
                onset=onset,
                chroma=spectral / np.maximum(spectral.max(axis=0, keepdims=True), np.float32(1e-9)),
            ),
            beats_s=beats.times_s,
            tempo_bpm=beats.tempo_bpm,
            beats_per_bar=beats_per_bar,
            first_downbeat=first_downbeat,
            key=key,
            chords=find_chords(context, key, beats_per_bar, first_downbeat),
            tuning_cents=tuning_cents,
            warnings=doubts.warnings_of(evidence) + doubts.faintness(loudness),
        )


def at_analysis_rate(clip: AudioClip) -> AudioClip:
    """What of a clip is listened to: one channel at 16 kHz. Half an hour of it is small enough to be sent.

    A clip of whole control frames is heard the same way before and after.
    """
    mono = clip.mono()
    energy = [float(np.vdot(channel, channel)) for channel in clip.samples]  # no copies: half an hour is large
    if float(np.vdot(mono, mono)) < CANCELLED * sum(energy) / len(energy):
        mono = clip.samples[int(np.argmax(energy))]
    if clip.sample_rate != ANALYSIS_RATE_HZ:
        mono = soxr.resample(mono, clip.sample_rate, ANALYSIS_RATE_HZ, quality="HQ")
    return AudioClip(samples=mono[None], sample_rate=ANALYSIS_RATE_HZ)


def _per_beat(frames: FloatArray, edges: NDArray[np.int64]) -> FloatArray:
    """Sum of the frames from each edge to the next.  [rows, edges - 1]"""
    return np.stack([frames[:, start:stop].sum(axis=1) for start, stop in pairwise(edges)], axis=1)


def _accents(onset: FloatArray, beat_frames: NDArray[np.int64]) -> FloatArray:
    """The strongest onset within 30 ms of each beat.  [beats]"""
    return np.array([onset[max(0, frame - 3) : frame + 4].max() for frame in beat_frames], dtype=np.float32)


def _with_neighbours(beat_chroma: FloatArray) -> FloatArray:
    """Each beat with a share of the beats before and after it.  [12, beats]"""
    lent = np.zeros_like(beat_chroma)
    lent[:, 1:] += beat_chroma[:, :-1]
    lent[:, :-1] += beat_chroma[:, 1:]
    return beat_chroma + np.float32(NEIGHBOUR_WEIGHT) * lent
