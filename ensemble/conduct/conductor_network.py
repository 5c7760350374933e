"""The conductor's network on a CPU: a quantum at a time, what it has heard carried in arrays.

A linear regression on a summary of the last seconds gives the first answer, and the transformer what it misses. Keys
and values of the last `window - 1` frames wait unrotated; positions are counted from the oldest of them, so that
the millionth frame is as exact as the first. Strokes are weighed apart, in the light of the metre. Every array has the
same shape in every quantum and every follower has its own products: the bytes depend neither on the caller's blocks
nor on who else is in the band.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ensemble.conduct.conductor_features import HEARD_ROWS, metre
from ensemble.conduct.conductor_file import MEDIAN, ConductorWeights
from ensemble.conduct.dynamics import QUANTUM_CONDUCTOR_FRAMES, Memory
from ensemble.conduct.summary import PAST, summary, with_past
from ensemble.types.music import DRUM_CLASSES, FloatArray

ROTARY_BASE = 1000.0
"""The slowest turn takes some thousand frames, far more than any window."""
UNIT_DB = 10.0
"""Of the network's answers."""
_EPSILON = np.float32(1e-5)
_FAR_BELOW = np.float32(-1e9)


class Prediction(NamedTuple):
    """One quantum. levels_db: the quantiles against anchor and balance [followers, frames, 5]; probability and
    velocity (0..1) of strokes [followers, frames, classes].
    """

    levels_db: FloatArray
    probability: FloatArray
    velocity: FloatArray


