"""What the studio's routes take and answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ensemble.config import Settings
from ensemble.export.export import ExportKind
from ensemble.listen.overrides import Overrides
from ensemble.plan import MAX_EXTEND_S, MIN_EXTEND_S
from ensemble.rendering.levers import Levers
from ensemble.rendering.request import DEFAULT_BAND

JobKind = Literal["render", "jam", "redo", "undo", "switch", "export", "preview"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
MAX_TITLE = 200


class Refusal(Settings):
    """Why a request was refused, or a job failed."""

    code: str
    """For programs: an error's code of ours, or one of the studio's."""
    message: str
    """For people: one sentence."""
    cure: str = ""
    """What to do next; empty where nothing is known."""
    field: str | None = None
    """The field of the request that is wrong, if it is one."""


class RefusalBody(Settings):
    """The body of every answer that is no success."""

    error: Refusal
    """What is wrong."""


class Credentials(Settings):
    """What a session is opened with: one of the two."""

    token: str | None = Field(default=None, max_length=200)
    """The studio's token."""
    share: str | None = Field(default=None, max_length=200)
    """The token of a shared song."""


class SessionView(Settings):
    """Who asks."""

    role: Literal["owner", "reader"]
    """A reader sees one song and changes nothing."""
    song: str | None
    """The song that a reader sees, or to which a link leads an owner."""
    client: str
    """Names this browser in the queue."""
    is_live: bool = False
    """Whether the song is being played now."""


class RenderOrder(Settings):
    """A first render, or one that replaces all versions."""

    band: str = Field(default=DEFAULT_BAND, max_length=64, pattern=r"^[a-z0-9_]+$")
    """Name of a shipped band."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Random seed."""
    sample_rate: Literal[16_000, 32_000, 44_100, 48_000] = 48_000
    """Of everything written, in Hz."""
    transpose: int = Field(default=0, ge=-7, le=7)
    """Semitones by which leader and band are transposed."""
    extend_s: float | None = Field(default=None, ge=MIN_EXTEND_S, le=MAX_EXTEND_S)
    """How long the leader is continued after its end, in seconds; None: not at all."""
    takes: int = Field(default=2, ge=1, le=16)
    """Number of continuations."""
    levers: Levers = Levers()
    """What the band does otherwise than its file says."""
    overrides: Overrides = Overrides()
    """What is said of the recording in place of what is heard."""


class SwitchOrder(Settings):
    """A version to go to."""

    version: int = Field(ge=1)
    """Its number."""


class ExportOrder(Settings):
    """What is taken away."""

    kind: ExportKind = "zip"
    """Its form."""
    take: str = Field(default="take-00", pattern=r"^take-[0-9]{2}$")
    """The take."""
    from_bar_one: bool = False
    """Whether everything is cut where bar 1 begins."""


class PreviewOrder(Settings):
    """Two bars as another band or another style would play them."""

    band: str = Field(max_length=64, pattern=r"^[a-z0-9_]+$")
    """Name of a shipped band."""
    style: str | None = Field(default=None, max_length=64)
    """Name of a shipped style; as the band likes when absent."""
    bar: int = Field(ge=0, le=100_000)
    """The first of the two, as the desk counts them."""


class JobFacts(Settings):
    """What is known of a job, whether it runs or has ended."""

    id: str
    """Its name."""
    song: str
    """Of which song."""
    kind: JobKind
    """What is done."""
    state: JobState
    """How far it is."""
    words: str = ""
    """The edit, in words."""
    parts: tuple[str, ...] | None = None
    """The parts that an edit plays again, once its renderer knows; None where all may sound otherwise."""
    error: Refusal | None = None
    """Why it failed."""
    base: int | None = None
    """The version that it is made from."""
    version: int | None = None
    """The version that it made."""
    export: str | None = None
    """The file that it wrote, for an export or a preview."""
    created_at: str
    """When it was asked for (ISO 8601, UTC)."""
    started_at: str | None = None
    """When it was begun."""
    ended_at: str | None = None
    """When it ended."""
    first_sound_s: float | None = None
    """Seconds from its beginning to the first sound."""


class StudioJob(JobFacts):
    """Something that takes time."""

    place: int | None
    """Its place in the queue, 1 is next; None unless queued."""
    stage: str | None
    """What is being done now."""
    done: int
    """How much of the stage is done."""
    total: int
    """How much there is to do."""
    edits: dict[str, Any] | None
    """The edit; None unless it is a redo."""


class SongFacts(Settings):
    """What is known of a song."""

    id: str
    """Its name in addresses."""
    title: str
    """Its name for people."""
    created_at: str
    """When it was uploaded (ISO 8601, UTC)."""
    duration_s: float
    """Of the upload, in seconds."""
    num_channels: int
    """Of the upload."""
    sample_rate: int
    """Of the upload, in Hz."""
    is_score: bool
    """Whether a score was uploaded, which is played as the leader."""
    version: int | None = None
    """The version that lies there now; None before the first render."""
    band: str | None = None
    """Name of its band."""


