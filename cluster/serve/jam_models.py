"""What is told of a session with a player who plays now."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ensemble.config import Settings
from ensemble.listen.overrides import Overrides
from ensemble.live.levers import LeverKind
from ensemble.live.places import LivePosition
from ensemble.manifest import Deadlines, LiveFacts
from ensemble.plan import RenderRequest
from ensemble.rendering.request import DEFAULT_BAND


class JamOrder(Settings):
    """A session with a player who plays now."""

    band: str = Field(default=DEFAULT_BAND, max_length=64, pattern=r"^[a-z0-9_]+$")
    """Name of a shipped band."""
    style: str | None = Field(default=None, max_length=64)
    """Name of a shipped style; as the band likes when absent."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Random seed."""
    sample_rate: Literal[16_000, 32_000, 44_100, 48_000]
    """In which sound comes and goes, in Hz."""
    overrides: Overrides = Overrides()
    """Tempo, metre, key and chart, as far as the player says them."""
    listen_beats: int = Field(default=8, ge=0, le=64)
    """Beats that the band listens to before it enters."""
    count_in_beats: int = Field(default=0, ge=0, le=16)
    """Beats that the band counts before the player begins; needs a tempo or a chart."""
    way_s: float = Field(default=0.0, ge=0.0, le=1.5)
    """So much sooner than it is due the band's sound has to be there, in seconds: the round trip of sound through the
    player's computer, the way to the server and back, and what is held ready."""


class JamAsk(Settings):
    """What a player asks for while playing."""

    kind: LeverKind | Literal["end"]
    """A lever, or the end."""
    argument: str = Field(default="", max_length=64)
    """What the lever needs; see `lever_at`."""


class JamPlayer(Settings):
    """A part of a band that follows."""

    name: str
    """Its name."""
    instrument: str
    """What it plays."""


class JamReady(Settings):
    """A band that waits for the player."""

    horizon_s: float
    """How far ahead of what it has heard it commits itself, in seconds."""
    players: tuple[JamPlayer, ...]
    """Who plays."""


class JamNews(LivePosition):
    """How a session goes, ten times a second: where the music is, and what else is told."""

    seconds: float
    """How long the player's stream is by now."""
    levels_db: dict[str, float]
    """How loud each part is."""
    muted: tuple[str, ...]
    """The parts that are muted."""
    due: Deadlines
    """Whether the last ten seconds were ready in time."""
    lost_s: float
    """How much of the player's sound did not come, and is silence, in seconds."""
    stop_reaction_bars: float | None
    """How many bars after the player's last stop the band was 20 dB down; None where there was none."""
    hears_band: bool
    """Whether the microphone hears the band."""
    clips: bool
    """Whether the player is too loud for it."""
    is_recorded: bool
    """Whether all of it is kept; not where the disk is full."""


class JamEnd(Settings):
    """A session that has ended."""

    request: RenderRequest
    """What gives the same again from its recording."""
    facts: LiveFacts | None = None
    """How it went; None of one that was cut off."""
    samples_sha256: dict[str, str] = {}
    """What each part has played; nothing where it was cut off."""
    kept_s: float | None = None
    """How much of it was recorded, in seconds; None where it was cut off."""
