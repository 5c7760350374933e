"""Crops of recordings: item n is the same in every run, so that a run can go on where it was cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ensemble.clock import hop_samples
from ensemble.errors import DataError
from ensemble.play.noise import reach_samples
from ensemble.train.player.analysis import Analysis
from ensemble.train.player.augment import AugmentedQuery, augment
from ensemble.train.player.settings import AugmentSettings
from ensemble.train.recordings import TrainingRecording
from ensemble.types.music import SILENCE_DB, FloatArray

AUDIBLE_DB = -60.0
AUDIBLE_SHARE = 0.3
"""Of a crop's frames must be louder than that, or another crop is drawn, `ATTEMPTS` times at most."""
ATTEMPTS = 8


class PlayerCrop(TypedDict):
    """One item, or a batch of them with a leading axis."""

    f0_hz: Tensor
    """What the network is asked with.  [warmup + frames + 1]"""
    loudness_db: Tensor
    """Likewise.  [warmup + frames + 1]"""
    samples: Tensor
    """The sound from the first frame after the warm-up to the last frame.  [frames * hop]"""
    white: Tensor
    """Noise for it.  [frames * hop + 2 * reach]"""
    harmonics: Tensor
    """What the analysis found there, as the next two.  [frames + 1, num_harmonics]"""
    noise: Tensor
    """[frames + 1, bands]"""
    is_known: Tensor
    """1 where a pitch sounded.  [frames + 1]"""


class SynthDataset(Dataset[PlayerCrop]):
    """Crops drawn at random, by their number and without end, from all recordings in proportion to their length.

    Args:
        recordings: all at one rate.
        analyses: of each.
        crop_frames: what is sounded.
        warmup_frames: what goes before; silence where the recording has not begun.
        seed: of everything that is drawn.
        changes: how crops are augmented; None leaves them as they are.

    Raises:
        DataError: no recording is as long as a crop.
    """

    def __init__(
        self,
        recordings: Sequence[TrainingRecording],
        analyses: Sequence[Analysis],
        *,
        crop_frames: int,
        warmup_frames: int,
        seed: int = 0,
        changes: AugmentSettings | None = None,
    ) -> None:
        long = [at for at, one in enumerate(recordings) if one.num_frames > crop_frames + 1]
        if not long:
            raise DataError("the takes", f"none is longer than a crop of {crop_frames / 100:g} s", "add longer ones")
        self._recordings = [recordings[at] for at in long]
        self._analyses = [analyses[at] for at in long]
        self._starts = np.array([recordings[at].num_frames - crop_frames - 1 for at in long])
        self._crop_frames, self._warmup_frames = crop_frames, warmup_frames
        self._seed, self._changes = seed, changes
        everything_db = np.concatenate([one.loudness_db for one in self._recordings])
        sounding_db = everything_db[everything_db > AUDIBLE_DB]
        self._loudest_db = float(np.percentile(sounding_db, 99)) if len(sounding_db) else 0.0

    def __getitem__(self, item: int) -> PlayerCrop:
        draw = np.random.Generator(np.random.Philox(key=np.array([self._seed, item], np.uint64)))
        which, start = self._place(draw)
        recording, analysis = self._recordings[which], self._analyses[which]
        hop, reach = hop_samples(recording.sample_rate), reach_samples(recording.sample_rate)
        stop = start + self._crop_frames
        f0_hz = self._led_in(recording.f0_hz, start, stop + 1, 0.0)
        loudness_db = self._led_in(recording.loudness_db, start, stop + 1, SILENCE_DB)
        asked = AugmentedQuery(f0_hz, loudness_db, 1.0)
        if self._changes is not None:
            asked = augment(f0_hz, loudness_db, self._changes, self._loudest_db, draw)
        white = draw.random(self._crop_frames * hop + 2 * reach, np.float32) * np.float32(2.0) - np.float32(1.0)
        gain, here = np.float32(asked.gain), slice(start, stop + 1)
        return PlayerCrop(
            f0_hz=torch.from_numpy(asked.f0_hz),
            loudness_db=torch.from_numpy(asked.loudness_db),
            samples=torch.from_numpy(recording.samples[start * hop : stop * hop] * gain),
            white=torch.from_numpy(white),
            harmonics=torch.from_numpy(analysis.harmonics[here].astype(np.float32) * gain),
            noise=torch.from_numpy(analysis.noise[here].astype(np.float32) * gain),
            is_known=torch.from_numpy(analysis.is_known[here].astype(np.float32)),
        )

    def _place(self, draw: np.random.Generator) -> tuple[int, int]:
        """A recording and the first frame of a crop in it, preferably one where something sounds."""
        ends = np.cumsum(self._starts)
        which, start = 0, 0
        for _ in range(ATTEMPTS):
            at = int(draw.integers(ends[-1]))
            which = int(np.searchsorted(ends, at, side="right"))
            start = at - int(ends[which] - self._starts[which])
            loudness_db = self._recordings[which].loudness_db[start : start + self._crop_frames]
            if (loudness_db > AUDIBLE_DB).mean() >= AUDIBLE_SHARE:
                break
        return which, start

    def _led_in(self, curve: FloatArray, start: int, stop: int, before: float) -> FloatArray:
        """A curve with its warm-up; what lies before the recording is `before`."""
        missing = max(self._warmup_frames - start, 0)
        known = curve[max(start - self._warmup_frames, 0) : stop]
        return np.concatenate([np.full(missing, before, np.float32), known])
