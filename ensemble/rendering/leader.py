"""The leader as a render keeps it: taken in from a recording or a score, extended, and taken up again to verify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from ensemble.audio.clip_file import keep_in_file
from ensemble.audio.files import MAX_DURATION_S, num_prepared, prepared, write_pieces
from ensemble.audio.recording import opened
from ensemble.audio.sound import KeptSound, Sound
from ensemble.clock import hop_samples
from ensemble.errors import AudioError, DataError, VerifyError
from ensemble.files.digest import file_digest
from ensemble.listen.listener import at_analysis_rate
from ensemble.plan import MAX_EXTEND_S, ContinuationPlan, RenderPlan
from ensemble.scores.score import is_score, kept_name, read_score
from ensemble.scores.symbolic import hear_melody, play_melody
from ensemble.takes import HEARD_BEFORE_S, ExtendedLead, take_name
from ensemble.types.continuation import Continuation
from ensemble.types.music import FloatArray, Heard

LEADER = "leader.wav"
LONGEST_S = MAX_DURATION_S + MAX_EXTEND_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What the band follows: a clip, and where it was played from a score, everything there is to hear in it.

    clip: in memory, or in its file. extended: how it goes on, where that is decided already.
    """

    clip: KeptSound
    known: Heard | None = None
    score_sha256: str | None = None
    source_sha256: str = ""
    extended: tuple[ExtendedLead, ...] = ()


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
            clip=keep_in_file(folder / LEADER), known=hear_melody(score.melody), score_sha256=score.sha256,
            source_sha256=score.sha256,
        )  # fmt: skip
    source_sha256 = _sha256(source)
    with opened(source) as recording:
        _keep(recording, sample_rate, folder)
    return Lead(clip=keep_in_file(folder / LEADER), source_sha256=source_sha256)


def extend(lead: Lead, number: int, continuation: Continuation, folder: Path) -> ExtendedLead:
    """Keep one way of going on as its take's `leader.wav`; what is followed is what that file holds.

    Raises:
        OSError: the folder cannot be written.
    """
    name = take_name(number)
    (folder / name).mkdir()
    path = folder / name / LEADER
    rate = lead.clip.sample_rate
    pieces = _up_to(lead.clip, continuation.begin_sample), continuation.clip.pieces()
    write_pieces(path, _whole(chain.from_iterable(pieces), rate), rate, lead.clip.num_channels)
    clip = keep_in_file(path, LONGEST_S)
    return _as_followed(name, clip, continuation.begin_sample, continuation.beats_s)


def take_up(folder: Path, plan: RenderPlan, source: str) -> Lead:
    """The leader of an earlier render, and how it went on, checked against its plan.

    Args:
        folder: of the render.
        plan: what was played.
        source: the name of the file that the leader was taken from.

    Raises:
        VerifyError: a leader or the score is gone, or is another one.
    """
    lead = _as_recorded(folder, plan, source)
    extended = []
    for number, kept in enumerate(plan.continuations, 1):
        name = take_name(number)
        clip = _kept(folder / name / LEADER, kept.leader_sha256)
        beats_s = np.array(kept.beats_s, np.float64)
        if kept.begin_sample >= clip.num_samples or not (np.diff(beats_s) > 0).all():
            raise VerifyError(str(folder / "manifest.json"), f"tells nonsense of {name}", "render again")
        extended.append(_as_followed(name, clip, kept.begin_sample, beats_s))
    return replace(lead, extended=tuple(extended))


def planned(continuation: Continuation, lead: ExtendedLead) -> ContinuationPlan:
    """What the plan says of it."""
    return ContinuationPlan(
        leader_sha256=lead.sha256,
        begin_sample=continuation.begin_sample,
        beats_s=tuple(continuation.beats_s.tolist()),
        total=continuation.total,
        hops=tuple(replace(hop, path=Path(hop.path).name) for hop in continuation.hops),
    )


def _as_recorded(folder: Path, plan: RenderPlan, source: str) -> Lead:
    clip = _kept(folder / LEADER, plan.leader_sha256)
    if plan.score_sha256 is None:
        return Lead(clip=clip)
    path = folder / kept_name(Path(source))
    try:
        score = read_score(path)
    except DataError as error:
        raise VerifyError(str(path), error.problem, "render again from the score") from error
    if score.sha256 != plan.score_sha256:
        raise VerifyError(str(path), "is not the score of this manifest", "render again")
    return Lead(clip=clip, known=hear_melody(score.melody), score_sha256=score.sha256)


def _kept(path: Path, sha256: str) -> KeptSound:
    """A leader that a render kept."""
    try:
        clip = keep_in_file(path, LONGEST_S)
    except AudioError as error:
        raise VerifyError(str(path), error.problem, "render again from the recording") from error
    if clip.digest != sha256:
        raise VerifyError(str(path), "is not the leader of this manifest", "render again")
    return clip


def _as_followed(name: str, clip: KeptSound, begin_sample: int, beats_s: np.ndarray) -> ExtendedLead:
    hop = hop_samples(clip.sample_rate)
    begin_frame = begin_sample // hop
    start_frame = max(0, begin_frame - round(HEARD_BEFORE_S * clip.sample_rate / hop))
    window = clip.span(start_frame * hop, clip.num_samples)
    return ExtendedLead(
        name=name,
        num_samples=clip.num_samples,
        begin_frame=begin_frame,
        window=at_analysis_rate(window),
        window_start_frame=start_frame,
        beats_s=beats_s,
        sha256=clip.digest,
    )


def _keep(recording: Sound, sample_rate: int, folder: Path) -> None:
    """Write a recording as the band follows it."""
    pieces = _whole(prepared(recording, sample_rate), sample_rate)
    write_pieces(folder / LEADER, pieces, sample_rate, num_prepared(recording))


def _up_to(clip: KeptSound, stop: int) -> Iterator[FloatArray]:
    """The beginning of a clip, piece by piece.  [channels, samples]"""
    for piece in clip.pieces():
        yield piece[:, :stop]
        stop -= piece.shape[1]
        if stop <= 0:
            return


def _whole(pieces: Iterable[FloatArray], sample_rate: int) -> Iterator[FloatArray]:
    """Filled up to whole control frames: every rate cuts it into the same ones.  [channels, samples]"""
    hop, length = hop_samples(sample_rate), 0
    for piece in pieces:
        length += piece.shape[1]
        yield piece
    if missing := -length % hop:
        yield np.zeros((len(piece), missing), np.float32)


def _sha256(path: Path) -> str:
    try:
        return file_digest(path)
    except (OSError, ValueError):
        return ""  # what is wrong with it is said in full when it is read
