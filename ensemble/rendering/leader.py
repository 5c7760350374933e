"""The leader of a render: read from a recording or a score, or found again in the folder of an earlier render."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble.audio.clip_file import keep_in_file
from ensemble.audio.files import num_prepared, one_channel, prepared, printable, write_pieces
from ensemble.audio.recording import opened
from ensemble.audio.sound import KeptSound
from ensemble.audio.stretch import stretch
from ensemble.errors import AudioError, DataError, VerifyError
from ensemble.files.digest import file_digest
from ensemble.plan import RenderPlan
from ensemble.rendering.given_files import read_given
from ensemble.scores.melody import transposed
from ensemble.scores.score import is_score, kept_name, read_score
from ensemble.scores.symbolic import hear_melody, play_melody
from ensemble.takes import LEADER, LONGEST_S, Lead, as_followed, take_name, whole_frames
from ensemble.types.music import FloatArray

TRANSPOSED_S = 600.0
"""A longer recording is not transposed: its whole sound has to be in memory."""


def take_in(
    source: Path,
    sample_rate: int,
    folder: Path,
    expansion: str | None = None,
    *,
    transpose: int = 0,
    as_it_came: bool = False,
) -> Lead:
    """Write a recording, or the sound of a score, into `folder` as `leader.wav`; the band follows that file's samples.

    Args:
        source: the file.
        sample_rate: of `leader.wav`, in Hz.
        folder: where it is written.
        expansion: which expansion list a kern score's sections follow.
        transpose: semitones; of a recording at most `MAX_SEMITONES` either way.
        as_it_came: keep a recording's level, and bring it to one channel, as a stream that is followed live has come.

    Raises:
        AudioError: the recording cannot be used.
        DataError: the score cannot be used, or has no expansion list of that name.
        OSError: the folder cannot be written.
    """
    if expansion is not None and not is_score(source):
        raise DataError(printable(source), "is no score, and has no expansion lists", "leave out --expansion")
    if is_score(source):
        score = read_score(source, expansion)
        (folder / kept_name(source)).write_bytes(score.content)
        melody = transposed(score.melody, transpose)
        _keep(play_melody(melody, sample_rate).pieces(), sample_rate, 1, folder)
        return Lead(
            clip=keep_in_file(folder / LEADER), folder=folder, known=hear_melody(melody),
            score_sha256=score.sha256, source_sha256=score.sha256,
        )  # fmt: skip
    source_sha256 = _sha256(source)
    with opened(source) as recording:
        if as_it_came:
            _keep(one_channel(recording, sample_rate), sample_rate, 1, folder)
        else:
            pieces = prepared(recording, sample_rate)
            pieces = _transposed(pieces, sample_rate, transpose, printable(source)) if transpose else pieces
            _keep(pieces, sample_rate, num_prepared(recording), folder)
    return Lead(
        clip=keep_in_file(folder / LEADER), folder=folder, source_sha256=source_sha256, doubts=recording.diagnostics
    )


def take_up(folder: Path, plan: RenderPlan, source: str) -> Lead:
    """Read the leader of an earlier render and its continuations, and check them against the plan.

    Args:
        folder: the render's folder.
        plan: the render's plan.
        source: the name of the file that the leader was read from.

    Raises:
        VerifyError: a leader or the score is missing or has changed.
    """
    lead = replace(_as_recorded(folder, plan, source), given=read_given(folder, plan.request.band.followers))
    extended = []
    for number, kept in enumerate(plan.continuations, 1):
        name = take_name(number)
        clip = _kept(folder / name / LEADER, kept.leader_sha256)
        beats_s = np.array(kept.beats_s, np.float64)
        if kept.begin_sample >= clip.num_samples or not (np.diff(beats_s) > 0).all():
            raise VerifyError(str(folder / "manifest.json"), f"does not fit the leader of {name}", "render again")
        extended.append(as_followed(name, clip, kept.begin_sample, beats_s))
    return replace(lead, extended=tuple(extended))


def _as_recorded(folder: Path, plan: RenderPlan, source: str) -> Lead:
    clip = _kept(folder / LEADER, plan.leader_sha256)
    if plan.score_sha256 is None:
        return Lead(clip=clip, folder=folder)
    path = folder / kept_name(Path(source))
    try:
        score = read_score(path, plan.request.expansion)
    except DataError as error:
        raise VerifyError(str(path), error.problem, "render again from the score") from error
    if score.sha256 != plan.score_sha256:
        raise VerifyError(str(path), "is not the score of this manifest", "render again")
    known = hear_melody(transposed(score.melody, plan.request.transpose))
    return Lead(clip=clip, folder=folder, known=known, score_sha256=score.sha256)


def _kept(path: Path, sha256: str) -> KeptSound:
    """Open a leader in the folder of a render, and check its samples."""
    try:
        clip = keep_in_file(path, LONGEST_S)
    except AudioError as error:
        raise VerifyError(str(path), error.problem, "render again from the recording") from error
    if clip.digest != sha256:
        raise VerifyError(str(path), "is not the leader of this manifest", "render again")
    return clip


def _keep(pieces: Iterable[FloatArray], sample_rate: int, num_channels: int, folder: Path) -> None:
    """Write the sound that the band follows."""
    write_pieces(folder / LEADER, whole_frames(pieces, sample_rate), sample_rate, num_channels)


def _transposed(pieces: Iterable[FloatArray], sample_rate: int, semitones: int, name: str) -> Iterator[FloatArray]:
    """The sound so many semitones higher, in one piece: what transposes it needs the whole."""
    kept, num_samples = [], 0
    for piece in pieces:
        kept.append(piece)
        num_samples += piece.shape[1]
        if num_samples > TRANSPOSED_S * sample_rate:
            limit = f"{TRANSPOSED_S / 60:.0f} minutes"
            raise AudioError(
                name, f"is longer than the {limit} that are transposed", "cut it, or leave out --transpose"
            )
    yield stretch(np.concatenate(kept, axis=1), sample_rate, semitones=float(semitones))


def _sha256(path: Path) -> str:
    try:
        return file_digest(path)
    except (OSError, ValueError):
        return ""  # reading it raises the full error
