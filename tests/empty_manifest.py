"""A manifest to put where one has to lie."""

from __future__ import annotations

from ensemble.config import load_band
from ensemble.files.receipts import FileReceipt
from ensemble.manifest import Execution, HeardSummary, Manifest
from ensemble.plan import RenderPlan, RenderRequest


def manifest(source: str) -> Manifest:
    """A whole manifest of nothing in particular; `source` tells one from another."""
    plan = RenderPlan(request=RenderRequest(band=load_band("rock")), leader_sha256="0")
    return Manifest(
        ensemble_version="0", plan=plan, source=source,
        source_sha256="0", leader=FileReceipt(sha256="0"), takes={}, fingerprint={},
        heard=HeardSummary(
            tempo_bpm=100, beats_per_bar=4, num_beats=0, key="C major", tuning_cents=0, chords=(), warnings=()
        ),
        execution=Execution(band_kind="local", block_frames=1, actors=0, restarts=0, duration_s=1, seconds={}),
    )  # fmt: skip
