"""Notes for the performer: item n is the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ensemble.conduct.performer_file import GRID, NUM_MANNER
from ensemble.conduct.performer_inputs import NUM_FORESEEN, NUM_PLACE, note_context, progress
from ensemble.conduct.performer_network import WIDEST
from ensemble.train.performer.manner import manner_of, take_apart
from ensemble.train.performer.material import PlayedTake
from ensemble.train.performer.settings import TrainPerformerSettings
from ensemble.types.instruments import InstrumentSpec

Floats = NDArray[np.float64]

_HELD_BACK = 0.3
"""Share of the notes whose place in the bar is held back, and of those whose next note is: neither is always known."""
_FORETOLD = 0.3
"""Share of the notes whose curves are learned from nothing that is known only afterwards: their mean."""
_BUCKETS = 8
"""A batch has notes of one length in so many."""


class RecordedNote(NamedTuple):
    """One note as it was played."""

    context: Floats
    """See `note_context`.  [NUM_CONTEXT]"""
    figures: Floats
    """How it was played; NaN where it has no such figure.  [NUM_MANNER]"""
    progress: Floats
    """See there.  [frames, NUM_PROGRESS]"""
    curves: Floats
    """Level (dB), slow bend and depth of the vibrato (cents), and whether both of these are known.  [frames, 4]"""


class NoteCrop(TypedDict):
    """A note, or a batch of them with a leading axis."""

    context: Tensor
    """[NUM_CONTEXT]"""
    manner: Tensor
    """In standard deviations.  [NUM_MANNER]"""
    is_known: Tensor
    """1 where a figure was measured; the others are random.  [NUM_MANNER]"""
    progress: Tensor
    """[frames, NUM_PROGRESS]"""
    curves: Tensor
    """As in `RecordedNote`, and whether the frame belongs to the note.  [frames, 5]"""
    is_foretold: Tensor
    """1 where curves are to follow from the manner that is foretold, 0 where from that of the note.  []"""


def notes_of(takes: Sequence[PlayedTake], instrument: InstrumentSpec) -> list[RecordedNote]:
    """Every note of some takes: what is plucked until it is damped, other notes until they have died away."""
    is_plucked = instrument.family == "plucked"
    found = []
    for take in takes:
        runs, context = take.runs, note_context(take.runs, is_plucked=is_plucked)
        ends = runs.stop if is_plucked else runs.silent
        for at, (start, stop, end) in enumerate(
            zip(runs.start.tolist(), runs.stop.tolist(), ends.tolist(), strict=True)
        ):
            cents = _filled(take.cents[start:stop])
            figures = manner_of(take.level_db[start:stop], cents)
            curves = np.zeros((end - start, 4))
            curves[:, 0] = take.level_db[start:end]
            if np.isfinite(cents).all():
                slow, depth, _ = take_apart(cents)
                curves[: stop - start, 1:] = np.stack([slow, depth, np.ones(stop - start)], axis=1)
            frames = np.arange(start, end)
            rows = progress(runs, np.full(len(frames), at), frames, is_plucked=is_plucked)
            found.append(RecordedNote(context[at], figures, rows, curves))
    return found


def _filled(cents: Floats) -> Floats:
    """Deviations with gaps bridged; NaN where less than half is known."""
    known = np.isfinite(cents)
    if known.sum() < max(0.5 * len(cents), 2):
        return np.full(len(cents), np.nan)
    return np.interp(np.arange(len(cents)), np.flatnonzero(known), cents[known])


def quantiles_of(notes: Sequence[RecordedNote]) -> Floats:
    """Of every figure, at the places of `GRID`; 0 where no note has it.  [NUM_MANNER, len(GRID)]"""
    from scipy.special import ndtr

    table = np.stack([note.figures for note in notes])
    rows = []
    for column in table.T:
        known = column[np.isfinite(column)]
        rows.append(np.quantile(known, ndtr(GRID)) if len(known) else np.zeros(len(GRID)))
    return np.stack(rows)


def manner_in_deviations(figures: Floats, quantiles: Floats) -> Floats:
    """Figures as places in a normal distribution; NaN stays.  [NUM_MANNER]"""
    spaced = quantiles + 1e-6 * np.arange(quantiles.shape[1])  # equal quantiles must still rise
    places = [np.interp(figure, row, GRID) for figure, row in zip(figures, spaced, strict=True)]
    return np.where(np.isfinite(figures), np.clip(places, -WIDEST, WIDEST), np.nan)


def crop_of(note: RecordedNote, quantiles: Floats, num_frames: int, chance: np.random.Generator) -> NoteCrop:
    """The first frames of a note, filled up with what counts for nothing."""
    length = min(len(note.curves), num_frames)
    manner = manner_in_deviations(note.figures, quantiles)
    is_known = np.isfinite(manner)
    context = note.context.copy()
    if chance.random() < _HELD_BACK:
        context[-NUM_PLACE:] = 0.0
    rows = np.zeros((num_frames, note.progress.shape[1]))
    curves = np.zeros((num_frames, 5))
    rows[:length], curves[:length, :4], curves[:length, 4] = note.progress[:length], note.curves[:length], 1.0
    if chance.random() < _HELD_BACK:
        rows[:, -NUM_FORESEEN:] = 0.0
    drawn = np.where(is_known, manner, np.clip(chance.standard_normal(NUM_MANNER), -WIDEST, WIDEST))

    def tensor(values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32))

    return NoteCrop(
        context=tensor(context), manner=tensor(drawn), is_known=tensor(is_known), progress=tensor(rows),
        curves=tensor(curves), is_foretold=tensor(np.array(chance.random() < _FORETOLD)),
    )  # fmt: skip


def _length(note: RecordedNote) -> int:
    return len(note.curves)


class NoteDataset(Dataset[NoteCrop]):
    """Random notes, without end; item i is the same in every process. The notes of a batch are of similar length.

    Args:
        notes: to draw from, long ones more often.
        quantiles: see `quantiles_of`.
        settings: of the run.
    """

    def __init__(self, notes: Sequence[RecordedNote], quantiles: Floats, settings: TrainPerformerSettings) -> None:
        self._notes, self._quantiles, self._settings = sorted(notes, key=_length), quantiles, settings
        weight = np.sqrt([_length(note) for note in self._notes])
        self._share = np.cumsum(weight / weight.sum())

    def __getitem__(self, item: int) -> NoteCrop:
        chance = np.random.Generator(np.random.Philox(key=[self._settings.seed, item]))
        batch = np.random.Generator(np.random.Philox(key=[self._settings.seed + 1, item // self._settings.batch_size]))
        place = (batch.integers(_BUCKETS) + chance.random()) / _BUCKETS
        note = self._notes[min(int(np.searchsorted(self._share, place)), len(self._notes) - 1)]
        return crop_of(note, self._quantiles, self._settings.crop_frames, chance)
