"""The conductor: writes the parts once, then gives out dynamics and cues, block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES, Block
from ensemble.conduct.dynamics import (
    QUANTUM_CONDUCTOR_FRAMES,
    DynamicsModel,
    to_control_rate,
)
from ensemble.conduct.fork import fork_frame
from ensemble.conduct.models import arranger_of, dynamics_of
from ensemble.conduct.parts import write_parts
from ensemble.config import BandSettings
from ensemble.types.music import SILENCE_DB, ConductorState, Cue, Dynamics, FloatArray, Heard, Hit, Hits, Part, Score

Parts = tuple[Part | Hits, ...]
MAX_PERFORMANCES = 17
"""That are kept: a leader as recorded, and as many ways of going on as may be asked for."""


class _Performance:
    """What follows from one leader and one length alone: parts, features, and where the strokes lie."""

    def __init__(self, heard: Heard, num_frames: int, parts: Parts, features: FloatArray) -> None:
        self.parts = parts
        self.num_frames = num_frames
        self.features = features
        self.stroke_frames = {
            part.name: np.array([hit.time_s * FRAME_RATE_HZ for hit in part.hits], np.float64)
            for part in parts
            if isinstance(part, Hits)
        }
        self.leader_db = np.full(num_frames, SILENCE_DB, np.float32)
        length = min(num_frames, heard.frames.num_frames)
        self.leader_db[:length] = heard.frames.loudness_db[:length]


class Conductor:
    """One band's conductor. It keeps what it wrote for the last leaders, and nothing that a restart would miss.

    Args:
        band: its followers, in the order of the parts and of the dynamics' rows.
        seed: of what chance decides in the parts; see `write_parts`.
        model: of the dynamics; the one that the band names when absent.
    """

    def __init__(self, band: BandSettings, seed: int, model: DynamicsModel | None = None) -> None:
        self._followers = band.followers
        self._seed = seed
        self._model = model or dynamics_of(band)
        self._arranger = arranger_of(band)
        self._has_drummer = any(follower.role == "drums" for follower in band.followers)
        self._names = tuple(follower.name for follower in band.followers)
        self._performances: dict[tuple[str, int], _Performance] = {}
        self._digests: list[tuple[Heard, str]] = []

    def start(self) -> ConductorState:
        """The state before frame 0."""
        return ConductorState(memory=self._model.start())

    def parts(self, heard: Heard, num_frames: int) -> Parts:
        """Every follower's part, in the band's order; see `write_parts`."""
        return self._perform(heard, num_frames).parts

    def conduct(
        self, heard: Heard, num_frames: int, block: Block, state: ConductorState
    ) -> tuple[Score, ConductorState]:
        """Conduct one block.

        Args:
            heard: the leader.
            num_frames: of the whole performance, tail included.
            block: the frames to conduct; it begins where the last one ended.
            state: as the last block, or `start`, gave it.

        Returns:
            The score of the block, one cue per follower; and the state for the next block.

        Raises:
            ValueError: the block does not begin where the state ends, or leaves the performance.
        """
        begins = state.next_frame if state.surplus is None else state.surplus.start_frame
        if block.start_frame != begins or not block.start_frame <= block.stop_frame <= num_frames:
            raise ValueError(f"block {block} does not go on from frame {begins} of {num_frames}")
        performance = self._perform(heard, num_frames)
        dynamics, after = self._dynamics(performance, block, state)
        cues = tuple(self._cue(performance, part, dynamics, block) for part in performance.parts)
        return Score(dynamics=dynamics, cues=cues), after

    def fork(self, leaders: Sequence[tuple[Heard, int]]) -> int:
        """Up to which frame all these leaders (and their performances' lengths) are played alike; see `fork_frame`."""
        return fork_frame([self._perform(heard, num_frames) for heard, num_frames in leaders])

    def _perform(self, heard: Heard, num_frames: int) -> _Performance:
        """Write for this leader, or find what was written for it: the same object, or another of equal content."""
        key = (self._digest(heard), num_frames)
        if key not in self._performances:
            features = self._model.features(heard, num_frames)
            foretold = self._model.strokes(heard, num_frames, features) if self._has_drummer else None
            parts = write_parts(heard, self._followers, num_frames, self._seed, self._arranger, foretold)
            if len(self._performances) == MAX_PERFORMANCES:
                del self._performances[next(iter(self._performances))]
            self._performances[key] = _Performance(heard, num_frames, parts, features)
        return self._performances[key]

    def _digest(self, heard: Heard) -> str:
        """Hashing half an hour takes longer than conducting a block: the last few leaders are known by sight."""
        for known, digest in self._digests:
            if known is heard:
                return digest
        digest = _digest(heard)
        self._digests = [(heard, digest), *self._digests[: MAX_PERFORMANCES - 1]]
        return digest

    def _dynamics(
        self, performance: _Performance, block: Block, state: ConductorState
    ) -> tuple[Dynamics, ConductorState]:
        """Run as many quanta as the block still needs; keep what is left over."""
        memory = state.memory
        next_frame = state.next_frame
        rows: list[FloatArray] = []
        if state.surplus is not None:
            kept = state.surplus
            rows.append(np.stack([kept.loudness_db, kept.low_db, kept.high_db]))
        while next_frame < block.stop_frame:
            quantum, memory = self._quantum(performance, next_frame, memory)
            rows.append(quantum)
            next_frame += QUANTUM_FRAMES
        empty = np.zeros((3, len(self._names), 0), np.float32)
        curves = np.concatenate([empty, *rows], axis=2)
        left = curves[:, :, block.num_frames :]
        surplus = self._as_dynamics(block.stop_frame, left) if left.shape[2] and not block.is_last else None
        after = ConductorState(next_frame=next_frame, memory=memory, surplus=surplus)
        return self._as_dynamics(block.start_frame, curves[:, :, : block.num_frames]), after

    def _quantum(
        self, performance: _Performance, start_frame: int, memory: dict[str, np.ndarray]
    ) -> tuple[FloatArray, dict[str, np.ndarray]]:
        """One quantum of the model at 100 Hz; a transformed line has the leader's own loudness.  [3, parts, 20]"""
        first = start_frame // QUANTUM_FRAMES * QUANTUM_CONDUCTOR_FRAMES
        features = performance.features[:, first : first + QUANTUM_CONDUCTOR_FRAMES]
        model_memory = {name: value for name, value in memory.items() if name != "line"}
        predicted, after = self._model.predict(features, model_memory)
        values = np.concatenate(predicted)
        lines = to_control_rate(memory.get("line", values[:, 0]), values)
        curves = lines.reshape(3, len(self._names), QUANTUM_FRAMES)
        for row, follower in enumerate(self._followers):
            if follower.role == "transform":
                exact = performance.leader_db[start_frame : start_frame + QUANTUM_FRAMES]
                curves[:, row, : len(exact)] = exact
        return curves, {**after, "line": values[:, -1]}

    def _as_dynamics(self, start_frame: int, curves: FloatArray) -> Dynamics:
        loudness, low, high = (np.ascontiguousarray(curve) for curve in curves)
        return Dynamics(start_frame=start_frame, parts=self._names, loudness_db=loudness, low_db=low, high_db=high)

    def _cue(self, performance: _Performance, part: Part | Hits, dynamics: Dynamics, block: Block) -> Cue:
        """One follower's slice of its part and of the dynamics."""
        inside = slice(block.start_frame, block.stop_frame)
        f0_hz = level_db = np.zeros((0, block.num_frames), np.float32)
        hits: tuple[Hit, ...] = ()
        if isinstance(part, Hits):
            first, last = np.searchsorted(performance.stroke_frames[part.name], [inside.start, inside.stop])
            hits = part.hits[first:last]
        else:
            f0_hz, level_db = (np.ascontiguousarray(curve[:, inside]) for curve in (part.f0_hz, part.level_db))
        return Cue(
            part=part.name,
            start_frame=block.start_frame,
            f0_hz=f0_hz,
            level_db=level_db,
            loudness_db=dynamics.row(part.name),
            hits=hits,
            is_last=block.is_last,
        )


def _digest(heard: Heard) -> str:
    """sha256 of everything that decides the parts."""
    frames = heard.frames
    whole = hashlib.sha256()
    for array in (frames.f0_hz, frames.loudness_db, frames.confidence, frames.onset, frames.chroma, heard.beats_s):
        whole.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    metre = (heard.tempo_bpm, heard.beats_per_bar, heard.first_downbeat, heard.swing)
    rest = (*metre, heard.key, heard.chords, heard.tuning_cents)
    whole.update(repr(rest).encode())
    return whole.hexdigest()
