"""Base class of players: whatever blocks are asked for, sound is made in quanta, counted from frame 0.

Frame i lies at sample i * hop, and sound is interpolated from frame i to frame i + 1. So the sound of a quantum goes
from the last frame of the quantum before to its own last frame. That earlier frame is kept as the first of
`PlayerState.pending`. Before frame 0 a copy of it is used, and the sound of that hop is cut off; at the end the last
frame is repeated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Protocol

import numpy as np

from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.types.music import AudioClip, Cue, FloatArray, Hit, PlayerState, Stem

Memory = dict[str, np.ndarray]


class Player(Protocol):
    """Plays one part. Its state is passed in and returned, so a block that is played again gives the same bytes."""

    def start(self) -> PlayerState:
        """The state before frame 0."""

    def play(self, cue: Cue, state: PlayerState) -> tuple[Stem, PlayerState]:
        """Play one block.

        Args:
            cue: the block; it begins where the previous one ended.
            state: the state after the previous block; is not changed.

        Returns:
            The sound of all quanta that are full (of all frames, for the last cue), and the state after it.
        """


class QuantumPlayer(ABC):
    """Cuts cues into quanta, and joins their sound into stems; a subclass makes the sound of one quantum."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.hop = hop_samples(sample_rate)

    def start(self) -> PlayerState:
        """The state before frame 0."""
        return PlayerState()

    def play(self, cue: Cue, state: PlayerState) -> tuple[Stem, PlayerState]:
        """See `Player.play`.

        Raises:
            ValueError: the cue does not begin where the state ends.
        """
        if state.pending is None and cue.num_frames == 0:
            return self._stem(cue.part, state.next_sample, np.zeros(0, np.float32)), state
        waiting = _followed(state.pending, cue)
        memory, ringing = state.memory, state.ringing
        first_sample = waiting.start_frame * self.hop
        pieces = [np.zeros(0, np.float32)]
        quantum = cue.quantum_frames
        while waiting.num_frames > quantum:
            samples, memory, ringing = self._quantum(_cut(waiting, 0, quantum + 1), memory, ringing)
            waiting = _cut(waiting, quantum, waiting.num_frames)
            pieces.append(samples)
        if cue.is_last:
            samples, memory, ringing = self._quantum(_held(waiting), memory, ringing)
            pieces.append(samples)

        stop_frame = cue.start_frame + cue.num_frames if cue.is_last else waiting.start_frame
        stop_sample = max(stop_frame * self.hop, state.next_sample)
        sounded = np.concatenate(pieces)[state.next_sample - first_sample : stop_sample - first_sample]
        stem = self._stem(cue.part, state.next_sample, sounded)
        if cue.is_last:
            return stem, PlayerState(next_sample=stop_sample)
        return stem, PlayerState(next_sample=stop_sample, pending=waiting, memory=memory, ringing=ringing)

    def _stem(self, part: str, start_sample: int, samples: FloatArray) -> Stem:
        clip = AudioClip(samples=samples[None], sample_rate=self.sample_rate)
        return Stem(part=part, start_sample=start_sample, clip=clip)

    @abstractmethod
    def _quantum(
        self, cue: Cue, memory: Memory, ringing: tuple[Hit, ...]
    ) -> tuple[FloatArray, Memory, tuple[Hit, ...]]:
        """Make the sound of the intervals between the frames of a quantum and the one before it.

        Args:
            cue: the frame before the quantum and its own; the strokes are those in the quantum.
            memory: the memory after the previous quantum, empty at first; is not changed.
            ringing: the strokes that still sounded then.

        Returns:
            samples [quantum_frames * hop], from the cue's first frame to its last; memory and sounding strokes after
            the quantum.
        """


def _followed(pending: Cue | None, cue: Cue) -> Cue:
    """The pending frames followed by the cue's; before frame 0, a copy of it is pending."""
    if pending is None:
        pending = replace(_cut(cue, 0, 1), start_frame=-1, hits=())
    expected = pending.start_frame + pending.num_frames
    if cue.start_frame != expected:
        raise ValueError(f"{cue.part}: the cue begins at frame {cue.start_frame}, the player waits for {expected}")
    return Cue(
        part=cue.part,
        start_frame=pending.start_frame,
        f0_hz=np.concatenate([pending.f0_hz, cue.f0_hz], axis=1),
        level_db=np.concatenate([pending.level_db, cue.level_db], axis=1),
        loudness_db=np.concatenate([pending.loudness_db, cue.loudness_db]),
        hits=pending.hits + cue.hits,
        quantum_frames=cue.quantum_frames,
    )


def _cut(cue: Cue, begin: int, end: int) -> Cue:
    """Columns `begin` to `end` of a cue, with the strokes of all but the first, which only serves to join the sound."""
    first, last = cue.start_frame + begin + 1, cue.start_frame + end
    return Cue(
        part=cue.part,
        start_frame=cue.start_frame + begin,
        f0_hz=cue.f0_hz[:, begin:end].copy(),
        level_db=cue.level_db[:, begin:end].copy(),
        loudness_db=cue.loudness_db[begin:end].copy(),
        hits=tuple(hit for hit in cue.hits if first <= hit.time_s * FRAME_RATE_HZ < last),
        quantum_frames=cue.quantum_frames,
    )


def _held(cue: Cue) -> Cue:
    """The frames that are left at the end, with the last one repeated until the quantum is full."""
    missing = cue.quantum_frames + 1 - cue.num_frames
    return replace(
        cue,
        f0_hz=np.pad(cue.f0_hz, ((0, 0), (0, missing)), mode="edge"),
        level_db=np.pad(cue.level_db, ((0, 0), (0, missing)), mode="edge"),
        loudness_db=np.pad(cue.loudness_db, (0, missing), mode="edge"),
    )
