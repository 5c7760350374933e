"""Crops of composed pieces for the listener: item n is the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ensemble.clock import CONDUCTOR_RATE_HZ
from ensemble.listen.causal_features import AHEAD_SAMPLES, HOP_SAMPLES, LOWEST_MIDI, features_of, windows_of
from ensemble.threads import one_thread
from ensemble.train.listener.augment import HeardCrop, heard_crop
from ensemble.train.listener.material import ComposedPiece
from ensemble.train.listener.settings import TrainListenerSettings
from ensemble.types.harmony import Quality

NOT_ASKED = -100
"""The chord of a frame whose truth has no name, or whose end is not heard: torch leaves it out."""
NEXT_TO_A_BEAT = 0.5
"""Probability that is asked of the frames beside a beat's."""


class ListenerCrop(TypedDict):
    """Some seconds of a piece, or a batch of them with a leading axis."""

    features: Tensor
    """What the network reads.  [frames, NUM_FEATURES]"""
    chords: Tensor
    """Row of the root times the number of qualities, and the quality; last of all, no chord.  [frames]"""
    beats: Tensor
    """How likely a beat is, and a downbeat.  [frames, 2]"""


class ListenerDataset(Dataset[ListenerCrop]):
    """Random moments of random pieces, each heard in another way, without end; item i is the same in every process.

    Args:
        pieces: to draw from, each as often as it is long.
        settings: of the run.
        seed: of the draws.
    """

    def __init__(self, pieces: Sequence[ComposedPiece], settings: TrainListenerSettings, seed: int) -> None:
        self._pieces, self._settings, self._seed = pieces, settings, seed
        lengths = np.array([piece.duration_s for piece in pieces])
        self._share = np.cumsum(lengths / lengths.sum())

    @one_thread()
    def __getitem__(self, item: int) -> ListenerCrop:
        rng = np.random.Generator(np.random.Philox(key=[self._seed, item]))
        piece = self._pieces[min(int(np.searchsorted(self._share, rng.random())), len(self._pieces) - 1)]
        num_frames = self._settings.crop_frames
        heard = heard_crop(piece, num_frames * HOP_SAMPLES + AHEAD_SAMPLES, self._settings.augment, rng)
        instants_s = heard.start_s + np.arange(num_frames) / CONDUCTOR_RATE_HZ * heard.speed
        return ListenerCrop(
            features=torch.from_numpy(features_of(windows_of(heard.samples, num_frames))),
            chords=torch.from_numpy(_chords(piece, instants_s, heard, self._settings.qualities)),
            beats=torch.from_numpy(_beats(piece, instants_s) * np.float32(heard.samples.any())),
        )


def _chords(
    piece: ComposedPiece, instants_s: NDArray[np.float64], heard: HeardCrop, qualities: Sequence[Quality]
) -> NDArray[np.int64]:
    """The answer that is right in every frame; while the last chord rings on none is asked for."""
    if not heard.has_chords:
        return np.full(len(instants_s), 12 * len(qualities), np.int64)
    by_bar = np.full(len(piece.bar_chords), NOT_ASKED, np.int64)
    for bar, chord in enumerate(piece.bar_chords):
        if chord is not None and chord.quality in qualities:
            row = (chord.root + heard.semitones - LOWEST_MIDI) % 12
            by_bar[bar] = row * len(qualities) + qualities.index(chord.quality)
    bars = np.searchsorted(piece.bars_s, instants_s, side="right") - 1
    return np.where(instants_s < piece.bars_s[-1], by_bar[np.clip(bars, 0, len(by_bar) - 1)], NOT_ASKED)


def _beats(piece: ComposedPiece, instants_s: NDArray[np.float64]) -> NDArray[np.float32]:
    asked = np.zeros((len(instants_s), 2), np.float32)
    for column, moments_s in enumerate((piece.beats_s, piece.bars_s)):
        inside = moments_s[(moments_s >= instants_s[0]) & (moments_s <= instants_s[-1])]
        nearest = np.rint(np.interp(inside, instants_s, np.arange(len(instants_s)))).astype(np.int64)
        for beside in (nearest - 1, nearest + 1):
            asked[np.clip(beside, 0, len(asked) - 1), column] = NEXT_TO_A_BEAT
        asked[nearest, column] = 1.0
    return asked
