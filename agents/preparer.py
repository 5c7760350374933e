"""One hand of many that prepare a data set: reads a take, hears it, and keeps its shard."""

from __future__ import annotations

from pathlib import Path

from agents.node_check import check_packages
from ensemble.data.takes import RecordedPart
from ensemble.train.prepare import prepare_take


class Preparer:
    """Prepares takes, one at a time. A take that is prepared twice leaves the same shard, so calls may be repeated.

    Args:
        sample_rate: that will be trained at, in Hz.
        cache: the folder of the shards, the same on every node.
    """

    def __init__(self, sample_rate: int, cache: str) -> None:
        self._sample_rate = sample_rate
        self._cache = Path(cache)

    def prepare(self, take: RecordedPart) -> float:
        """Prepare one take.

        Returns:
            Seconds of sound.

        Raises:
            EnsembleError: see `prepare_take`; BandError where other people's packages run here.
        """
        check_packages()
        return prepare_take(take, self._sample_rate, self._cache)
