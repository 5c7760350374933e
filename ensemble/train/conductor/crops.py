"""Crops of pieces for the conductor: one part leads, some of the others follow. Item n is the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ensemble.clock import CONDUCTOR_RATE_HZ, FRAMES_PER_CONDUCTOR_FRAME
from ensemble.conduct.conductor_features import (
    HEARD_ROWS,
    LEVEL_ROWS,
    LEVEL_SCALE_DB,
    MAX_LOOK_AHEAD_FRAMES,
    NUM_ROWS,
    PLACED_ROWS,
    anchor_db_of,
    conductor_frame_of,
    heard_rows,
    placed_rows,
    sixteenths_s,
)
from ensemble.conduct.conductor_file import ConductorCard, follower_ids
from ensemble.conduct.conductor_network import UNIT_DB
from ensemble.conduct.summary import NUM_SUMMARY, PAST, summary, with_past
from ensemble.train.conductor.material import PlayedPart, PlayedPiece, StrokeTimes
from ensemble.train.conductor.settings import TrainConductorSettings
from ensemble.types.music import DRUM_CLASSES, FloatArray, Heard

MAX_LATE_FRAMES = 100
"""The leader is heard by so much late at most."""
STEP_FRAMES = 2
"""Look-aheads are drawn in steps of 20 ms; each phase of a conductor frame needs its own features."""
_PITCH_ROWS = slice(HEARD_ROWS.index("pitch"), HEARD_ROWS.index("chroma_0"))
_CHROMA_ROWS = slice(HEARD_ROWS.index("chroma_0"), len(HEARD_ROWS))
_BEAT_ROWS = slice(NUM_ROWS - len(PLACED_ROWS), NUM_ROWS - len(PLACED_ROWS) + PLACED_ROWS.index("tempo") + 1)


class ConductorCrop(TypedDict):
    """One item, or a batch with a leading axis."""

    rows: Tensor
    """Features of the leader.  [frames, rows]"""
    summed_up: Tensor
    """Their `summary`.  [frames, NUM_SUMMARY]"""
    ids: Tensor
    """See `follower_ids`.  [followers, 3]"""
    target: Tensor
    """Loudness against anchor and balance, in 10 dB.  [followers, frames]"""
    is_playing: Tensor
    """1 where the target counts.  [followers, frames]"""
    strokes: Tensor
    """1 where a drum is struck.  [followers, frames, classes]"""
    velocity: Tensor
    """How hard, 0..1.  [followers, frames, classes]"""
    is_grid: Tensor
    """1 where a sixteenth begins, of drummers.  [followers, frames]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderScene:
    """One part of a piece as the leader."""

    leader: PlayedPart
    """Who is listened to."""
    followers: tuple[PlayedPart, ...]
    """All the others."""
    ahead: FloatArray
    """What is heard from each phase of a conductor frame on.  [phases, rows, frames]"""
    placed: FloatArray
    """Where in the beat and the bar each frame lies, without look-ahead.  [rows, frames]"""
    grids: dict[str, FloatArray]
    """Of each drummer, by name; see `stroke_grid`."""
    num_frames: int
    """Conductor frames."""

    def rows(self, look_ahead_frames: int, frames: slice) -> FloatArray:
        """The features of some conductor frames, heard so far (a multiple of two) ahead; below 0 late, and the first
        frame is then held until the second.  [rows, frames]
        """
        whole, phase = divmod(look_ahead_frames, FRAMES_PER_CONDUCTOR_FRAME)
        at = np.maximum(np.arange(frames.start, frames.stop) + whole, 0)
        ahead = self.ahead[phase // STEP_FRAMES][:, at]
        placed = self.placed[:, frames].copy()
        placed[PLACED_ROWS.index("look_ahead")] = look_ahead_frames / MAX_LOOK_AHEAD_FRAMES
        return np.concatenate([ahead, placed])

    def rows_with_past(self, look_ahead_frames: int, frames: slice) -> FloatArray:
        """The same, and before them what was heard earlier, for a `summary`.  [rows, PAST + frames]"""
        if frames.start >= PAST:
            return self.rows(look_ahead_frames, slice(frames.start - PAST, frames.stop))
        whole = with_past(self.rows(look_ahead_frames, slice(0, frames.stop)))
        return whole[:, frames.start :]


def scenes_of(pieces: Sequence[PlayedPiece]) -> list[LeaderScene]:
    """Every leader of every piece."""
    scenes = []
    for piece in pieces:
        for leader in piece.parts:
            if leader.heard is not None:
                others = tuple(part for part in piece.parts if part is not leader)
                scenes.append(_scene(leader, leader.heard, others, piece.num_frames))
    return scenes


def _scene(leader: PlayedPart, heard: Heard, followers: tuple[PlayedPart, ...], num_frames: int) -> LeaderScene:
    longest = (num_frames + MAX_LOOK_AHEAD_FRAMES // FRAMES_PER_CONDUCTOR_FRAME + 1) * FRAMES_PER_CONDUCTOR_FRAME
    phases = range(0, FRAMES_PER_CONDUCTOR_FRAME, STEP_FRAMES)
    grids = {part.name: stroke_grid(part.strokes, heard, num_frames) for part in followers if part.strokes is not None}
    return LeaderScene(
        leader=leader,
        followers=followers,
        ahead=np.stack([heard_rows(heard, longest, phase) for phase in phases]),
        placed=placed_rows(heard, num_frames, 0),
        grids=grids,
        num_frames=num_frames,
    )


def stroke_grid(strokes: StrokeTimes, heard: Heard, num_frames: int) -> FloatArray:
    """Strokes on the sixteenths of the beats that were heard.

    Returns:
        [1 + 2 * classes, conductor frames]: whether a sixteenth begins in the frame; what is struck within half a
        sixteenth of it, and how hard.
    """
    grid = np.zeros((1 + 2 * len(DRUM_CLASSES), num_frames), np.float32)
    at_s = sixteenths_s(heard.beats_s, num_frames / CONDUCTOR_RATE_HZ)
    if len(at_s) < 2:
        return grid
    frame = conductor_frame_of(at_s)
    grid[0, frame] = 1.0
    nearest = np.clip(np.searchsorted((at_s[1:] + at_s[:-1]) / 2, strokes.time_s), 0, len(at_s) - 1)
    near = np.abs(at_s[nearest] - strokes.time_s) <= np.median(np.diff(at_s)) / 2
    for place, drum, velocity in zip(frame[nearest[near]], strokes.drum[near], strokes.velocity[near], strict=True):
        grid[1 + drum, place] = 1.0
        grid[1 + len(DRUM_CLASSES) + drum, place] = max(grid[1 + len(DRUM_CLASSES) + drum, place], velocity)
    return grid


class ConductorDataset(Dataset[ConductorCrop]):
    """Crops drawn at random, by their number, without end.

    Args:
        scenes: to draw from.
        card: instruments, roles and balance.
        settings: lengths and changes.
        changes: whether crops are changed as the settings say.
    """

    def __init__(
        self,
        scenes: Sequence[LeaderScene],
        card: ConductorCard,
        settings: TrainConductorSettings,
        *,
        changes: bool = True,
    ) -> None:
        self._scenes, self._card, self._settings, self._changes = scenes, card, settings, changes

    def _change(self, rows: FloatArray, rng: np.random.Generator) -> None:
        """Another recording level, and less to go by.  [rows, frames], in place"""
        settings = self._settings
        gain_db = rng.uniform(-settings.gain_db, settings.gain_db)
        if rng.random() < settings.gain_share:
            rows[list(LEVEL_ROWS)] += gain_db / LEVEL_SCALE_DB
        for group in (_BEAT_ROWS, _PITCH_ROWS, _CHROMA_ROWS):
            if rng.random() < settings.hidden_share:
                rows[group] = 0.0

    def __getitem__(self, item: int) -> ConductorCrop:
        settings, card = self._settings, self._card
        purpose = 0 if self._changes else 1
        rng = np.random.Generator(np.random.Philox(key=[settings.seed, purpose], counter=item))
        scene = self._scenes[int(rng.integers(len(self._scenes)))]
        start = int(rng.integers(max(scene.num_frames - settings.crop_frames, 0) + 1))
        length = min(settings.crop_frames, scene.num_frames)
        look_ahead = STEP_FRAMES * int(rng.integers(MAX_LOOK_AHEAD_FRAMES // STEP_FRAMES + 1))
        if settings.late_share and rng.random() < settings.late_share:
            look_ahead = -STEP_FRAMES * int(rng.integers(1, MAX_LATE_FRAMES // STEP_FRAMES + 1))
        inside = slice(start, start + length)
        known = scene.rows_with_past(look_ahead, inside)
        anchor_db = anchor_db_of(known)[PAST:]
        if self._changes:
            self._change(known, rng)
        num, frames, drums = settings.followers, settings.crop_frames, len(DRUM_CLASSES)
        whole, summed_up = np.zeros((frames, NUM_ROWS), np.float32), np.zeros((frames, NUM_SUMMARY), np.float32)
        whole[:length], summed_up[:length] = known[:, PAST:].T, summary(known)
        ids = np.zeros((num, 3), np.int64)
        target, playing = np.zeros((2, num, frames), np.float32)
        grids = np.zeros((num, 1 + 2 * drums, frames), np.float32)
        for place, index in enumerate(rng.permutation(len(scene.followers))[:num].tolist()):
            part = scene.followers[index]
            ids[place] = follower_ids(card, part.instrument, part.role)
            if self._changes:
                ids[place, 1:] *= rng.random(2) >= settings.stranger_share
            balance_db = card.balance_db[part.instrument]
            target[place, :length] = (part.loudness_db[inside] - anchor_db - balance_db) / UNIT_DB
            playing[place, :length] = part.is_playing[inside]
            if start > 0:
                playing[place, : settings.warmup_frames] = 0.0
            if part.name in scene.grids:
                grids[place, :, :length] = scene.grids[part.name][:, inside]
        return {
            "rows": torch.from_numpy(whole),
            "summed_up": torch.from_numpy(summed_up),
            "ids": torch.from_numpy(ids),
            "target": torch.from_numpy(target),
            "is_playing": torch.from_numpy(playing),
            "strokes": torch.from_numpy(grids[:, 1 : 1 + drums].transpose(0, 2, 1).copy()),
            "velocity": torch.from_numpy(grids[:, 1 + drums :].transpose(0, 2, 1).copy()),
            "is_grid": torch.from_numpy(grids[:, 0].copy()),
        }
