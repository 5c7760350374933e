"""The desk: all that the page draws of a take."""

from __future__ import annotations

from typing import Any

from ensemble.config import Settings
from ensemble.listen.overrides import Overrides
from ensemble.manifest import LiveFacts


class DeskChord(Settings):
    """A chord of a bar."""

    name: str
    """As musicians write it."""
    num_beats: int
    """How long it holds."""
    start_s: float
    """When it begins."""
    other: str | None
    """The second choice, where it is as likely wrong as right."""


class DeskBar(Settings):
    """A bar."""

    number: int
    """From 1 on; 0 is the pick-up."""
    start_s: float
    """When it begins."""
    stop_s: float
    """When it ends."""
    chords: tuple[DeskChord, ...]
    """In order."""
    is_doubtful: bool
    """Whether it is as likely to begin elsewhere."""
    chart_bar: int | None
    """The bar of the chart that is played here, from 1 on; None in the pick-up and the band's intro."""


class DeskSection(Settings):
    """A section of the song."""

    name: str
    """Its name; empty for what stands before the first one."""
    bar: int
    """The bar that it begins with."""
    start_s: float
    """When it begins."""
    energy: float | None
    """How much the band gives, 0 to 1, where the chart says so."""


class DeskDoubt(Settings):
    """Something that may be otherwise than it was played."""

    what: str
    """`tempo`, `metre`, `bar 1` or `chord`."""
    bar: int
    """The bar that it is about; 0: the whole song."""
    heard: str
    """As it was played."""
    other: str
    """The second choice."""
    edits: dict[str, Any]
    """The redo that takes the second choice."""


class DeskWarning(Settings):
    """What the listener should know."""

    code: str
    """See `ensemble.types.diagnostics`."""
    text: str
    """One sentence."""


class HeardDesk(Settings):
    """What was heard of the leader of a take, and the chart that it is played by."""

    num_samples: int
    """Of the take, per channel."""
    tempo_bpm: float
    """Beats a minute."""
    tempo_confidence: float
    """How probably it is right, 0..1."""
    second_tempo_bpm: float | None
    """The second choice."""
    beats_per_bar: int
    """Beats in a bar."""
    beat_division: int
    """Equal parts of a beat: 3 in compound metres."""
    key: str
    """The main key."""
    beats_s: tuple[float, ...]
    """When each beat is, in seconds of the take."""
    downbeats: tuple[int, ...]
    """The beats that begin a bar."""
    chords: tuple[str, ...]
    """The chord on each beat."""
    chord_confidence: tuple[float, ...]
    """How probably each is right; empty where all are known."""
    other_chords: tuple[str | None, ...]
    """The second choice on each beat; empty where all are known."""
    bars: tuple[DeskBar, ...]
    """The bars with their chords."""
    sections: tuple[DeskSection, ...]
    """The sections of the chart."""
    doubts: tuple[DeskDoubt, ...]
    """What may be otherwise."""
    warnings: tuple[DeskWarning, ...]
    """What was in doubt or assumed."""
    chart: str
    """The text of the chart, of the recording without the band's intro."""


class DeskLane(Settings):
    """The leader or a part."""

    name: str
    """Its name."""
    kind: str
    """`leader`, `part` or `room`."""
    instrument: str
    """What is played; empty for the leader."""
    role: str
    """What for; empty for the leader."""
    voice: str
    """The network that it sounds through; empty for the leader."""
    gain_db: float
    """The fader."""
    pan: float
    """-1 left to 1 right."""
    density: float | None
    """How many notes it plays, where that is said."""
    seed: int | None
    """Its own random seed, where it has one."""
    is_locked: bool
    """Whether its notes stay as they are."""
    level_db: float
    """What brings the sound of its file to its level in the mix; 0 while that is not known."""
    hue: int
    """Of its colour, in degrees."""


class Desk(HeardDesk):
    """All that the page draws of a take."""

    song: str
    """The song."""
    version: int | None
    """The version; None of a render that runs."""
    job: str | None
    """The job that renders it; None of a version."""
    take: str
    """The take."""
    duration_s: float
    """Of the take, in seconds."""
    sample_rate: int
    """In Hz."""
    overrides: Overrides
    """What was said of the recording."""
    band: str
    """The band's name."""
    style: str | None
    """How it plays, where that is said."""
    seed: int
    """Random seed."""
    intro: str | None
    """How the band begins, where that is said."""
    ending: str | None
    """How it ends, where that is said."""
    complexity: float | None
    """See `Manner`."""
    humanize: float | None
    """See `Manner`."""
    lanes: tuple[DeskLane, ...]
    """The leader, then every part."""
    live: LiveFacts | None
    """How the session went that it was recorded in, where it was one."""
    has_mix: bool
    """Whether there is a mix already."""
