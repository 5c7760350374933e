"""The leader as a render keeps it: taken in from a recording or a score, and taken up again to verify."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.audio.files import prepare_leader, read_clip, write_clip
from ensemble.clock import hop_samples
from ensemble.data.score import is_score, kept_name, read_score
from ensemble.data.symbolic import hear_melody, play_melody
from ensemble.deliver import receipt
from ensemble.errors import AudioError, DataError, VerifyError
from ensemble.plan import Manifest
from ensemble.types import AudioClip, Heard

LEADER = "leader.wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What the band follows: a clip, and where it was played from a score, everything there is to hear in it."""

    clip: AudioClip
    known: Heard | None = None
    score_sha256: str | None = None
    source_sha256: str = ""


def take_in(source: Path, sample_rate: int, folder: Path) -> Lead:
    """Bring a recording or a score into `folder` as `leader.wav`, and follow exactly what that file holds.

    Raises:
        AudioError: the recording cannot be used.
        DataError: the score cannot be used.
        OSError: the folder cannot be written.
    """
    if is_score(source):
        score = read_score(source)
        (folder / kept_name(source)).write_bytes(score.content)
        _keep(play_melody(score.melody, sample_rate), sample_rate, folder)
        return Lead(
            clip=read_clip(folder / LEADER), known=hear_melody(score.melody), score_sha256=score.sha256,
            source_sha256=score.sha256,
        )  # fmt: skip
    source_sha256 = _sha256(source)
    _keep(read_clip(source), sample_rate, folder)
    return Lead(clip=read_clip(folder / LEADER), source_sha256=source_sha256)


def take_up(folder: Path, manifest: Manifest) -> Lead:
    """The leader of an earlier render, checked against its manifest.

    Raises:
        VerifyError: the leader or its score is gone, or is another one.
    """
    path = folder / LEADER
    try:
        clip = read_clip(path)
    except AudioError as error:
        raise VerifyError(str(path), error.problem, "render again from the recording") from error
    if clip.digest != manifest.plan.leader_sha256 or receipt(path) != manifest.leader:
        raise VerifyError(str(path), "is not the leader of this manifest", "render again")
    if manifest.plan.score_sha256 is None:
        return Lead(clip=clip)
    path = folder / kept_name(Path(manifest.source))
    try:
        score = read_score(path)
    except DataError as error:
        raise VerifyError(str(path), error.problem, "render again from the score") from error
    if score.sha256 != manifest.plan.score_sha256:
        raise VerifyError(str(path), "is not the score of this manifest", "render again")
    return Lead(clip=clip, known=hear_melody(score.melody), score_sha256=score.sha256)


def _keep(recording: AudioClip, sample_rate: int, folder: Path) -> None:
    """Write a recording as the band follows it, in whole control frames: every rate cuts it into the same ones."""
    prepared = prepare_leader(recording, sample_rate)
    missing = -prepared.num_samples % hop_samples(sample_rate)
    padded = np.pad(prepared.samples, ((0, 0), (0, missing))) if missing else prepared.samples
    write_clip(folder / LEADER, AudioClip(samples=padded, sample_rate=sample_rate))


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""  # what is wrong with it is said in full when it is read
