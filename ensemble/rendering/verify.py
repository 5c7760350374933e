"""`verify` plays the plan of a manifest again and compares every hash."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ensemble.audio.compare import difference_db
from ensemble.errors import VerifyError
from ensemble.events import Events
from ensemble.files.receipts import FileReceipt
from ensemble.machine import fingerprint
from ensemble.manifest import Manifest
from ensemble.perform import Pace
from ensemble.rendering.checkpoint import Checkpoint
from ensemble.rendering.exports import file_receipt
from ensemble.rendering.leader import take_up
from ensemble.rendering.request import check_weights
from ensemble.rendering.session import BandFactory, RenderSession
from ensemble.takes import LEADER

TOLERANCE_DB = -90.0
"""On a machine of another fingerprint samples may differ by this much, relative to full scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """The comparison of one file of a render."""

    name: str
    """Path of the file inside the render's folder."""
    intact: bool
    """Whether the file in the folder has the manifest's hashes."""
    reproduced: bool
    """Whether playing again gave the manifest's hashes."""
    difference_db: float | None = None
    """Largest difference of the samples relative to full scale, for intact sound that was not reproduced; else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of `verify`."""

    checks: tuple[FileCheck, ...]
    """One for each file of the manifest."""
    same_machine: bool
    """Whether this machine has the manifest's fingerprint, so that bytes must be equal."""
    changed: tuple[str, ...]
    """The entries of the fingerprint that differ."""

    @property
    def is_good(self) -> bool:
        """Whether every file is intact and reproduced; on another machine, sound may differ by `TOLERANCE_DB`."""
        return all(check.intact and (check.reproduced or self._close(check)) for check in self.checks)

    def _close(self, check: FileCheck) -> bool:
        return not self.same_machine and check.difference_db is not None and check.difference_db <= TOLERANCE_DB


def verify(folder: Path, band_factory: BandFactory, pace: Pace, events: Events | None = None) -> Verification:
    """Play the plan of the manifest in `folder` again in a temporary folder, and compare.

    Raises:
        VerifyError: there is no manifest, or a voice, the leader or its score is missing or has changed.
        EnsembleError: the render failed.
    """
    manifest = Manifest.read(folder / "manifest.json")
    check_weights(manifest.plan)
    if manifest.plan.must_retrieve:  # a manifest from elsewhere must not make this process open a store
        raise VerifyError(str(folder / "manifest.json"), "names no continuations", "render again")
    expected = {f"{take}/{name}": was for take, kept in manifest.takes.items() for name, was in kept.files.items()}
    if not expected or not all(stays_inside(name) for name in expected):
        raise VerifyError(str(folder / "manifest.json"), "does not list a render's files", "render again")
    lead = take_up(folder, manifest.plan, manifest.source)
    if file_receipt(folder / LEADER) != manifest.leader:
        raise VerifyError(str(folder / LEADER), "is not the leader of this manifest", "render again")
    here = fingerprint()
    changed = tuple(sorted(name for name in here if here[name] != manifest.fingerprint.get(name)))
    with tempfile.TemporaryDirectory(prefix="ensemble-verify-") as name:
        again = Path(name) / "again"
        again.mkdir()
        for kept in [LEADER, *(f"{one.name}/{LEADER}" for one in lead.extended)]:
            (again / kept).parent.mkdir(exist_ok=True)
            (again / kept).symlink_to((folder / kept).resolve())
        session = RenderSession(
            folder=again, checkpoint=Checkpoint(Path(name)), band_factory=band_factory, pace=pace,
            events=events or Events(),
        )  # fmt: skip
        played, _ = session.run(lead, manifest.plan)
        session.checkpoint.close()
        found = {f"{take}/{name}": now for take, given in played.takes.items() for name, now in given.files.items()}
        checks = [_check(name, folder, again, expected[name], found.get(name)) for name in sorted(expected)]
    return Verification(checks=tuple(checks), same_machine=not changed, changed=changed)


def stays_inside(name: str) -> bool:
    """Whether a name is a relative path that does not leave its folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _check(name: str, kept: Path, again: Path, was: FileReceipt, now: FileReceipt | None) -> FileCheck:
    intact = (kept / name).is_file() and file_receipt(kept / name) == was
    difference = None
    if intact and now not in (None, was) and name.endswith(".wav"):
        difference = difference_db(kept / name, again / name)
    return FileCheck(name=name, intact=intact, reproduced=now == was, difference_db=difference)
