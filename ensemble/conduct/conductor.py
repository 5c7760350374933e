"""The conductor: writes the arrangement for a leader, then predicts dynamics and makes cues block by block."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from ensemble.clock import FRAME_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME, Block
from ensemble.conduct.dynamics import DynamicsModel, ForetoldStrokes, to_control_rate
from ensemble.conduct.given import bar_frames, spliced
from ensemble.conduct.models import arranger_of, dynamics_of, performers_of
from ensemble.conduct.parts import write_parts
from ensemble.config import BandSettings, FollowerSettings
from ensemble.types.music import (
    SILENCE_DB,
    Arrangement,
    ConductorState,
    Cue,
    Dynamics,
    FloatArray,
    Heard,
    Hit,
    Hits,
    Part,
    Score,
)

_CLICK_DB = -24.0
"""Loudness of a click, whatever the leader plays."""


class Conductor:
    """The conductor of one band. It keeps nothing between two calls: arrangements and states are passed in.

    Args:
        band: its followers give the order of the parts and of the dynamics' rows.
        seed: decides the random details of the parts; see `write_parts`.
        model: predicts the dynamics; the one that the band names when absent.
    """

    def __init__(self, band: BandSettings, seed: int, model: DynamicsModel | None = None) -> None:
        self._followers = band.followers
        self._manner = band
        self._seed = seed
        self._model = model or dynamics_of(band)
        self._arranger = arranger_of(band)
        self._performers = performers_of(band)
        self._has_drummer = any(follower.role == "drums" for follower in band.followers)
        self._names = tuple(follower.name for follower in band.followers)

    def arrange(self, heard: Heard, num_frames: int, known: Arrangement | None = None) -> Arrangement:
        """Write what every follower plays along with a leader.

        Args:
            heard: the leader.
            num_frames: control frames of the performance, tail included.
            known: another arrangement by the same performers; parts that would be the same are taken from it.
        """
        features = self._model.features(heard, num_frames)
        foretold = self._model.strokes(heard, num_frames, features) if self._has_drummer else None
        leader_db = np.full(num_frames, SILENCE_DB, np.float32)
        length = min(num_frames, heard.frames.num_frames)
        leader_db[:length] = heard.frames.loudness_db[:length]
        return Arrangement(
            parts=self._parts(heard, num_frames, foretold, known),
            features=features,
            leader_db=leader_db,
            num_frames=num_frames,
            committed_frames=num_frames,
        )

    def _parts(
        self, heard: Heard, num_frames: int, foretold: ForetoldStrokes | None, known: Arrangement | None
    ) -> tuple[Part | Hits, ...]:  # fmt: skip
        """Every part, with the other takes of some bars."""
        before = {part.name: part for part in (known.parts if known else ()) if isinstance(part, Part)}

        def written(followers: Sequence[FollowerSettings]) -> tuple[Part | Hits, ...]:
            return write_parts(
                heard, followers, num_frames, self._seed, self._arranger, foretold, self._manner, self._performers,
                before,
            )  # fmt: skip

        parts = list(written(self._followers))
        for index, follower in enumerate(self._followers):
            for retake in follower.retakes:
                seeds = {follower.name: retake.seed}
                others = [one.model_copy(update={"seed": seeds.get(one.name, one.seed)}) for one in self._followers]
                frames = bar_frames(heard, retake.first_bar, retake.last_bar)
                parts[index] = spliced(parts[index], written(others)[index], *frames)
        return tuple(parts)

    def start(self) -> ConductorState:
        """The state before frame 0."""
        return ConductorState(memory=self._model.start())

    def conduct(self, arrangement: Arrangement, block: Block, state: ConductorState) -> tuple[Score, ConductorState]:
        """Conduct one block.

        Args:
            arrangement: what `arrange` returned.
            block: the frames to conduct; it begins where the previous block ended.
            state: what `start` or the previous call returned.

        Returns:
            The score of the block, with one cue per follower; and the state for the next block.

        Raises:
            ValueError: the block does not begin where the state ends, or goes beyond the committed frames.
        """
        begins = state.next_frame if state.surplus is None else state.surplus.start_frame
        end = arrangement.committed_frames
        if block.start_frame != begins or not block.start_frame <= block.stop_frame <= end:
            raise ValueError(f"block {block} does not go on from frame {begins} of {end}")
        dynamics, after = self._dynamics(arrangement, block, state)
        return cued(arrangement, dynamics, block), after

    def _dynamics(
        self, arrangement: Arrangement, block: Block, state: ConductorState
    ) -> tuple[Dynamics, ConductorState]:
        """The dynamics of a block: those left over from the last quantum, then as many quanta as are still needed."""
        memory = state.memory
        next_frame = state.next_frame
        rows: list[FloatArray] = []
        if state.surplus is not None:
            kept = state.surplus
            rows.append(np.stack([kept.loudness_db, kept.low_db, kept.high_db]))
        while next_frame < block.stop_frame:
            quantum, memory = self._quantum(arrangement, next_frame, memory)
            rows.append(quantum)
            next_frame += arrangement.quantum_frames
        empty = np.zeros((3, len(self._names), 0), np.float32)
        curves = np.concatenate([empty, *rows], axis=2)
        left = curves[:, :, block.num_frames :]
        surplus = self._as_dynamics(block.stop_frame, left) if left.shape[2] and not block.is_last else None
        after = ConductorState(next_frame=next_frame, memory=memory, surplus=surplus)
        return self._as_dynamics(block.start_frame, curves[:, :, : block.num_frames]), after

    def _quantum(
        self, arrangement: Arrangement, start_frame: int, memory: dict[str, np.ndarray]
    ) -> tuple[FloatArray, dict[str, np.ndarray]]:
        """One quantum of dynamics at 100 Hz; for the role `transform` the leader's loudness.  [3, parts, frames]"""
        column, num_frames = start_frame - arrangement.first_frame, arrangement.quantum_frames
        first, last = (at // FRAMES_PER_CONDUCTOR_FRAME for at in (column, column + num_frames))
        features = arrangement.features[:, first:last]
        model_memory = {name: value for name, value in memory.items() if name != "line"}
        predicted, after = self._model.predict(features, model_memory)
        values = np.concatenate(predicted)
        lines = to_control_rate(memory.get("line", values[:, 0]), values)
        curves = lines.reshape(3, len(self._names), num_frames)
        for row, follower in enumerate(self._followers):
            if follower.plays in ("click", "count"):
                curves[:, row] = _CLICK_DB
            if follower.role == "transform":
                exact = arrangement.leader_db[column : column + num_frames]
                curves[:, row, : len(exact)] = exact
            if follower.name in arrangement.given_dynamics:
                given = arrangement.given_dynamics[follower.name][:, start_frame : start_frame + num_frames]
                curves[:, row, : given.shape[1]] = given
        return curves, {**after, "line": values[:, -1]}

    def _as_dynamics(self, start_frame: int, curves: FloatArray) -> Dynamics:
        loudness, low, high = (np.ascontiguousarray(curve) for curve in curves)
        return Dynamics(start_frame=start_frame, parts=self._names, loudness_db=loudness, low_db=low, high_db=high)


def cued(arrangement: Arrangement, dynamics: Dynamics, block: Block) -> Score:
    """The score of a block whose dynamics are known."""
    cues = tuple(
        _cue(part, dynamics, block, arrangement.first_frame, arrangement.quantum_frames) for part in arrangement.parts
    )
    return Score(dynamics=dynamics, cues=cues)


def _cue(part: Part | Hits, dynamics: Dynamics, block: Block, first_frame: int, quantum_frames: int) -> Cue:
    """One follower's slice of its part and of the dynamics."""
    f0_hz = level_db = np.zeros((0, block.num_frames), np.float32)
    hits: tuple[Hit, ...] = ()
    if isinstance(part, Hits):
        first = bisect_left(part.hits, float(block.start_frame), key=_frame_of)
        hits = part.hits[first : bisect_left(part.hits, float(block.stop_frame), key=_frame_of)]
    else:
        inside = slice(block.start_frame - first_frame, block.stop_frame - first_frame)
        f0_hz, level_db = (np.ascontiguousarray(curve[:, inside]) for curve in (part.f0_hz, part.level_db))
    return Cue(
        part=part.name,
        start_frame=block.start_frame,
        f0_hz=f0_hz,
        level_db=level_db,
        loudness_db=dynamics.row(part.name),
        hits=hits,
        is_last=block.is_last,
        quantum_frames=quantum_frames,
    )


def _frame_of(hit: Hit) -> float:
    return hit.time_s * FRAME_RATE_HZ
