"""The causal listener on a CPU, frame by frame; `train.listener.network` is the same in torch.

Every frame has products of the same shape, so that the answers do not depend on how the sound is cut into pieces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ensemble.clock import CONDUCTOR_RATE_HZ, FRAME_RATE_HZ
from ensemble.listen.causal_features import (
    AHEAD_SAMPLES,
    HOP_SAMPLES,
    LOWEST_MIDI,
    NUM_STEPS,
    PAST_SAMPLES,
    ROW_STEPS,
    STEPS_PER_SEMITONE,
    WINDOW_SAMPLES,
    features_of,
)  # fmt: skip
from ensemble.listen.causal_file import ListenerWeights
from ensemble.listen.chord_network import STEP_FRAMES
from ensemble.listen.harmony import TRIADS
from ensemble.threads import one_thread
from ensemble.types.harmony import CHORD_FORMS, NO_CHORD, Chord
from ensemble.types.music import FloatArray

FRAMES_PER_STEP = CONDUCTOR_RATE_HZ * STEP_FRAMES / FRAME_RATE_HZ
NUM_ROWS = 100
NO_BASS, NO_SEVENTH, NO_NINTH, NO_ELEVENTH, NO_THIRTEENTH = 73, 86, 90, 94, 97
"""Rows of `chord_network.chord_probability`."""
_TRIAD_OF = {form.intervals: quality for quality, form in CHORD_FORMS.items() if quality in TRIADS}


class ListeningState(NamedTuple):
    """All that the listener carries from one piece of sound to the next."""

    waiting: FloatArray
    """The last samples, from where the next frame's window begins.  [samples]"""
    harmony: FloatArray
    """What is remembered above each root.  [12, hidden]"""
    rhythm: FloatArray
    """What is remembered of the rhythm.  [1, hidden]"""


class Activations(NamedTuple):
    """What is heard, 25 frames a second; frame i is what is true at i * 40 ms."""

    chords: FloatArray
    """Probability of each of `CausalListener.chords`.  [frames, chords]"""
    beats: FloatArray
    """Probability of a beat.  [frames]"""
    downbeats: FloatArray
    """Probability of a beat that opens a bar.  [frames]"""


