"""The manifest of a render: its plan, the hashes of its files, and where and how it was played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from ensemble.config import RULES, Settings, first_complaint
from ensemble.errors import VerifyError
from ensemble.files.receipts import FileReceipt, StemFacts
from ensemble.files.replace import write_whole
from ensemble.plan import RenderPlan, RenderRequest

MANIFEST = "manifest.json"
MANIFEST_VERSION = 2
"""Since version 2 the plan contains the request as a group of its own; in 0.1.0 its fields were the plan's."""


class HeardKey(Settings):
    """A stretch of beats in one key."""

    start_beat: int
    """Index of its first beat."""
    key: str
    """Name of the key."""
    confidence: float
    """Probability that it is right."""
    other: str | None
    """The most probable other key; None where the key is known."""


class HeardSummary(Settings):
    """What was heard of the leader, for people."""

    tempo_bpm: float
    """Beats per minute."""
    beats_per_bar: int
    """Beats in a bar."""
    beat_division: int = 2
    """How many equal parts a beat has: 3 in compound metres."""
    tempo_confidence: float = 1.0
    """How probably the tempo is right, 0..1."""
    second_tempo_bpm: float | None = None
    """The second choice for the tempo, in beats per minute."""
    beat_confidence: tuple[float, ...] = ()
    """How probably each beat is one, 0..1; empty where that is certain, and in manifests of release 0.1.0."""
    bar_confidence: tuple[float, ...] = ()
    """How probably each bar begins where it is said to; empty as the beats' is."""
    second_bars: tuple[int, int] | None = None
    """The second choice for the bars: beats in a bar, and the index of the beat that would open bar 1."""
    num_beats: int
    """Number of beats."""
    key: str
    """Name of the main key."""
    tuning_cents: float
    """How far A4 lies above 440 Hz."""
    chords: tuple[str, ...]
    """Name of the chord on every beat."""
    chord_confidence: tuple[float, ...] = ()
    """Probability that it is right, on every beat; empty where all are known."""
    other_chords: tuple[str | None, ...] = ()
    """The most probable other chord on every beat, where the chord is not known."""
    key_sections: tuple[HeardKey, ...] = ()
    """Where keys change; empty where the key is known and holds throughout."""
    warnings: tuple[str, ...]
    """What could not be heard clearly or was assumed, one sentence each."""
    codes: tuple[str, ...] = ()
    """The code of each warning (see `ensemble.types.diagnostics`); empty in manifests of release 0.1.0."""


class TakeReceipt(Settings):
    """The files of one take."""

    files: dict[str, FileReceipt]
    """Hashes of every file, by its path inside the take's folder."""
    facts: dict[str, StemFacts]
    """Measured levels of every stem, by part; those of the mix as `mix`."""
    mix_gain_db: float
    """Gain of the mix that brings it to its loudness."""
    leader_lift_db: float = 0.0
    """By how much the leader is raised, beside what was asked for, to stay in front of the band."""


class Incident(Settings):
    """One loss of an actor during a render."""

    who: str
    """The parts that the lost actor played, or `conductor`."""
    cause: str
    """Why it was lost; see `agents.recovery.Cause`."""
    action: str
    """What was done about it; see `agents.recovery.Action`."""
    at_s: float
    """Seconds after the band was ready."""


class Execution(Settings):
    """How the plan was rendered; nothing of this changes the bytes."""

    band_kind: str
    """`local` or `ray`."""
    block_frames: int
    """Control frames per block."""
    actors: int
    """Number of Ray actors; 0 in one process."""
    restarts: int
    """Number of actors that were lost and replaced."""
    replays: dict[str, int] = {}
    """Blocks that were computed again after a loss, by part (and `conductor`): at most one for each loss."""
    incidents: tuple[Incident, ...] = ()
    """The losses, in order."""
    is_resumed: bool = False
    """Whether an earlier process had begun the render; the fields below then describe the last process only."""
    duration_s: float
    """Length of the longest take."""
    seconds: dict[str, float]
    """Wall time per stage; `total` is everything from the call to the end of the report."""
    busy_s: dict[str, float] = {}
    """Seconds of work, by worker."""
    shared_s: float = 0.0
    """Seconds of music that all takes begin with, which were conducted and played once."""


class Deadlines(Settings):
    """Whether a band that followed a player was ready in time."""

    num_quanta: int
    """How many fifths of a second the band played."""
    late_quanta: int
    """How many of them were ready after the leader had come to where they begin."""
    deadline_hit_rate: float
    """Share of them that were ready in time."""
    horizon_left_p50_ms: float
    """How long before that they were ready, the median."""
    horizon_left_p99_ms: float
    """So long before, or longer, were 99 of 100 ready."""


