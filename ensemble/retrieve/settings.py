"""What decides a search; part of the plan of a render that extends its leader."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import Settings


class RelevanceWeights(Settings):
    """How much each kind of likeness counts; they are scaled to a sum of 1."""

    chroma: float = Field(default=0.4, ge=0.0)
    """Harmony."""
    energy: float = Field(default=0.2, ge=0.0)
    """Loudness contour and onset pattern."""
    coherence: float = Field(default=0.4, ge=0.0)
    """Timbre and tempo."""


class RetrieveSettings(Settings):
    """Where continuations come from and how they are chosen."""

    uri: str = ""
    """A folder (Milvus Lite lives in it) or the address of a Milvus server (http://host:19530, https:// for TLS);
    empty: the bundled corpus, indexed into the user's cache directory. A server's token comes from the environment
    variable ENSEMBLE_MILVUS_TOKEN, never from here."""
    ledger: str = ""
    """The folder of descriptions beside a server's store; empty: one per address in the user's cache directory."""
    relevance: RelevanceWeights = RelevanceWeights()
    """What relevance is made of."""
    alpha: float = Field(default=0.85, ge=0.0)
    """Weight of relevance; scaled with beta to a sum of 1."""
    beta: float = Field(default=0.15, ge=0.0)
    """Weight of the seam: enough to decide between candidates that are about as relevant."""
    level_tolerance_db: float = Field(default=6.0, gt=0.0)
    """Candidates further from the leader's level are asked for only in steps: once, twice, four times this, any."""
    rerank: int = Field(default=200, ge=1, le=16_384)
    """How many of the nearest are scored exactly."""
    exclude_same_recording: bool = False
    """Refuse candidates of the leader's own file."""
    max_semitones: int = Field(default=6, ge=0, le=6)
    """How far a candidate may be transposed."""
    max_stretch: float = Field(default=0.08, ge=0.0, le=0.2)
    """How far its tempo may be changed, as a share."""
    fade_ms: float = Field(default=25.0, ge=10.0, le=40.0)
    """Length of the cross-fades."""