class CausalListener:
    """Hears chords, beats and downbeats while they sound, at most 128 ms late.

    Args:
        listener: its weights.

    Attributes:
        chords: what its chord probabilities are of.
    """

    def __init__(self, listener: ListenerWeights) -> None:
        self._hidden = listener.card.hidden
        self._tensors = {
            name: np.ascontiguousarray(tensor.T) if tensor.ndim == 2 else tensor
            for name, tensor in listener.tensors.items()
        }
        roots = [(LOWEST_MIDI + row) % 12 for row in range(12)]
        self.chords: tuple[Chord, ...] = (
            *(Chord(root=root, quality=quality) for root in roots for quality in listener.card.qualities), NO_CHORD
        )  # fmt: skip

    def start(self) -> ListeningState:
        """Nothing heard yet."""
        memory = np.zeros((12, self._hidden), np.float32)
        return ListeningState(np.zeros(PAST_SAMPLES, np.float32), memory, memory[:1])

    @one_thread()
    def hear(self, samples: FloatArray, state: ListeningState) -> tuple[Activations, ListeningState]:
        """Go on listening.

        Args:
            samples: what sounds next, any number, at 16 kHz.  [samples]
            state: from the call before, or `start`.

        Returns:
            The frames that are known by now, and the state.
        """
        sound = np.concatenate([state.waiting, samples])
        num_frames = max((len(sound) - WINDOW_SAMPLES) // HOP_SAMPLES + 1, 0)
        chords = np.empty((num_frames, len(self.chords)), np.float32)
        pulse = np.empty((num_frames, 2), np.float32)
        harmony, rhythm = state.harmony, state.rhythm
        for frame in range(num_frames):
            window = sound[None, frame * HOP_SAMPLES : frame * HOP_SAMPLES + WINDOW_SAMPLES]
            chords[frame], pulse[frame], harmony, rhythm = self._step(features_of(window)[0], harmony, rhythm)
        heard = Activations(chords, pulse[:, 0].copy(), pulse[:, 1].copy())
        return heard, ListeningState(sound[num_frames * HOP_SAMPLES :].copy(), harmony, rhythm)

    def hear_whole(self, samples: FloatArray) -> Activations:
        """Hear a recording to its end, with silence after it.

        Args:
            samples: at 16 kHz.  [samples]
        """
        num_frames = -(-len(samples) * CONDUCTOR_RATE_HZ // (CONDUCTOR_RATE_HZ * HOP_SAMPLES))
        missing = max((num_frames - 1) * HOP_SAMPLES + AHEAD_SAMPLES - len(samples), 0)
        heard, _ = self.hear(np.concatenate([samples, np.zeros(missing, np.float32)]), self.start())
        return heard

    def chord_probability(self, samples: FloatArray, sample_rate: int, tuning_cents: float) -> FloatArray:
        """What `chord_network.chord_probability` says, in its rows, by this network; it knows no bass and no ninth.

        Args:
            samples: [samples], at 16 kHz.
            sample_rate: 16,000 Hz.
            tuning_cents: is not needed.
        """
        del sample_rate, tuning_cents
        heard = self.hear_whole(samples).chords
        num_frames = len(heard)
        rows = np.zeros((num_frames, NUM_ROWS))
        rows[:, [NO_BASS, NO_NINTH, NO_ELEVENTH, NO_THIRTEENTH]] = 1.0
        for chord, share in zip(self.chords, heard.T, strict=True):
            intervals = () if chord.quality == "none" else chord.form.intervals
            seventh = {11: 1, 10: 2, 9: 3}.get(intervals[-1], 0) if intervals else 0
            triad = 1 + 12 * TRIADS.index(_TRIAD_OF.get(intervals[:3], "maj")) + chord.root if intervals else 0
            rows[:, triad] += share
            rows[:, NO_SEVENTH + seventh] += share
        edges = np.minimum(np.arange(0.0, num_frames + FRAMES_PER_STEP, FRAMES_PER_STEP), num_frames)
        edges = edges[: np.searchsorted(edges, num_frames) + 1]
        summed = np.concatenate([np.zeros((1, NUM_ROWS)), np.cumsum(rows, axis=0)])
        at_edges = np.stack([np.interp(edges, np.arange(num_frames + 1), column) for column in summed.T])
        mean: FloatArray = (np.diff(at_edges, axis=1) / np.diff(edges)).astype(np.float32)
        return np.ascontiguousarray(mean)

    def _step(
        self, features: FloatArray, harmony: FloatArray, rhythm: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        rows = np.lib.stride_tricks.sliding_window_view(features[:NUM_STEPS], ROW_STEPS)[::STEPS_PER_SEMITONE]
        harmony = self._remember("harmony", np.tanh(self._linear("read", np.ascontiguousarray(rows))), harmony)
        together = harmony.mean(axis=0, keepdims=True)
        level_and_rises = features[None, NUM_STEPS:]
        none = self._linear("no_chord", np.concatenate([together, level_and_rises[:, :1]], axis=1))
        answer = np.append(self._linear("quality", harmony), none)
        struck = np.tanh(self._linear("read_rhythm", np.concatenate([together, level_and_rises], axis=1)))
        rhythm = self._remember("rhythm", struck, rhythm)
        shares = np.exp(answer - answer.max())
        return shares / shares.sum(), _sigmoid(self._linear("beat", rhythm))[0], harmony, rhythm

    def _remember(self, name: str, read: FloatArray, memory: FloatArray) -> FloatArray:
        """One step of a gated recurrent unit.  [rows, hidden]

        Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (2014), section 2.3.
        """
        reset, update, new = np.split(self._linear(name, read, "_ih_l0"), 3, axis=1)
        reset_before, update_before, new_before = np.split(self._linear(name, memory, "_hh_l0"), 3, axis=1)
        keep = _sigmoid(update + update_before)
        fresh = np.tanh(new + _sigmoid(reset + reset_before) * new_before)
        remembered: FloatArray = (1 - keep) * fresh + keep * memory
        return remembered

    def _linear(self, name: str, rows: FloatArray, layer: str = "") -> FloatArray:
        answer: FloatArray = rows @ self._tensors[f"{name}.weight{layer}"] + self._tensors[f"{name}.bias{layer}"]
        return answer


def _sigmoid(values: FloatArray) -> FloatArray:
    answer: FloatArray = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * values)
    return answer
