"""What a few lines of a well-known library hear of a recording: the least that a listener must beat.

Beats by librosa, four in a bar from the first; the key by the correlation of the mean chroma with Krumhansl's
profiles; for each beat the major or minor triad whose template fits the chroma best.

Sources: Ellis, Beat Tracking by Dynamic Programming, JNMR 2007; Krumhansl, Cognitive Foundations of Musical Pitch,
1990, chapter 4; Fujishima, Realtime Chord Recognition of Musical Sound, ICMC 1999.
"""

from __future__ import annotations

import numpy as np

from ensemble.audio.sound import gathered, resampled
from ensemble.measure.annotations import Annotation, Times, tempo_of
from ensemble.types.harmony import PITCH_CLASSES
from ensemble.types.music import AudioClip, FloatArray

RATE_HZ = 22_050
HOP_SAMPLES = 512
METRE = 4
KRUMHANSL = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
TRIADS = {"maj": (0, 4, 7), "min": (0, 3, 7)}


def baseline(clip: AudioClip) -> Annotation:
    """Listen to a mono recording with librosa."""
    import librosa

    at_most = -(-clip.num_samples * RATE_HZ // clip.sample_rate)
    samples = gathered(resampled(clip.pieces(), clip.sample_rate, RATE_HZ), 1, at_most)[0]
    _, beats = librosa.beat.beat_track(y=samples, sr=RATE_HZ, hop_length=HOP_SAMPLES)
    beats_s = beats * HOP_SAMPLES / RATE_HZ
    chroma = librosa.feature.chroma_cqt(y=samples, sr=RATE_HZ, hop_length=HOP_SAMPLES)
    edges = np.concatenate([[0], beats[beats > 0], [chroma.shape[1]]])
    spans_s = np.stack([edges[:-1], edges[1:]], axis=1) * HOP_SAMPLES / RATE_HZ
    return Annotation(
        beats_s=beats_s,
        downbeats_s=beats_s[::METRE],
        tempo_bpm=tempo_of(beats_s),
        beats_per_bar=METRE,
        chord_spans_s=spans_s,
        chord_labels=tuple(_triad(part.sum(axis=1)) for part in np.split(chroma, edges[1:-1], axis=1)),
        key=_key(chroma.sum(axis=1)),
    )


def _key(chroma: FloatArray) -> str:
    fits = {
        f"{PITCH_CLASSES[tonic]} {mode}": _correlation(chroma, np.roll(profile, tonic))
        for mode, profile in KRUMHANSL.items()
        for tonic in range(12)
    }
    return max(fits, key=fits.__getitem__)


def _triad(chroma: FloatArray) -> str:
    fits = {
        f"{PITCH_CLASSES[root]}:{name}": float(chroma[[(root + tone) % 12 for tone in tones]].sum())
        for name, tones in TRIADS.items()
        for root in range(12)
    }
    return max(fits, key=fits.__getitem__) if chroma.any() else "N"


def _correlation(chroma: FloatArray, profile: Times) -> float:
    return float(np.corrcoef(chroma, profile)[0, 1]) if chroma.std() > 0 else 0.0
