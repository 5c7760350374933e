"""A trained conductor at work: the network's quantiles become dynamics, within what is sober.

What it learned is how a part moves against the leader. Where a part lies at rest is the band's own business: the usual
distance in the training music (the card's `balance_db`) is replaced by the follower's `level_db`, and what the network
says of this leader throughout is taken out, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import CONDUCTOR_RATE_HZ
from ensemble.conduct.conductor_features import (
    FAINTEST_DB,
    HEARD_ROWS,
    LEVEL_CENTRE_DB,
    LEVEL_SCALE_DB,
    anchor_db_of,
    conductor_features,
    placed_rows,
)
from ensemble.conduct.conductor_file import MEDIAN, ConductorCard, ConductorWeights, follower_ids
from ensemble.conduct.conductor_network import ConductorNetwork
from ensemble.conduct.dynamics import LOUDEST_DB, QUIETEST_DB, ForetoldStrokes, Memory, Predicted
from ensemble.conduct.foretell import foretell_strokes
from ensemble.config import FollowerSettings
from ensemble.types.music import SILENCE_DB, FloatArray, Heard

LOOK_AHEAD_FRAMES = 12
"""In a render: as far as the baseline hears ahead, against the delay of the lines between conductor frames."""
FURTHEST_DB = 18.0
"""A follower never lies further than this from the leader's own smoothed loudness at its own level: what the network
says of a leader unlike any that it has met stays within that."""
_THROUGHOUT_FRAMES = 4 * CONDUCTOR_RATE_HZ
"""Over the last so many conductor frames a part has as much power, against the leader's, as its own level says."""
_HOLD_S = 4.0
"""The band plays on through a rest of the leader, as the music that it learned from does; then it fades."""
_FADE_DB_PER_S = 8.0
_FADED_DB = SILENCE_DB + 1.0
"""Inaudible, and yet not `SILENCE_DB`: out of that a line begins anew, and the interval would not keep its order."""
_LOUDNESS, _ANCHOR = HEARD_ROWS.index("loudness"), HEARD_ROWS.index("anchor")


class LearnedDynamics:
    """A conductor's weights, for the followers of one band.

    Args:
        conductor: the weights.
        followers: of the band, in its order.
        look_ahead_frames: control frames of the leader that are heard in advance, 0 to 50.
    """

    def __init__(
        self,
        conductor: ConductorWeights,
        followers: Sequence[FollowerSettings],
        look_ahead_frames: int = LOOK_AHEAD_FRAMES,
    ) -> None:
        card = conductor.card
        ids = [follower_ids(card, follower.instrument, follower.role) for follower in followers]
        self._conductor = conductor
        self._network = ConductorNetwork(conductor, np.stack(ids))
        self._look_ahead_frames = look_ahead_frames
        self._levels_db = np.array([follower.level_db for follower in followers], np.float32)[:, None]
        self._margin_db = card.margin_db

    def features(self, heard: Heard, num_frames: int, late_frames: int = 0) -> FloatArray:
        """See `conductor_features`."""
        features = conductor_features(heard, num_frames, self._look_ahead_frames)
        if late_frames > 0:
            told = told_frames(self._conductor.card, late_frames)
            features[len(HEARD_ROWS) :] = placed_rows(heard, features.shape[1], told)
        return features

    def strokes(self, heard: Heard, num_frames: int, features: FloatArray) -> ForetoldStrokes | None:
        """See `foretell_strokes`; None where no drummer was met in training."""
        if "drums" not in self._conductor.card.instruments:
            return None
        return foretell_strokes(self._conductor, heard, num_frames, features)

    def start(self) -> Memory:
        """Nothing heard yet."""
        num_followers = len(self._levels_db)
        return self._network.start() | {
            "quiet_s": np.zeros(1, np.float64),
            "said": np.zeros((num_followers + 1, _THROUGHOUT_FRAMES - 1), np.float64),
        }

    def predict(self, features: FloatArray, memory: Memory) -> tuple[Predicted, Memory]:
        """Go on by one quantum; see `DynamicsModel`."""
        heard = {name: value for name, value in memory.items() if name not in ("quiet_s", "said")}
        answer, after = self._network.step(features, heard)
        faded_db, quiet_s = _fade(features, float(memory["quiet_s"][0]))
        anchor_db = anchor_db_of(features)
        usual_db = anchor_db + self._levels_db - faded_db
        is_heard = np.broadcast_to(anchor_db > FAINTEST_DB, usual_db.shape)
        throughout_db, said = _throughout(answer.levels_db[..., MEDIAN], anchor_db, memory["said"])

        def bounded(apart_db: FloatArray) -> FloatArray:
            near_db = usual_db + np.clip(apart_db - throughout_db, -FURTHEST_DB, FURTHEST_DB)
            floor_db = np.where(faded_db > 0, _FADED_DB, QUIETEST_DB)
            return np.where(is_heard, np.clip(near_db, floor_db, LOUDEST_DB), SILENCE_DB).astype(np.float32)

        levels = answer.levels_db
        predicted = Predicted(
            loudness_db=bounded(levels[..., MEDIAN]),
            low_db=bounded(levels[..., 0] - np.float32(self._margin_db[0])),
            high_db=bounded(levels[..., -1] + np.float32(self._margin_db[1])),
        )
        return predicted, after | {"quiet_s": np.array([quiet_s], np.float64), "said": said}


def told_frames(card: ConductorCard, late_frames: int) -> int:
    """The look-ahead that a network is told of where the leader is heard late.

    It is what is true, below 0, as far as it has learned that, and a render's where it has not.
    """
    return -min(late_frames, card.max_late_frames) or LOOK_AHEAD_FRAMES


def _throughout(
    apart_db: FloatArray, anchor_db: FloatArray, said: NDArray[np.float64]
) -> tuple[FloatArray, NDArray[np.float64]]:
    """What the network says of every part throughout: the power of the last frames, against the leader's.

    Args:
        apart_db: what it says now.  [parts, conductor frames]
        anchor_db: the leader's smoothed loudness.  [conductor frames]
        said: the power of every part in the frames before, and the leader's.  [parts + 1, frames]

    Returns:
        The level against the leader's up to each frame, [parts, conductor frames], and `said` for the next.
    """
    leader = np.where(anchor_db > FAINTEST_DB, 10.0 ** (anchor_db.astype(np.float64) / 10), 0.0)
    parts = leader * 10.0 ** (apart_db.astype(np.float64) / 10)
    said = np.concatenate([said, np.concatenate([parts, leader[None]])], axis=1)
    sums = np.lib.stride_tricks.sliding_window_view(said, _THROUGHOUT_FRAMES, axis=1).sum(axis=-1)
    ratio = np.where(sums[-1] > 0, sums[:-1] / np.maximum(sums[-1], 1e-30), 1.0)
    return (10 * np.log10(ratio)).astype(np.float32), said[:, -_THROUGHOUT_FRAMES + 1 :]


def _fade(features: FloatArray, quiet_s: float) -> tuple[NDArray[np.float32], float]:
    """By how much the band fades for the leader is silent, [conductor frames], and for how long that has been so."""
    faded = np.zeros(features.shape[1], np.float32)
    faintest = (FAINTEST_DB - LEVEL_CENTRE_DB) / LEVEL_SCALE_DB
    for index, loudness in enumerate(features[_LOUDNESS].tolist()):
        quiet_s = 0.0 if loudness > faintest + 1e-6 else quiet_s + 1 / CONDUCTOR_RATE_HZ
        faded[index] = min(max(quiet_s - _HOLD_S, 0.0) * _FADE_DB_PER_S, -SILENCE_DB)
    return faded, quiet_s