class ConductorNetwork:
    """A checkpoint that conducts.

    Args:
        conductor: its weights.
        ids: family, instrument and role of each follower as the embeddings count them.  [followers, 3]
    """

    def __init__(self, conductor: ConductorWeights, ids: np.ndarray) -> None:
        card, tensors = conductor.card, conductor.tensors
        self._card = card
        self._tensors = {
            name: np.ascontiguousarray(tensor.T) if tensor.ndim == 2 else tensor for name, tensor in tensors.items()
        }
        tables = [tensors[f"{name}.weight"] for name in ("family", "instrument", "role")]
        self._who = np.stack([table[ids[:, column]] for column, table in enumerate(tables)]).sum(axis=0)
        self._regression = tensors["regression.weight"][ids[:, 1]][:, None]
        self._usual = tensors["regression.bias"][ids[:, 1]][:, None]
        half = card.width // card.heads // 2
        speed = ROTARY_BASE ** (-np.arange(half) / half)
        angle = np.arange(card.window - 1 + QUANTUM_CONDUCTOR_FRAMES)[:, None] * speed
        self._cosine, self._sine = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        oldest = np.arange(QUANTUM_CONDUCTOR_FRAMES)[:, None]
        place = np.arange(card.window - 1 + QUANTUM_CONDUCTOR_FRAMES)[None]
        self._outside = (place > oldest + card.window - 1) | (place < oldest)

    def start(self) -> Memory:
        """Nothing heard yet: keys and values by layer (the followers' last), features, and how many frames they are."""
        card = self._card
        return {
            "heard": np.zeros((card.layers + 1, 2, card.window - 1, card.width), np.float32),
            "rows": np.zeros((card.num_rows, PAST), np.float32),
            "num_heard": np.zeros(1, np.int64),
        }

    def step(self, rows: FloatArray, memory: Memory) -> tuple[Prediction, Memory]:
        """Hear one quantum more.

        Args:
            rows: the features.  [rows, frames], at most `QUANTUM_CONDUCTOR_FRAMES` of them
            memory: as the last call, or `start`, gave it; never changed in place.
        """
        card = self._card
        before, num_heard, num_frames = memory["heard"], int(memory["num_heard"][0]), rows.shape[1]
        outside = self._outside[:num_frames, : card.window - 1 + num_frames]
        empty = np.arange(outside.shape[1])[None] < card.window - 1 - num_heard
        mask = np.where(outside | empty, _FAR_BELOW, np.float32(0.0))
        after = np.empty_like(before)
        known = np.concatenate([memory["rows"], rows], axis=1) if num_heard else with_past(rows)
        summed_up = summary(known)
        flow = self._linear(np.concatenate([rows.T, summed_up], axis=1), "read")[None]
        for layer in range(card.layers):
            name = f"leader.{layer}"
            normed = self._norm(flow, f"{name}.attend_norm")
            flow = self._block(flow, normed, normed[0], name, mask, before[layer], after[layer])
        heard = self._norm(flow[0], "leader_norm")
        asking = self._who[:, None] + self._linear(heard, "listen")
        normed = self._norm(asking, "follower.attend_norm")
        asking = self._block(asking, normed, heard, "follower", mask, before[-1], after[-1])
        told = self._norm(asking, "follower_norm")
        around = np.concatenate([summed_up, np.stack(metre(rows[len(HEARD_ROWS) :]), axis=1)], axis=1)
        known_by_all = np.broadcast_to(around, (len(told), *around.shape))
        weighed = _gelu(self._linear(np.concatenate([told, known_by_all], axis=2), "weigh"))
        stroke = self._linear(weighed, "strokes")
        usual = (self._regression * summed_up).sum(axis=-1) + self._usual
        levels = _ordered(self._linear(told, "level")) + usual[..., None]
        answer = Prediction(
            levels_db=levels * np.float32(UNIT_DB),
            probability=_sigmoid(stroke[..., : len(DRUM_CLASSES)]),
            velocity=_sigmoid(stroke[..., len(DRUM_CLASSES) :]),
        )
        count = min(num_heard + num_frames, card.window - 1)
        kept_rows = np.ascontiguousarray(known[:, num_frames:])
        return answer, {"heard": after, "rows": kept_rows, "num_heard": np.array([count], np.int64)}

    def _block(
        self,
        flow: FloatArray,
        asking: FloatArray,
        source: FloatArray,
        name: str,
        mask: FloatArray,
        before: FloatArray,
        after: FloatArray,
    ) -> FloatArray:
        """One block.

        flow, asking [askers, frames, width]; source [frames, width]; before and after [2, window - 1, width].
        """
        heads = self._card.heads
        keys = np.concatenate([before[0], self._linear(source, f"{name}.key")])
        values = np.concatenate([before[1], self._linear(source, f"{name}.value")])
        num_frames = len(source)
        after[0], after[1] = keys[num_frames:], values[num_frames:]
        now = slice(len(keys) - num_frames, len(keys))
        query = self._rotated(self._linear(asking, f"{name}.query"), now)
        key = np.ascontiguousarray(self._rotated(keys[None], slice(len(keys)))[0].transpose(0, 2, 1))
        value = np.ascontiguousarray(values.reshape(len(values), heads, -1).transpose(1, 0, 2))
        scores = query @ key * np.float32(query.shape[-1] ** -0.5) + mask
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        met = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        flow = flow + self._linear(
            np.ascontiguousarray(met.transpose(0, 2, 1, 3)).reshape(flow.shape), f"{name}.joined"
        )
        thought = _gelu(self._linear(self._norm(flow, f"{name}.think_norm"), f"{name}.widen"))
        return flow + self._linear(thought, f"{name}.narrow")

    def _rotated(self, rows: FloatArray, place: slice) -> FloatArray:
        """[askers, frames, width] -> [askers, heads, frames, width / heads]"""
        split = rows.reshape(*rows.shape[:2], self._card.heads, 2, -1)
        first, second = split[..., 0, :], split[..., 1, :]
        cosine, sine = self._cosine[place][:, None], self._sine[place][:, None]
        turned = np.concatenate([first * cosine - second * sine, first * sine + second * cosine], axis=-1)
        return np.ascontiguousarray(turned.transpose(0, 2, 1, 3))

    def _linear(self, rows: FloatArray, name: str) -> FloatArray:
        """A linear layer; where there are several askers, one product for each.  [..., in] -> [..., out]"""
        product: FloatArray = rows @ self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
        return product

    def _norm(self, rows: FloatArray, name: str) -> FloatArray:
        centred = rows - rows.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + _EPSILON)
        normed: FloatArray = centred / scale * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
        return normed


def _gelu(x: FloatArray) -> FloatArray:
    """Its tanh form, as in training."""
    inner = np.float32(0.7978845608) * (x + np.float32(0.044715) * x * x * x)
    bent = np.float32(0.5) * x * (np.float32(1.0) + np.tanh(inner))
    return bent.astype(np.float32, copy=False)


def _sigmoid(x: FloatArray) -> FloatArray:
    risen: FloatArray = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * x)
    return risen


def _softplus(x: FloatArray) -> FloatArray:
    risen: FloatArray = np.logaddexp(np.float32(0.0), x)
    return risen


def _ordered(raw: FloatArray) -> FloatArray:
    """Quantiles that never cross: the median, and steps up and down from it.  [..., 5]"""
    median = raw[..., MEDIAN : MEDIAN + 1]
    below, above = _softplus(raw[..., :MEDIAN] - 1), _softplus(raw[..., MEDIAN + 1 :] - 1)
    low = median - np.cumsum(below[..., ::-1], axis=-1)[..., ::-1]
    levels: FloatArray = np.concatenate([low, median, median + np.cumsum(above, axis=-1)], axis=-1).astype(np.float32)
    return levels
