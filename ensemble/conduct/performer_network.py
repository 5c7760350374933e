"""A performer's network on a CPU; `train.performer.network` is the same in torch.

Every product has the same shape however long a piece is that is computed at once, so that pieces do not show.

Source: figures of a note that a network foretells, and curves that it makes of them, as in Wu et al., MIDI-DDSP (ICLR
2022), section 3; gated recurrent units as in Cho et al. (2014), section 2.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.performer_file import GRID, NUM_MANNER, VIBRATO_HZ, PerformerWeights
from ensemble.conduct.performer_inputs import NUM_CONTEXT

Floats = NDArray[np.float64]

LEVEL_DB, BEND_CENTS, DEPTH_CENTS = 10.0, 10.0, 10.0
"""What the network counts in."""
LEAST_LOG, MOST_LOG = -5.0, 1.5
"""Between them lie the logarithms of what is drawn from."""
WIDEST = 2.5
"""No figure of a note lies further out, in standard deviations."""


class PerformerNetwork:
    """Foretells how a note is played, and then its curves, in float64.

    Args:
        performer: its weights.
    """

    def __init__(self, performer: PerformerWeights) -> None:
        tensors = {name: tensor.astype(np.float64) for name, tensor in performer.tensors.items()}
        self._read, self._mean, self._spread, self._curves = (
            (tensors[f"{name}.weight"].T.copy(), tensors[f"{name}.bias"])
            for name in ("read", "mean", "spread", "curves")
        )
        self._after = np.tril(tensors["after"], -1)
        self._quantiles = tensors["quantiles"]
        of_note, of_frame = np.split(tensors["memory.weight_ih_l0"].T, [NUM_CONTEXT + NUM_MANNER])
        self._of_note = of_note.copy(), tensors["memory.bias_ih_l0"]
        self._of_frame = of_frame.copy()
        self._of_memory = tensors["memory.weight_hh_l0"].T.copy(), tensors["memory.bias_hh_l0"]
        self.keep = 1.0 / (1.0 + np.exp(-tensors["keep"]))
        """How smoothly level and bend stray: the poles, twice each, of a filter of noise.  [2]"""
        self.fresh = np.sqrt((1.0 - self.keep**2) ** 3 / (1.0 + self.keep**2))
        """How much new noise enters in each frame, so that the deviation is 1.  [2]"""
        self.hidden = len(self._of_memory[0])
        """Width of the memory."""

    def manner(self, context: Floats, normal: Floats) -> Floats:
        """How a note is played, in standard deviations.

        Args:
            context: see `note_context`.  [NUM_CONTEXT]
            normal: normal random numbers; 0 gives the mean.  [NUM_MANNER]

        Returns:
            [NUM_MANNER]
        """
        read = np.tanh(_linear(context, self._read))
        own = _linear(read, self._mean) + np.exp(np.clip(_linear(read, self._spread), LEAST_LOG, MOST_LOG)) * normal
        manner = np.zeros(NUM_MANNER)
        for at in range(NUM_MANNER):  # every figure depends on those before it
            manner[at] = own[at] + float(self._after[at] @ manner)
        return np.clip(manner, -WIDEST, WIDEST)

    def vibrato_hz(self, manner: Floats) -> float:
        """The rate of a note's vibrato."""
        return float(np.interp(manner[VIBRATO_HZ], GRID, self._quantiles[VIBRATO_HZ]))

    def note_gates(self, context: Floats, manner: Floats) -> Floats:
        """What a note adds to the gates in each of its frames.  [3 * hidden]"""
        return _linear(np.concatenate([context, manner]), self._of_note)

    def step(self, gates: Floats, progress: Floats, memory: Floats) -> tuple[Floats, Floats]:
        """Go on by a frame.

        Args:
            gates: what each voice's note adds.  [voices, 3 * hidden]
            progress: see there.  [voices, NUM_PROGRESS]
            memory: from the frame before; 0 where a note begins.  [voices, hidden]

        Returns:
            level (dB), bend (cents), depth of the vibrato (cents), how far level and bend stray [voices, 5]; memory.
        """
        width = self.hidden
        given, kept = gates + progress @ self._of_frame, _linear(memory, self._of_memory)
        reset, update = np.split(_sigmoid(given[:, : 2 * width] + kept[:, : 2 * width]), 2, axis=1)
        fresh = np.tanh(given[:, 2 * width :] + reset * kept[:, 2 * width :])
        memory = fresh + update * (memory - fresh)
        return _linear(memory, self._curves), memory


def _linear(row: Floats, layer: tuple[Floats, Floats]) -> Floats:
    answer: Floats = row @ layer[0] + layer[1]
    return answer


def _sigmoid(values: Floats) -> Floats:
    answer: Floats = 0.5 + 0.5 * np.tanh(0.5 * values)
    return answer
