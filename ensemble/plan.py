"""What decides the bytes of a render: what a person asked for, and for which leader."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import BandSettings, Settings
from ensemble.listen.overrides import Overrides
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import Hop

MIN_EXTEND_S, MAX_EXTEND_S = 0.1, 600.0


class Extension(Settings):
    """How the leader is to go on after its end."""

    extend_s: float = Field(ge=MIN_EXTEND_S, le=MAX_EXTEND_S)
    """For how long, in seconds."""
    top_k: int = Field(default=2, ge=1, le=16)
    """In how many ways: one take each."""
    retrieve: RetrieveSettings = RetrieveSettings()
    """Where continuations are looked for, and how they are chosen."""


class RenderRequest(Settings):
    """What is asked for, whoever leads: one request serves many leaders."""

    sample_rate: int = 48_000
    """Of everything that is written, in Hz."""
    seed: int = 0
    """Random seed."""
    band: BandSettings
    tail_s: float = Field(default=1.0, ge=0.0, le=30.0)
    """How long the band may ring after the leader's end, in seconds."""
    weights_sha256: dict[str, str] = {}
    """Of every voice file, by part; of the conductor's and the arranger's as `conductor` and `arranger`."""
    overrides: Overrides = Overrides()
    """What the player said of the recording, in place of what is heard."""
    extension: Extension | None = None
    """How the leader goes on; None: the band ends with it."""


class ContinuationPlan(Settings):
    """How the leader goes on in one take, as retrieval chose it. Its sound is kept as the take's `leader.wav`."""

    leader_sha256: str
    """Of that file's samples."""
    begin_sample: int = Field(ge=0)
    """Where the new sound begins, with the cross-fade out of the leader."""
    beats_s: tuple[float, ...]
    """Of the new sound, in seconds from the beginning of the take."""
    total: float
    """Its score: relevance and joins together."""
    hops: tuple[Hop, ...]
    """The recordings that it is made of, in order."""


class RenderPlan(Settings):
    """Everything that decides the bytes: two renders of one plan on one fingerprint are equal.

    Block size, number of actors and where they run are not part of it.
    """

    request: RenderRequest
    leader_sha256: str
    """Of the leader's samples, as `leader.wav` holds them."""
    score_sha256: str | None = None
    """Of the score that the leader was played from, kept beside it as `leader.krn` or `leader.mid`; None where the
    leader is a recording and has to be heard."""
    continuations: tuple[ContinuationPlan, ...] = ()
    """What was found, best first: take-01, take-02 and so on."""

    @property
    def must_retrieve(self) -> bool:
        """Whether it is asked for continuations that are not chosen yet."""
        return self.request.extension is not None and not self.continuations
