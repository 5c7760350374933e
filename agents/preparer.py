"""An actor that prepares takes of a data set for training."""

from __future__ import annotations

from pathlib import Path

from agents.node_check import check_packages
from ensemble.data.takes import RecordedPart
from ensemble.train.prepare import prepare_take


class Preparer:
    """Prepares takes, one at a time. A take that is prepared twice leaves the same shard, so a job may be repeated.

    Args:
        number: of this actor in its pool.
        sample_rate: that will be trained at, in Hz.
        cache: the folder of the shards, the same on every node.
    """

    def __init__(self, number: int, sample_rate: int, cache: str) -> None:
        self._number = number
        self._sample_rate = sample_rate
        self._cache = Path(cache)

    def ready(self) -> str:
        """Check what runs here; its name.

        Raises:
            BandError: other people's packages run here.
        """
        check_packages()
        return f"preparer {self._number}"

    def prepare(self, take: RecordedPart) -> float:
        """Prepare one take.

        Returns:
            Seconds of sound.

        Raises:
            EnsembleError: see `prepare_take`.
        """
        return prepare_take(take, self._sample_rate, self._cache)
