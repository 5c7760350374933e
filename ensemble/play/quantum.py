"""The grid under every player: whatever block is asked for, sound is made 20 frames at a time, aligned to frame 0.

Frame i sits at sample i * hop and is joined to frame i + 1, so a quantum of 20 frames sounds from the last frame of
the one before to its own last frame. That earlier frame waits as the first of `PlayerState.pending`; before the start
it is a copy of frame 0, whose hop is cut away, and at the end the last frame is held.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Protocol

import numpy as np

from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES, hop_samples
from ensemble.types.music import AudioClip, Cue, FloatArray, Hit, PlayerState, Stem

Memory = dict[str, np.ndarray]


class Player(Protocol):
    """One part's musician: pure, so that a block played again gives the same bytes."""

    def start(self) -> PlayerState:
        """The state before frame 0."""

    def play(self, cue: Cue, state: PlayerState) -> tuple[Stem, PlayerState]:
        """Play one block.

        Args:
            cue: the block; it begins where the one before ended.
            state: what that one returned; is not changed.

        Returns:
            What can be sounded so far (all that is left, where the cue is the last), and the state after it.
        """


class QuantumPlayer(ABC):
    """Cuts cues into quanta and the sound of quanta into stems; what a quantum sounds like is the subclass's matter."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.hop = hop_samples(sample_rate)

    def start(self) -> PlayerState:
        """The state before frame 0."""
        return PlayerState()

    def play(self, cue: Cue, state: PlayerState) -> tuple[Stem, PlayerState]:
        """See `Player.play`.

        Raises:
            ValueError: the cue does not begin at the frame the state waits for.
        """
        if state.pending is None and cue.num_frames == 0:
            return self._stem(cue.part, state.next_sample, np.zeros(0, np.float32)), state
        waiting = _followed(state.pending, cue)
        memory, ringing = state.memory, state.ringing
        first_sample = waiting.start_frame * self.hop
        pieces = [np.zeros(0, np.float32)]
        while waiting.num_frames > QUANTUM_FRAMES:
            samples, memory, ringing = self._quantum(_cut(waiting, 0, QUANTUM_FRAMES + 1), memory, ringing)
            waiting = _cut(waiting, QUANTUM_FRAMES, waiting.num_frames)
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
        """Sound the 20 intervals between 21 frames.

        Args:
            cue: the frame before the quantum, and its 20; the strokes are those in the 20.
            memory: as the quantum before left it (empty at first); is not changed.
            ringing: the strokes that still sounded then.

        Returns:
            samples [20 * hop], from the cue's first frame to its last; memory and strokes for the next quantum.
        """


def _followed(pending: Cue | None, cue: Cue) -> Cue:
    """The frames that wait, then the cue's; before frame 0, a copy of it."""
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
    )


def _cut(cue: Cue, begin: int, end: int) -> Cue:
    """Columns `begin` to `end` of a cue, and the strokes after the first of them, which is there for its frame only."""
    first, last = cue.start_frame + begin + 1, cue.start_frame + end
    return Cue(
        part=cue.part,
        start_frame=cue.start_frame + begin,
        f0_hz=cue.f0_hz[:, begin:end].copy(),
        level_db=cue.level_db[:, begin:end].copy(),
        loudness_db=cue.loudness_db[begin:end].copy(),
        hits=tuple(hit for hit in cue.hits if first <= hit.time_s * FRAME_RATE_HZ < last),
    )


def _held(cue: Cue) -> Cue:
    """The frames that wait at the end, and the last of them until the quantum is full."""
    missing = QUANTUM_FRAMES + 1 - cue.num_frames
    return replace(
        cue,
        f0_hz=np.pad(cue.f0_hz, ((0, 0), (0, missing)), mode="edge"),
        level_db=np.pad(cue.level_db, ((0, 0), (0, missing)), mode="edge"),
        loudness_db=np.pad(cue.loudness_db, (0, missing), mode="edge"),
    )
