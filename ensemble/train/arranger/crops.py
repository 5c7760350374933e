"""Crops of lessons for the arranger: item n is the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ensemble.conduct.arranger_features import STRIKE
from ensemble.train.arranger.material import Lesson
from ensemble.train.arranger.settings import TrainArrangerSettings

NOT_ASKED = -100
"""The tone of what is no stroke, or is a chord: torch leaves it out."""
_FROM_THE_START = 0.15
"""Share of the crops that are a piece's beginning: there it must know what to do with nothing to go on from."""


class ArrangerCrop(TypedDict):
    """A segment of a lesson, or a batch of them with a leading axis."""

    inputs: Tensor
    """What the network reads.  [steps, NUM_INPUTS]"""
    actions: Tensor
    """What the part does in every half beat.  [steps]"""
    tones: Tensor
    """Of its strokes, counted from the chord's root; `NOT_ASKED` elsewhere.  [steps]"""


def crop_of(lesson: Lesson, start: int, num_steps: int) -> ArrangerCrop:
    """A segment of a lesson, filled up with what counts for nothing where the lesson ends."""
    inside = slice(start, start + num_steps)
    actions = lesson.line.actions[inside]
    tones = (lesson.line.pitches[inside] - lesson.roots[inside]) % 12
    tones = np.where((actions == STRIKE) & (lesson.kind != "chords"), tones, NOT_ASKED)
    missing = num_steps - len(actions)
    return ArrangerCrop(
        inputs=torch.from_numpy(np.pad(lesson.inputs[inside], ((0, missing), (0, 0)))),
        actions=torch.from_numpy(np.pad(actions, (0, missing), constant_values=NOT_ASKED)),
        tones=torch.from_numpy(np.pad(tones, (0, missing), constant_values=NOT_ASKED)),
    )


class ArrangerDataset(Dataset[ArrangerCrop]):
    """Random segments of random lessons, without end; item i is the same in every process.

    Args:
        lessons: to draw from, each as often as it is long.
        settings: of the run.
    """

    def __init__(self, lessons: Sequence[Lesson], settings: TrainArrangerSettings) -> None:
        self._lessons, self._settings = lessons, settings
        lengths = np.array([len(lesson.roots) for lesson in lessons], np.float64)
        self._share = np.cumsum(lengths / lengths.sum())

    def __getitem__(self, item: int) -> ArrangerCrop:
        draw = np.random.Generator(np.random.Philox(key=[self._settings.seed, item])).random(2)
        lesson = self._lessons[min(int(np.searchsorted(self._share, draw[0])), len(self._lessons) - 1)]
        latest = max(len(lesson.roots) - self._settings.crop_steps, 0)
        start = round(max(draw[1] - _FROM_THE_START, 0.0) / (1.0 - _FROM_THE_START) * latest)
        return crop_of(lesson, start, self._settings.crop_steps)
