"""A crowd of recordings: the corpus over and over, a little different each time, to fill stores of any size."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ensemble.retrieve.library.library import rows_of
from ensemble.retrieve.library.store import StoreRow
from ensemble.retrieve.search.context import JoinContext, context_of_recording
from ensemble.types.described import Described

NOISE = 0.1
"""Of each dimension's deviation over the corpus."""
BATCH_ROWS = 2_000


class Crowd:
    """Recordings without end.

    Args:
        originals: descriptions by sha256.
    """

    def __init__(self, originals: Mapping[str, Described]) -> None:
        self._originals = [originals[sha256] for sha256 in sorted(originals)]
        self._deviation = np.concatenate([one.vectors for one in self._originals]).std(axis=0)
        self._number_of: dict[str, int] = {}
        self._known: dict[str, Described] = {}

    def described(self, sha256: str) -> Described:
        """The description of a recording that was handed out."""
        if sha256 not in self._known:
            self._known[sha256] = self._member(self._number_of[sha256])
        return self._known[sha256]

    def recordings(self, num_chunks: int) -> list[str]:
        """The sha256 of those that so many chunks come from."""
        return list(dict.fromkeys(row.recording for rows in self.batches(num_chunks) for row in rows))

    def batches(self, num_chunks: int) -> Iterator[list[StoreRow]]:
        """Exactly so many rows, in batches; the same every time."""
        waiting: list[StoreRow] = []
        number, handed_out = 0, 0
        while handed_out < num_chunks:
            waiting += rows_of(self._member(number))
            number += 1
            while waiting and (len(waiting) >= BATCH_ROWS or handed_out + len(waiting) >= num_chunks):
                batch = waiting[: min(BATCH_ROWS, num_chunks - handed_out)]
                waiting, handed_out = waiting[len(batch) :], handed_out + len(batch)
                yield batch
                if handed_out == num_chunks:
                    return

    def contexts(self, num_questions: int) -> list[JoinContext]:
        """Moments in the originals, spread over them: leaders to go on from, each its own recording's stranger."""
        contexts = []
        for question in range(num_questions):
            original = self._originals[question % len(self._originals)]
            share = (0.35, 0.5, 0.65)[question % 3]
            at_s = float(original.start_s[int(share * original.num_chunks)])
            contexts.append(replace(context_of_recording(original, at_s), recording_sha256=""))
        return contexts

    def _member(self, number: int) -> Described:
        """The recording of a number: an original under another hash, its vectors moved a little."""
        turn, place = divmod(number, len(self._originals))
        original = self._originals[place]
        sha256 = hashlib.sha256(f"{original.recording.sha256}:{turn}".encode()).hexdigest()
        self._number_of[sha256] = number
        noise = np.random.Generator(np.random.Philox(number)).standard_normal(original.vectors.shape, dtype=np.float32)
        return replace(
            original,
            recording=replace(original.recording, sha256=sha256),
            vectors=(original.vectors + NOISE * self._deviation * noise).astype(np.float32),
        )
