"""The arranger's network on a CPU, one half beat at a time; `train.arranger.network` is the same in torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.arranger_file import ArrangerWeights
from ensemble.types.music import FloatArray

Floats = NDArray[np.float64]


class ArrangerNetwork:
    """A recurrent network and its two answers, in float64: sums that differ in the last bit must not decide.

    Args:
        arranger: its weights.
    """

    def __init__(self, arranger: ArrangerWeights) -> None:
        tensors = {name: tensor.astype(np.float64) for name, tensor in arranger.tensors.items()}
        self._read = tensors["read.weight"].T.copy(), tensors["read.bias"]
        self._from_input = tensors["memory.weight_ih_l0"].T.copy(), tensors["memory.bias_ih_l0"]
        self._from_memory = tensors["memory.weight_hh_l0"].T.copy(), tensors["memory.bias_hh_l0"]
        self._action = tensors["action.weight"].T.copy(), tensors["action.bias"]
        self._tone = tensors["tone.weight"].T.copy(), tensors["tone.bias"]

    def start(self) -> Floats:
        """Nothing played yet."""
        return np.zeros(self._from_memory[0].shape[0])

    def step(self, row: FloatArray, memory: Floats) -> tuple[Floats, Floats, Floats]:
        """Go on by half a beat.

        Args:
            row: see `context_of` and `memory_row`.  [NUM_INPUTS]
            memory: from the step before, or `start`.

        Returns:
            Logits of the actions [3] and of the tones [12], counted from the chord's root; and the memory.

        Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (2014), section 2.3.
        """
        read = np.tanh(_linear(row, self._read))
        reset, update, new = np.split(_linear(read, self._from_input), 3)
        reset_before, update_before, new_before = np.split(_linear(memory, self._from_memory), 3)
        keep = _sigmoid(update + update_before)
        fresh = np.tanh(new + _sigmoid(reset + reset_before) * new_before)
        memory = (1 - keep) * fresh + keep * memory
        return _linear(memory, self._action), _linear(memory, self._tone), memory


def _linear(row: Floats | FloatArray, layer: tuple[Floats, Floats]) -> Floats:
    answer: Floats = row @ layer[0] + layer[1]
    return answer


def _sigmoid(values: Floats) -> Floats:
    answer: Floats = 0.5 + 0.5 * np.tanh(0.5 * values)
    return answer