class SongEntry(SongFacts):
    """A song in the list."""

    jobs: tuple[StudioJob, ...]
    """What is queued or running, in order."""
    failed: Refusal | None
    """Why its last job failed, if it did."""
    shares: int
    """In how many links it is shared."""


class SongChanges(Settings):
    """What of a song's entry shall be otherwise."""

    title: str = Field(min_length=1, max_length=MAX_TITLE)
    """Its name for people."""


class VersionEntry(Settings):
    """A version of a song."""

    number: int
    """From 1 on."""
    parent: int | None
    """The version that was edited; None for a render."""
    edits: str
    """What was edited, in words."""
    changes: dict[str, Any] | None
    """The same as `Edits`; None where it was not made by an edit."""
    made_at: str
    """When it was made (ISO 8601, UTC)."""
    is_current: bool
    """Whether it is the one that lies there."""


class EditPreview(Settings):
    """What an edit would do again."""

    stages: tuple[str, ...]
    """Of `understand`, `arrange`, `play` and `mix`."""
    parts: dict[str, int]
    """The parts that are played again, and the first bar in which they may differ."""
    mixed: tuple[str, ...]
    """The parts that are only placed anew in the mix."""
    words: str
    """The edit in words."""


class ChartText(Settings):
    """A chart."""

    text: str = Field(max_length=200_000)
    """Its text."""


class ChartView(ChartText):
    """A chart that is read."""

    bars: int
    """How many bars are played by it, repeats written out."""


class ChartEdit(ChartText):
    """A change to a chart's text: of one bar, or of the whole song."""

    bar: int | None = Field(default=None, ge=1, le=100_000)
    """The bar as it is played, from 1 on."""
    chords: str | None = Field(default=None, max_length=200)
    """All of the bar's symbols, such as `G . Em7 .`."""
    beat: int | None = Field(default=None, ge=1, le=12)
    """The beat of the bar that `chord` begins on."""
    chord: str | None = Field(default=None, max_length=40)
    """The chord from that beat to the next change in the bar."""
    section: str | None = Field(default=None, max_length=60, pattern=r"^[^\[\]|\r\n#]*$")
    """The name of the section that begins with the bar; empty: none does."""
    energy: float | None = Field(default=None, ge=0.0, le=1.0)
    """How much the band gives in the section of the bar."""
    first_downbeat_s: float | None = Field(default=None, ge=0.0)
    """Where bar 1 begins in the recording, in seconds."""
    tempo_bpm: float | None = Field(default=None, ge=20.0, le=400.0)
    """Beats a minute."""


class ShareEntry(Settings):
    """A link by which a song may be read."""

    id: str
    """Its name."""
    created_at: str
    """When it was made (ISO 8601, UTC)."""


class NewShare(Settings):
    """A link that was just made; it is told only once."""

    share: str
    """The token."""
    url: str
    """From the studio's address on."""


class StudioLimits(Settings):
    """What the studio takes."""

    max_upload_bytes: int
    """Of a file."""
    min_duration_s: float
    """Of a recording."""
    max_duration_s: float
    """Of a recording."""
    max_jobs: int
    """Queued or running, of one client."""


class BandPart(Settings):
    """A part of a shipped band."""

    name: str
    """Its name."""
    instrument: str
    """What it plays."""
    role: str
    """What for."""


class BandChoice(Settings):
    """A shipped band."""

    name: str
    """Its name."""
    parts: tuple[BandPart, ...]
    """Who plays in it."""


class StyleChoice(Settings):
    """A shipped style."""

    name: str
    """Its name."""
    about: str
    """A few words."""
    metres: tuple[str, ...]
    """The metres that it has patterns for."""


class InstrumentChoice(Settings):
    """An instrument of the catalogue."""

    name: str
    """Its name."""
    family: str
    """How its sound is made."""


class Catalogue(Settings):
    """What can be chosen."""

    bands: tuple[BandChoice, ...]
    """The shipped bands."""
    styles: tuple[StyleChoice, ...]
    """The shipped styles."""
    instruments: tuple[InstrumentChoice, ...]
    """All instruments."""
    roles: tuple[str, ...]
    """What a part can play."""
    intros: tuple[str, ...]
    """How a band can begin."""
    endings: tuple[str, ...]
    """How it can end."""
    export_kinds: tuple[str, ...]
    """What can be taken away."""
    limits: StudioLimits
    """What is taken."""


class Health(Settings):
    """How the studio is."""

    renderers: int
    """How many jobs may run at a time."""
    queued: int
    """Jobs that wait."""
    running: int
    """Jobs that run."""
