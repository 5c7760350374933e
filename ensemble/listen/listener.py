"""The first verb: a recording goes in, what the ensemble understood of it comes out."""

from __future__ import annotations

import numpy as np
import soxr

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen import chroma, doubts
from ensemble.listen.beats import MIN_CLARITY, track_beats
from ensemble.listen.loudness import loudness_db
from ensemble.listen.onsets import onset_strength
from ensemble.listen.pitch import ANALYSIS_RATE_HZ, track_pitch
from ensemble.listen.swing import STRAIGHT, find_swing
from ensemble.listen.understanding import INAUDIBLE_BELOW_PEAK_DB, understand
from ensemble.threads import one_thread
from ensemble.types import SILENCE_DB, AudioClip, Frames, Heard

CANCELLED = 0.05
"""Where the mean of the channels keeps less than this share of their power, they cancel: the loudest is heard."""


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
        frames = Frames(
            f0_hz=pitch.f0_hz,
            loudness_db=loudness,
            confidence=pitch.confidence,
            onset=onset,
            chroma=spectral / np.maximum(spectral.max(axis=0, keepdims=True), np.float32(1e-9)),
        )
        meant = understand(frames, beats.times_s, tuning_cents, follows_pitch=follows_pitch)
        return Heard(
            frames=frames,
            beats_s=beats.times_s,
            tempo_bpm=beats.tempo_bpm,
            beats_per_bar=meant.beats_per_bar,
            first_downbeat=meant.first_downbeat,
            key=meant.key,
            chords=meant.chords,
            tuning_cents=tuning_cents,
            warnings=doubts.warnings_of(evidence) + doubts.faintness(loudness),
            swing=find_swing(onset, beats.times_s) if beats.clarity >= MIN_CLARITY else STRAIGHT,
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
