"""What decides the bytes of a render: `RenderPlan`."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import BandSettings, Settings
from ensemble.listen.overrides import Overrides
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import Hop

MIN_EXTEND_S, MAX_EXTEND_S = 0.1, 600.0


class Extension(Settings):
    """How the leader is wanted to go on after its end."""

    extend_s: float = Field(ge=MIN_EXTEND_S, le=MAX_EXTEND_S)
    top_k: int = Field(default=2, ge=1, le=16)
    retrieve: RetrieveSettings = RetrieveSettings()


class ContinuationPlan(Settings):
    """How it goes on in one take: the choice that retrieval made. Its sound is kept as the take's `leader.wav`."""

    leader_sha256: str
    """Of that file's samples."""
    begin_sample: int = Field(ge=0)
    """Where the new sound begins, with the cross-fade out of the leader."""
    beats_s: tuple[float, ...]
    """Of the new sound, in seconds of the whole."""
    total: float
    hops: tuple[Hop, ...]


class RenderPlan(Settings):
    """Everything that decides the bytes: two renders of one plan on one fingerprint are equal.

    Block size, number of actors and where they sit are not part of it.
    """

    leader_sha256: str
    """Of the leader's samples, as `leader.wav` holds them."""
    score_sha256: str | None = None
    """Of the score that the leader was played from, kept beside it as `leader.krn` or `leader.mid`; None where the
    leader is a recording and has to be heard."""
    sample_rate: int = 48_000
    seed: int = 0
    band: BandSettings
    tail_s: float = Field(default=1.0, ge=0.0, le=30.0)
    """How long the band may ring after the leader's end."""
    weights_sha256: dict[str, str] = {}
    """Of every voice file, by part; of the conductor's and the arranger's as `conductor` and `arranger`."""
    overrides: Overrides = Overrides()
    """What the player said of the recording, in place of what is heard."""
    extension: Extension | None = None
    """What was asked for; None where the band ends with the leader."""
    continuations: tuple[ContinuationPlan, ...] = ()
    """What was found, best first: take-01, take-02 and so on."""
