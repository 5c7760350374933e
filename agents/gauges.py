"""Metrics that actors export; Prometheus sees each as `ray_<name>`.

Ray 2.60 adds the middle of its bucket to a histogram's sum, not the value: quantiles are right, means are not.
An actor's last seconds are lost when it is killed, and a render ends by killing its actors: totals are counted by the
driver (`agents/meters.py`).
"""

from __future__ import annotations

import sys

from ensemble.types.continuation import Continuation

SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]
LONG_SECONDS = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0]
SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
PERCENTS = [5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 100.0]
PLAYING = ("part", "instrument")


class Metrics:
    """What the instruments and the conductor export."""

    def __init__(self) -> None:
        from ray.util.metrics import Gauge, Histogram

        self.block_seconds = Histogram(
            "ensemble_block_seconds", "Seconds of work per block, in the actor", boundaries=SECONDS, tag_keys=PLAYING
        )
        self.realtime = Gauge(
            "ensemble_realtime_factor", "Seconds of music per second of work, last 200 blocks", tag_keys=PLAYING
        )
        self.stage_seconds = Histogram(
            "ensemble_stage_seconds", "Seconds of work per question to the conductor or the retrieval",
            boundaries=LONG_SECONDS, tag_keys=("stage",),
        )  # fmt: skip
        self.resident = Gauge("ensemble_resident_bytes", "Resident memory of an actor's process", tag_keys=("seat",))
        self.gpu = Gauge(
            "ensemble_gpu_bytes", "GPU memory that torch reserves in an actor; 0 on a CPU", tag_keys=("seat",)
        )

    def repeat(self, seat: str, resident: int, gpu: int) -> None:
        """Set the gauges of an actor's memory, in bytes."""
        self.resident.set(resident, tags={"seat": seat})
        self.gpu.set(gpu, tags={"seat": seat})


class RetrievalMetrics:
    """What the retrieval exports beside."""

    def __init__(self) -> None:
        from ray.util.metrics import Histogram

        self.recall = Histogram(
            "ensemble_retrieval_recall_proxy",
            "Share of the 10 best by exact score that the store had in the first half of its list; no true recall",
            boundaries=SHARES,
        )
        self.scored = Histogram(
            "ensemble_retrieval_scored", "Candidates scored exactly per search",
            boundaries=[1.0, 10.0, 30.0, 100.0, 300.0, 1000.0],
        )  # fmt: skip
        self.seam_total = Histogram("ensemble_seam_total", "Total score of chosen continuations", boundaries=SHARES)
        self.seam_percentile = Histogram(
            "ensemble_seam_join_percentile",
            "Percentile of a chosen seam among the leader's own transitions, by term; lower is smoother",
            boundaries=PERCENTS, tag_keys=("term",),
        )  # fmt: skip

    def searched(self, num_scored: int, recall_proxy: float | None) -> None:
        """The store was asked once."""
        self.scored.observe(num_scored)
        if recall_proxy is not None:
            self.recall.observe(recall_proxy)

    def seams(self, chosen: Continuation) -> None:
        """A continuation was chosen."""
        self.seam_total.observe(chosen.total)
        for hop in chosen.hops:
            for name, term in hop.score.terms.items():
                if term.percentile is not None:
                    self.seam_percentile.observe(term.percentile, tags={"term": name})


def gpu_bytes() -> int:
    """Bytes that torch reserves on GPUs in this process; 0 where torch is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return sum(torch.cuda.memory_reserved(device) for device in range(torch.cuda.device_count()))
