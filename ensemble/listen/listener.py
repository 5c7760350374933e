"""Listening: from a recording to what the ensemble understands of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ensemble.audio.sound import Sound, gathered, mean_of_channels, resampled
from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen import chroma, diagnostics
from ensemble.listen.beats import MIN_CLARITY, track_beats
from ensemble.listen.chord_network import chord_probability
from ensemble.listen.doubts import with_doubts
from ensemble.listen.limits import find_hum, without_hum
from ensemble.listen.loudness import loudness_db
from ensemble.listen.onsets import onset_strength
from ensemble.listen.overrides import Overrides, with_overrides
from ensemble.listen.pitch import ANALYSIS_RATE_HZ, track_pitch
from ensemble.listen.pulse import hear_pulse
from ensemble.listen.swing import STRAIGHT, find_swing
from ensemble.listen.understanding import INAUDIBLE_BELOW_PEAK_DB, understand
from ensemble.threads import one_thread
from ensemble.types.music import SILENCE_DB, AudioClip, FloatArray, Frames, Heard

AskChords = Callable[[FloatArray, int, float], FloatArray]
Resample = Callable[[Iterable[FloatArray], int, int], Iterator[FloatArray]]

LISTENING_VERSION = 7
"""Counted up when the same recording is understood otherwise, so that results kept on disk are made anew."""
NO_OVERRIDES = Overrides()
CANCELLED = 0.05
"""Where the mean of the channels keeps less than this share of their power, they cancel: the loudest is used."""


class Listener:
    """Hears a leader. Holds nothing: the same clip is heard the same way in any process, on any number of threads.

    Args:
        ask_chords: gives what `chord_network.chord_probability` does, by another network.
    """

    def __init__(self, ask_chords: AskChords | None = None) -> None:
        self._ask_chords = ask_chords

    @one_thread()
    def listen(self, clip: AudioClip, overrides: Overrides = NO_OVERRIDES) -> Heard:
        """Follow pitch, loudness, onsets, beats and harmony.

        Frame i describes the sound around i / 100 s; there are as many as cover the clip.

        Args:
            clip: at any rate, with any number of channels; half a second is enough.
            overrides: what the player says of it, in place of what is heard.
        """
        num_frames = -(-clip.num_samples * FRAME_RATE_HZ // clip.sample_rate)
        samples = at_analysis_rate(clip).samples[0]
        loudness = loudness_db(samples, ANALYSIS_RATE_HZ, num_frames)
        onset = onset_strength(samples, ANALYSIS_RATE_HZ, num_frames)
        followed = track_pitch(samples, num_frames)
        hum = find_hum(followed.f0_hz, loudness)
        pitch = without_hum(followed, hum)
        pulse = hear_pulse(samples, ANALYSIS_RATE_HZ, num_frames)
        beats = track_beats(onset, clip.duration_s, pulse)
        of_peaks = chroma.tuning_of_peaks(samples, ANALYSIS_RATE_HZ, num_frames) or 0.0
        said = (self._ask_chords or chord_probability)(samples, ANALYSIS_RATE_HZ, of_peaks)
        evidence = diagnostics.measure_evidence(
            samples, ANALYSIS_RATE_HZ, pitch.f0_hz, loudness, clarity=beats.clarity, no_chord=said[0],
            hum_hz=hum.frequency_hz if hum else None,
        )  # fmt: skip
        follows_pitch = not (evidence.is_polyphonic or evidence.is_noisy or evidence.is_too_high)
        # Whole recording: what is noise, what is too quiet to have a chroma, and the tuning.
        if not evidence.is_noisy:
            loudness[evidence.is_hiss] = SILENCE_DB
        if hum is not None:
            loudness[hum.is_alone] = SILENCE_DB

        centre_hz = chroma.centre_pitch(pitch.f0_hz)
        of_pitch = chroma.tuning_of_pitch(centre_hz, pitch.confidence) if follows_pitch else None
        tuning_cents = of_peaks if of_pitch is None else of_pitch
        spectral = chroma.spectral_chroma(samples, ANALYSIS_RATE_HZ, num_frames, tuning_cents)
        spectral *= loudness > max(SILENCE_DB, float(loudness.max()) - INAUDIBLE_BELOW_PEAK_DB)
        frames = Frames(
            f0_hz=pitch.f0_hz,
            loudness_db=loudness,
            confidence=pitch.confidence,
            onset=onset,
            chroma=spectral / np.maximum(spectral.max(axis=0, keepdims=True), np.float32(1e-9)),
            pulse=pulse,
        )
        found = understand(
            frames, beats.times_s, tuning_cents, follows_pitch=follows_pitch, chord_probability=said,
            beat_confidence=beats.confidence,
        )  # fmt: skip
        heard = Heard(
            frames=frames,
            beats_s=beats.times_s,
            tempo_bpm=beats.tempo_bpm,
            tempo_confidence=beats.tempo_confidence,
            second_tempo_bpm=beats.second_tempo_bpm,
            beat_confidence=beats.confidence,
            tuning_cents=tuning_cents,
            diagnostics=diagnostics.diagnose(evidence, loudness),
            chord_probability=said,
            swing=find_swing(onset, beats.times_s) if beats.clarity >= MIN_CLARITY else STRAIGHT,
            **found.fields,
        )
        return with_overrides(with_doubts(heard), overrides)


def at_analysis_rate(sound: Sound, resample: Resample = resampled) -> AudioClip:
    """A sound as it is listened to: one channel at 16 kHz. Half an hour of it is small enough to be sent.

    Listening to the result, or to the sound itself if it lasts whole control frames, gives the same.

    Args:
        sound: of at least 16 kHz.
        resample: in what way; see `resampled`.
    """
    if isinstance(sound, AudioClip) and (sound.num_channels, sound.sample_rate) == (1, ANALYSIS_RATE_HZ):
        return sound
    loudest = _loudest_where_they_cancel(sound) if sound.num_channels > 1 else None
    heard = (mean_of_channels(piece) if loudest is None else piece[loudest : loudest + 1] for piece in sound.pieces())
    at_most = -(-sound.num_samples * ANALYSIS_RATE_HZ // sound.sample_rate)
    samples = gathered(resample(heard, sound.sample_rate, ANALYSIS_RATE_HZ), 1, at_most)
    return AudioClip(samples=samples, sample_rate=ANALYSIS_RATE_HZ)


def _loudest_where_they_cancel(sound: Sound) -> int | None:
    """The loudest channel where the mean of all loses their power; None where it does not."""
    of_mean, of_channels = 0.0, np.zeros(sound.num_channels)
    for piece in sound.pieces():
        of_mean += float(np.square(mean_of_channels(piece), dtype=np.float64).sum())
        of_channels += np.square(piece, dtype=np.float64).sum(axis=1)
    return int(np.argmax(of_channels)) if of_mean < CANCELLED * of_channels.mean() else None
