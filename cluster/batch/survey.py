"""What a batch has to do: which leaders are done, which cannot be rendered, and how each of the rest is rendered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from agents.renderer import Rendered, manifest_sha256
from cluster.batch.leaders import LeaderEntry
from cluster.batch.root import BatchRoot
from ensemble.audio.files import printable
from ensemble.config import load_band
from ensemble.errors import AudioError, BandError, ConfigError, EnsembleError, OutputError
from ensemble.files.digest import file_digest
from ensemble.manifest import Manifest
from ensemble.output.publish import refused
from ensemble.output.remote import is_url, shown
from ensemble.output.transfer import fetched
from ensemble.plan import RenderRequest
from ensemble.rendering.request import difference, request_for
from ensemble.scores.score import is_score
from ensemble.settings.style import Manner

Status = Literal["rendered", "done already", "failed", "refused"]


class RenderOutcome(NamedTuple):
    """What became of one leader."""

    name: str
    """Of its folder in the output."""
    leader: str
    """Its path or URL."""
    status: Status
    """What became of it."""
    reason: str = ""
    """Why it was not rendered, in one line."""
    duration_s: float = 0.0
    """Length of the music in its render."""
    wall_s: float = 0.0
    """Time that rendering took."""
    manifest_sha256: str = ""
    """Of its manifest, once it is rendered."""
    code: str = ""
    """Of the error that kept it from being rendered; see `ensemble.errors`."""


class RenderJob(NamedTuple):
    """One leader that is to be rendered."""

    number: int
    """Its place in the list of all leaders."""
    name: str
    """Of its folder in the output."""
    leader: str
    """An absolute path, or a URL."""
    size_bytes: int
    """Of the leader's file; 0 for a URL."""
    out: str
    """The folder or URL to fill."""
    request: RenderRequest
    """How to render it."""
    force: bool
    """Whether another render there is replaced."""
    root: BatchRoot
    """The output of the whole batch."""
    report: bool
    """Whether `report.html` is written, too."""

    def outcome(self, answer: Any) -> RenderOutcome:
        """The outcome, from what its worker returned: `Rendered`, or the error."""
        what = shown(self.leader)
        if isinstance(answer, Rendered):
            return RenderOutcome(self.name, what, "rendered", "", *answer)
        error: EnsembleError = (
            answer if isinstance(answer, EnsembleError) else BandError("its worker", "returned no render")
        )
        return RenderOutcome(self.name, what, "failed", _reason(error, what), code=error.code)


def survey(
    entries: Sequence[LeaderEntry], root: BatchRoot, settings: RenderRequest, *, force: bool, report: bool
) -> Iterator[RenderJob | RenderOutcome]:
    """Look at every leader, and at what is already there under its name.

    Yields:
        In the order of the entries: a job, or the outcome where there is nothing to do.
    """
    request_of = cache(lambda band, seed: _request(settings, band, seed))
    for number, entry in enumerate(entries):
        what = shown(str(entry.leader))
        if entry.refusal:
            yield RenderOutcome(printable(entry.name), what, "refused", entry.refusal)
            continue
        try:
            request = request_of(entry.band, entry.seed)
            size_bytes = _size_bytes(entry.leader)
            target = root.target(entry.name)
            job = RenderJob(number, entry.name, str(entry.leader), size_bytes, target, request, force, root, report)
            earlier = root.earlier(entry.name)
            differs = _difference(job, earlier) if earlier is not None else ""
        except (OutputError, ConfigError) as error:
            yield RenderOutcome(printable(entry.name), what, "refused", str(error), code=error.code)
        except OSError as error:
            known = refused(f"{root.what}/{entry.name}", error)
            yield RenderOutcome(entry.name, what, "refused", str(known), code=known.code)
        except EnsembleError as error:
            yield RenderOutcome(entry.name, what, "failed", _reason(error, what), code=error.code)
        else:
            if earlier is None or (differs and force):
                yield job
            elif differs:
                reason = f"{shown(job.out)}: holds a render of {differs}; add --force to replace it"
                yield RenderOutcome(entry.name, what, "refused", reason)
            else:
                duration_s, _, digest = _receipt(job, earlier)
                yield RenderOutcome(entry.name, what, "done already", "", duration_s, 0.0, digest)


def finished(job: RenderJob) -> Rendered | None:
    """The render that a worker finished before it died; None if it did not."""
    try:
        earlier = job.root.earlier(job.name)
        return None if earlier is None or _difference(job, earlier) else _receipt(job, earlier)
    except (EnsembleError, OSError):
        return None


def _receipt(job: RenderJob, manifest: Manifest) -> Rendered:
    execution = manifest.execution
    return Rendered(execution.duration_s, execution.seconds.get("total", 0.0), manifest_sha256(job.out))


def _difference(job: RenderJob, earlier: Manifest) -> str:
    with fetched(job.leader) as path:
        try:
            digest = file_digest(path)
        except OSError as error:
            raise AudioError(shown(job.leader), f"cannot be opened ({error.strerror})", "check it") from error
        return difference(job.request, earlier, digest, is_score=is_score(path))


def _size_bytes(leader: str | Path) -> int:
    if is_url(leader):
        return 0
    try:
        return Path(leader).stat().st_size
    except FileNotFoundError as error:
        raise AudioError(printable(leader), "there is no such file", "check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise AudioError(printable(leader), f"cannot be opened ({reason})", "check the path") from error


def _request(settings: RenderRequest, band: str | None, seed: int | None) -> RenderRequest:
    asked = settings if seed is None else settings.model_copy(update={"seed": seed})
    if band is None:
        return asked
    manner = {
        name: value
        for name, field in Manner.model_fields.items()
        if (value := getattr(asked.band, name)) != field.default
    }
    fresh = request_for(load_band(band).model_copy(update=manner), seed=asked.seed, sample_rate=asked.sample_rate)
    return asked.model_copy(update={"band": fresh.band, "weights_sha256": fresh.weights_sha256})


def _reason(error: EnsembleError, leader: str) -> str:
    """The error in one line; where it names the worker's copy of the leader's file, the leader is named instead."""
    named = type(error)(leader, error.problem, error.cure) if Path(error.what).name == Path(leader).name else error
    return " ".join(str(named).split())
