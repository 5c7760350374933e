"""Runs a trained conductor over a whole leader at once: for evaluation, and to predict strokes for drum parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.conductor_features import conductor_frame_of, sixteenths_s
from ensemble.conduct.conductor_file import ConductorWeights, follower_ids
from ensemble.conduct.conductor_network import ConductorNetwork, Prediction
from ensemble.conduct.dynamics import QUANTUM_CONDUCTOR_FRAMES, ForetoldStrokes
from ensemble.types.music import DRUM_CLASSES, FloatArray, Heard


def foretell(conductor: ConductorWeights, ids: NDArray[np.int64], features: FloatArray) -> Prediction:
    """Predict every conductor frame.

    Args:
        conductor: the weights.
        ids: numbers of the followers' families, instruments and roles; see `follower_ids`.  [followers, 3]
        features: see `conductor_features`; whole quanta.  [rows, conductor frames]

    Returns:
        The prediction for every conductor frame, as `ConductorNetwork.step` returns it for a quantum.
    """
    network = ConductorNetwork(conductor, ids)
    memory = network.start()
    quanta = []
    for start in range(0, features.shape[1], QUANTUM_CONDUCTOR_FRAMES):
        prediction, memory = network.step(features[:, start : start + QUANTUM_CONDUCTOR_FRAMES], memory)
        quanta.append(prediction)
    return Prediction(*(np.concatenate(pieces, axis=1) for pieces in zip(*quanta, strict=True)))


def foretell_strokes(
    conductor: ConductorWeights, heard: Heard, num_frames: int, features: FloatArray
) -> ForetoldStrokes:
    """Predict the strokes of drums on every sixteenth; empty where no beats are heard.

    Args:
        conductor: the weights.
        heard: the leader.
        num_frames: control frames of the performance.
        features: of the leader; see `conductor_features`.  [rows, conductor frames]
    """
    time_s = sixteenths_s(heard.beats_s, num_frames / FRAME_RATE_HZ)
    if not len(time_s):
        nothing = np.zeros((0, len(DRUM_CLASSES)), np.float32)
        return ForetoldStrokes(time_s=time_s, probability=nothing, velocity=nothing)
    answer = foretell(conductor, follower_ids(conductor.card, "drums", "drums")[None], features)
    frame = np.minimum(conductor_frame_of(time_s), features.shape[1] - 1)
    return ForetoldStrokes(time_s=time_s, probability=answer.probability[0, frame], velocity=answer.velocity[0, frame])
