"""The receipt of a render: what came of a plan, and where and how it was played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ensemble.config import Settings, first_complaint
from ensemble.errors import VerifyError
from ensemble.files.receipts import FileReceipt, StemFacts
from ensemble.plan import RenderPlan, RenderRequest

MANIFEST = "manifest.json"
MANIFEST_VERSION = 2
"""2: the plan contains the request, which 0.1.0 wrote out beside the leader's hashes."""


class HeardSummary(Settings):
    """What was heard, for people."""

    tempo_bpm: float
    beats_per_bar: int
    num_beats: int
    key: str
    tuning_cents: float
    chords: tuple[str, ...]
    warnings: tuple[str, ...]
    """What could not be followed or was assumed, a sentence each."""
    codes: tuple[str, ...] = ()
    """The same as codes (`ensemble.types.diagnostics`), in the same order; none from release 0.1.0."""


class TakeReceipt(Settings):
    """One take."""

    files: dict[str, FileReceipt]
    """By path inside the take's folder."""
    facts: dict[str, StemFacts]
    """By stem; `mix` is the mix."""
    mix_gain_db: float


class Incident(Settings):
    """One loss during a render."""

    who: str
    """The parts that the lost actor played, or `conductor`."""
    cause: str
    """What happened; see `agents.recovery.Cause`."""
    action: str
    """What was done about it; see `agents.recovery.Action`."""
    at_s: float
    """Seconds after the band was ready."""


class Execution(Settings):
    """How it was rendered: never part of the plan, always worth knowing."""

    band_kind: str
    """local or ray."""
    block_frames: int
    actors: int
    restarts: int
    replays: dict[str, int] = {}
    """Blocks that were worked on again after a loss, by part (and `conductor`): at most one for each loss."""
    incidents: tuple[Incident, ...] = ()
    is_resumed: bool = False
    """Whether an earlier process had begun it; what follows is of the last one."""
    duration_s: float
    seconds: dict[str, float]
    """Wall time per stage; `total` is everything from the call to the manifest."""
    busy_s: dict[str, float] = {}
    """Seconds of work per worker."""
    shared_s: float = 0.0
    """Music that all takes begin with, conducted and played once."""


class Manifest(Settings):
    """The receipt of a render; `verify` plays it again."""

    version: int = MANIFEST_VERSION
    ensemble_version: str
    plan: RenderPlan
    source: str
    """The leader's file name as given (no folders)."""
    source_sha256: str
    heard: HeardSummary
    leader: FileReceipt
    takes: dict[str, TakeReceipt]
    execution: Execution
    fingerprint: dict[str, str]
    exact: bool = True
    """Whether every player ran on this fingerprint."""

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            VerifyError: there is none, or it is not one of this version.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
            raise VerifyError(str(path), problem, "name a folder that render wrote") from error
        return Manifest.parse(content, str(path))

    @staticmethod
    def parse(content: bytes, what: str) -> Manifest:
        """Read what `write` wrote; `what` is the file's name in messages.

        Raises:
            VerifyError: it is not a manifest of this version.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise VerifyError(what, "is not JSON", "render again") from error
        found = document.get("version") if isinstance(document, dict) else None
        if found == 1:
            document = _from_version_1(document)
        elif found != MANIFEST_VERSION:
            raise VerifyError(what, f"is of manifest version {found}", f"this release reads 1 and {MANIFEST_VERSION}")
        try:
            return Manifest.model_validate(document)
        except ValidationError as error:
            place, problem = first_complaint(error)
            raise VerifyError(what, f"{place}: {problem}", "render again") from error


def _from_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """A manifest of 0.1.0, as this release writes it."""
    plan = document.get("plan")
    if not isinstance(plan, dict):
        return document
    asked = {name: plan[name] for name in RenderRequest.model_fields if name in plan}
    rest = {name: value for name, value in plan.items() if name not in asked}
    return document | {"version": MANIFEST_VERSION, "plan": rest | {"request": asked}}
