"""The request and the plan of a render: everything that decides its bytes."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import BandSettings, Settings
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import Hop, JoinQuality

MIN_EXTEND_S, MAX_EXTEND_S = 0.1, 600.0
RING_FRAMES = 60
"""How long notes that are committed when a player ends may ring at least."""


class Extension(Settings):
    """How the leader is to be continued after its end."""

    extend_s: float = Field(ge=MIN_EXTEND_S, le=MAX_EXTEND_S)
    """Length of each continuation, in seconds."""
    top_k: int = Field(default=2, ge=1, le=16)
    """Number of continuations; each becomes one take."""
    another: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Numbers of the takes in whose place the next best continuation is wanted, one after the other: (2, 2) gives take
    2 the one after the next."""
    retrieve: RetrieveSettings = RetrieveSettings()
    """Where continuations are searched for, and how they are chosen."""


class RenderRequest(Settings):
    """What a user asks for; the same request can be used with many leaders."""

    sample_rate: int = 48_000
    """Rate of everything that is written, in Hz."""
    seed: int = 0
    """Random seed."""
    band: BandSettings
    """The band that plays."""
    transpose: int = Field(default=0, ge=-7, le=7)
    """Semitones by which the leader is transposed before anybody follows it."""
    tail_s: float = Field(default=1.0, ge=0.0, le=30.0)
    """How long the band may sound after the leader's end, in seconds."""
    weights_sha256: dict[str, str] = {}
    """sha256 of every voice file, by part; of the conductor's and the arranger's file as `conductor` and `arranger`; of
    performers as `performer/PART`; of the networks that listen as `listener/chords` and so on."""
    overrides: Overrides = Overrides()
    """Tempo, metre, key or chords that the user gave; they replace what is heard."""
    expansion: str | None = None
    """Name of the expansion list that a kern score's sections follow; None: `norep`, or else its unnamed one."""
    extension: Extension | None = None
    """How the leader is continued; None: the band ends with the leader."""
    live: LiveSettings | None = None
    """How a leader who is still playing is followed; None: the leader is heard to the end before the band begins."""

    @model_validator(mode="after")
    def _comes_as_it_is(self) -> Self:
        if self.live is not None and (self.extension is not None or self.transpose):
            raise ValueError("a leader who is followed live cannot be extended or transposed")
        return self

    @property
    def live_tail_frames(self) -> int:
        """How long a band that follows a player may sound after the player's end, in control frames.

        What it has committed by then sounds, whatever the horizon is, and its last notes have time to ring.
        """
        committed = 0 if self.live is None else self.live.horizon.most_frames + RING_FRAMES
        return max(round(self.tail_s * FRAME_RATE_HZ), committed)


class ContinuationPlan(Settings):
    """The continuation that one take follows; the extended leader is kept as the take's `leader.wav`."""

    leader_sha256: str
    """sha256 of the samples of that `leader.wav`."""
    begin_sample: int = Field(ge=0)
    """Where the new sound begins, with the cross-fade out of the leader."""
    beats_s: tuple[float, ...]
    """Beats of the new sound, in seconds from the beginning of the take."""
    total: float
    """Score of the continuation: relevance and joins together."""
    quality: JoinQuality | None = None
    """How good its weakest join is; None in renders of 0.1.0, and where the search has weights of its own."""
    hops: tuple[Hop, ...]
    """The segments of recordings that the new sound is made of, in order."""


class RenderPlan(Settings):
    """Everything that decides the bytes: two renders of one plan on one fingerprint are equal.

    Block size, number of actors and where they run are not part of it.
    """

    request: RenderRequest
    """What the user asked for."""
    leader_sha256: str
    """sha256 of the samples of `leader.wav`."""
    score_sha256: str | None = None
    """sha256 of the score that the leader was played from, kept beside it as `leader.krn` or `leader.mid`; None where
    the leader is a recording."""
    intro_frames: int | None = Field(default=None, ge=0)
    """Control frames of silence that `leader.wav` begins with, for the band's intro; None where there is none, or where
    that is not found yet."""
    continuations: tuple[ContinuationPlan, ...] = ()
    """The continuations that were found, best first: those of take-01, take-02 and so on."""

    @property
    def must_retrieve(self) -> bool:
        """Whether continuations are requested and not yet chosen."""
        return self.request.extension is not None and not self.continuations