class LiveFacts(Settings):
    """How a session with a leader who was playing went."""

    duration_s: float
    """Length of the leader's stream."""
    deadlines: Deadlines | None
    """Whether the band was ready in time; None where nothing came when it was played."""
    beat_error_p50_ms: float | None
    """How far beats that were committed lay from where the leader was then heard to have them, the median; None where
    there were none."""
    beat_error_p95_ms: float | None
    """So far or less were 95 of 100 of them."""
    stop_reaction_bars: float | None = None
    """How many bars after the leader had stopped the band was 20 dB down, the median; None without a stop."""
    late_stems: dict[str, int]
    """By part, how many quanta of it were not there in time, while its actor was replaced."""
    hears_band: bool
    """Whether the band came back by the microphone."""
    clips: bool
    """Whether the leader was too loud for the microphone."""
    replay_equal: bool
    """Whether the recorded stream, rendered again, gave the same samples in every stem."""


class Manifest(Settings):
    """The record of a render; `verify` plays its plan again and compares."""

    version: int = MANIFEST_VERSION
    """Version of this format."""
    ensemble_version: str
    """Version of the project that rendered."""
    plan: RenderPlan
    """Everything that decides the bytes, with the continuations that were found."""
    source: str
    """Name of the leader's file as given, without folders."""
    source_sha256: str
    """sha256 of that file."""
    heard: HeardSummary
    """What was heard of the leader as given."""
    leader: FileReceipt
    """Hashes of `leader.wav`."""
    takes: dict[Annotated[str, Field(pattern=r"^take-[0-9][0-9]$")], TakeReceipt]
    """The files of every take, by its name: `take-00`, `take-01` and so on."""
    execution: Execution
    """How the plan was rendered."""
    fingerprint: dict[str, str]
    """The machine that rendered; see `ensemble.machine.fingerprint`."""
    exact: bool = True
    """Whether every player ran on a machine of this fingerprint."""
    live: LiveFacts | None = None
    """How the session went whose recording this is; nothing of it changes the bytes."""

    def write(self, path: Path) -> None:
        """Write the manifest as JSON, whole or not at all.

        Raises:
            OSError: the disk is full.
        """
        write_whole(path, self.model_dump_json(indent=2).encode() + b"\n")

    @staticmethod
    def read(path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            VerifyError: there is no file, or it is not a manifest that this release reads.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise VerifyError(str(path), problem, "name a folder that render wrote") from error
        return Manifest.parse(content, str(path))

    @staticmethod
    def parse(content: bytes, what: str) -> Manifest:
        """Read the JSON of a manifest; `what` is the file's name in messages.

        Raises:
            VerifyError: it is not a manifest that this release reads.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise VerifyError(what, "is not JSON", "render again") from error
        found = document.get("version") if isinstance(document, dict) else None
        if found == 1:
            document = _from_version_1(document)
        if found in (1, MANIFEST_VERSION):
            document = _with_rules(document)
        elif found != MANIFEST_VERSION:
            raise VerifyError(what, f"is of manifest version {found}", f"this release reads 1 and {MANIFEST_VERSION}")
        try:
            return Manifest.model_validate(document)
        except ValidationError as error:
            place, problem, *_ = first_complaint(error, Manifest, document)
            raise VerifyError(what, f"{place}: {problem}", "render again") from error


def _with_rules(document: dict[str, Any]) -> dict[str, Any]:
    """Say who shaped the notes where a manifest does not: before there were performers, rules did."""
    plan = document.get("plan")
    request = plan.get("request") if isinstance(plan, dict) else None
    band = request.get("band") if isinstance(request, dict) else None
    if not (isinstance(plan, dict) and isinstance(request, dict) and isinstance(band, dict)):
        return document
    return document | {"plan": plan | {"request": request | {"band": {"performer": RULES} | band}}}


def _from_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """Convert a manifest of release 0.1.0: move the request's fields from the plan into `plan.request`."""
    plan = document.get("plan")
    if not isinstance(plan, dict):
        return document
    asked = {name: plan[name] for name in RenderRequest.model_fields if name in plan}
    rest = {name: value for name, value in plan.items() if name not in asked}
    return document | {"version": MANIFEST_VERSION, "plan": rest | {"request": asked}}
