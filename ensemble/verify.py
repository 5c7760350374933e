"""Play a manifest again and compare every hash."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ensemble.audio.files import read_clip
from ensemble.deliver import receipt
from ensemble.errors import AudioError, VerifyError
from ensemble.perform import Pace
from ensemble.plan import FileReceipt, Manifest, fingerprint
from ensemble.play.checkpoint import weights_sha256
from ensemble.rendering import OnProgress, Seat, produce

TOLERANCE_DB = -90.0
"""On another kind of machine the bytes may differ; the sound may not, by more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCheck:
    """One file: whether the folder still holds what the manifest says, and whether playing again gave the same.

    difference_db: largest difference of the samples against full scale; None where the hashes are equal or the file
    is no sound.
    """

    name: str
    intact: bool
    reproduced: bool
    difference_db: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of it. same_machine: whether the fingerprint is the manifest's own, so that bytes must be equal."""

    checks: tuple[FileCheck, ...]
    same_machine: bool
    changed: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Every file is intact and reproduced, or on another machine sounds the same."""
        return all(check.intact and (check.reproduced or self._close(check)) for check in self.checks)

    def _close(self, check: FileCheck) -> bool:
        if self.same_machine:
            return False
        return check.difference_db is None or check.difference_db <= TOLERANCE_DB


def verify(folder: Path, seat: Seat, pace: Pace, on_progress: OnProgress) -> Verification:
    """Play the manifest in `folder` again, elsewhere, and compare.

    Raises:
        VerifyError: no manifest, or a voice or the leader is gone or is another one.
        EnsembleError: the render failed.
    """
    manifest = Manifest.read(folder / "manifest.json")
    _check_voices(manifest)
    try:
        leader = read_clip(folder / "leader.wav")
    except AudioError as error:
        raise VerifyError(str(folder / "leader.wav"), error.problem, "render again from the recording") from error
    if leader.digest != manifest.plan.leader_sha256:
        raise VerifyError(str(folder / "leader.wav"), "is not the leader of this manifest", "render again")
    here = fingerprint()
    changed = tuple(sorted(name for name in here if here[name] != manifest.fingerprint.get(name)))
    checks = []
    with tempfile.TemporaryDirectory(prefix="ensemble-verify-") as again:
        (Path(again) / "leader.wav").symlink_to((folder / "leader.wav").resolve())
        made = produce(leader, manifest.plan, Path(again), seat, pace, on_progress)
        for take, expected in manifest.takes.items():
            for name, was in expected.files.items():
                checks.append(_check(folder / take / name, Path(again) / take / name, was, made.take.files.get(name)))
    return Verification(checks=tuple(checks), same_machine=not changed, changed=changed)


def _check(kept: Path, again: Path, was: FileReceipt, now: FileReceipt | None) -> FileCheck:
    intact = kept.is_file() and receipt(kept) == was
    reproduced = now == was
    difference = None
    if intact and now is not None and not reproduced and kept.suffix == ".wav":
        difference = _difference_db(kept, again)
    return FileCheck(
        name="/".join(kept.parts[-3:] if kept.parent.name in ("stems", "parts") else kept.parts[-2:]),
        intact=intact,
        reproduced=reproduced,
        difference_db=difference,
    )


def _difference_db(kept: Path, again: Path) -> float:
    with soundfile.SoundFile(kept) as first, soundfile.SoundFile(again) as second:
        if first.frames != second.frames:
            return 0.0
        worst = 0.0
        for one, other in zip(first.blocks(1 << 18), second.blocks(1 << 18), strict=True):
            worst = max(worst, float(np.abs(one - other).max(initial=0.0)))
    return 20.0 * float(np.log10(max(worst, 1e-12)))


def _check_voices(manifest: Manifest) -> None:
    for follower in manifest.plan.band.followers:
        if weights_sha256(follower.voice) != manifest.plan.weights_sha256.get(follower.name):
            raise VerifyError(follower.voice, f"is not the voice that {follower.name!r} played", "restore its weights")
