"""`render` and `resume`: from a leader to a folder with stems, a mix, MIDI, a manifest and a report for every take."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ensemble.audio.files import printable
from ensemble.band import LocalBand
from ensemble.config import BandSettings
from ensemble.errors import OutputError
from ensemble.events import Events
from ensemble.leaders import leader_path
from ensemble.listen.overrides import Overrides
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.publish import Publisher, resuming
from ensemble.output.staging import MEMORY
from ensemble.output.transfer import destination, fetched
from ensemble.perform import Pace
from ensemble.plan import Extension, RenderPlan, RenderRequest
from ensemble.rendering.checkpoint import Checkpoint, read_checkpoint
from ensemble.rendering.earlier import Earlier
from ensemble.rendering.leader import take_in, take_up
from ensemble.rendering.levers import Levers
from ensemble.rendering.request import DEFAULT_BAND, DEFAULT_RATE, check_weights, request_for
from ensemble.rendering.session import BandFactory, RenderSession
from ensemble.takes import Lead


def render(
    leader: str | Path | None,
    out: str | Path,
    *,
    band: str | BandSettings = DEFAULT_BAND,
    seed: int = 0,
    sample_rate: int = DEFAULT_RATE,
    voice: str | None = None,
    arranger: str | None = None,
    performer: str | None = None,
    levers: Levers | None = None,
    transpose: int = 0,
    force: bool = False,
    band_factory: BandFactory = LocalBand,
    pace: Pace | None = None,
    overrides: Overrides | None = None,
    extension: Extension | None = None,
    expansion: str | None = None,
    remembers: bool = True,
    events: Events | None = None,
    report: bool = True,
    **old_names: Any,
) -> Manifest:
    """Let a band follow a recording, or a melody in **kern or MIDI, which is then played as the leader.

    Args:
        leader: the recording or score, or its URL; `None` plays the bundled one.
        out: the folder to fill, or the URL of one; made if absent, refused if not empty.
        band: a shipped band's name, the path of a YAML file, or settings.
        seed: random seed.
        sample_rate: of everything written: 16000, 32000, 44100 or 48000 Hz.
        voice: replaces the voice of every pitched follower (`naive`, `seeded` or the path of a trained one).
        arranger: replaces the band's own (`rules`, `learned` or the path of a trained one).
        performer: replaces everybody's own (`rules`, `learned`, a shipped one's name or the path of a trained one).
        levers: what the band does otherwise than its file says: style, intro, density of parts and so on.
        transpose: semitones by which leader and band are transposed, and with them the overrides.
        force: replace an earlier render in `out`.
        band_factory: makes the band; the default plays in this process, `agents.band.RayBand` on Ray.
        pace: how the work is divided; never changes the sound.
        overrides: a tempo, a metre, a key or chords that replace what is heard.
        extension: how the leader is continued after its end, and how often; the band ends with it when absent.
        expansion: which expansion list a kern score's sections follow: its name, or `written` for none.
        remembers: keep beside the render what `redo` need not compute again: about 12 MB for each minute and part.
        events: receives the stage and how much of it is done; and the folder of each take as soon as it is complete;
            where an earlier render is replaced, when all are.
        report: whether to write `report.html`, after everything else can be heard.
        old_names: 0.1.0's `seat`, `on_progress` and `on_take`; the next release refuses them.

    Returns:
        The manifest, as written to `out/manifest.json`.

    Raises:
        EnsembleError: an input is refused or a worker failed; the message is one line that says what to do, and `out`
            is left as it was.
    """
    if old_names:
        return render(
            leader, out, band=band, seed=seed, sample_rate=sample_rate, voice=voice, arranger=arranger,
            performer=performer, levers=levers, transpose=transpose, force=force, pace=pace, overrides=overrides,
            extension=extension, expansion=expansion,
            remembers=remembers, report=report, **_renamed(band_factory, events, old_names),
        )  # fmt: skip
    request = request_for(
        band, seed=seed, sample_rate=sample_rate, voice=voice, arranger=arranger, performer=performer, levers=levers,
        transpose=transpose, overrides=overrides, extension=extension, expansion=expansion,
    )  # fmt: skip
    return render_request(
        request, leader, out, force=force, band_factory=band_factory, pace=pace or Pace(), events=events or Events(),
        report=report, remembers=remembers,
    )  # fmt: skip


def render_request(
    request: RenderRequest,
    leader: str | Path | None,
    out: str | Path,
    *,
    force: bool,
    band_factory: BandFactory,
    pace: Pace,
    events: Events,
    report: bool = True,
    remembers: bool = False,
) -> Manifest:
    """Render a request; see `render` for the arguments."""
    began_s = time.perf_counter()
    given = leader_path() if leader is None else leader
    with destination(out, force=force) as folder, fetched(given) as source:
        events.progress("read", 0, 1)
        is_live = request.live is not None
        lead = take_in(
            source, request.sample_rate, folder.path, request.expansion, transpose=request.transpose, as_it_came=is_live
        )
        plan = RenderPlan(request=request, leader_sha256=lead.clip.digest, score_sha256=lead.score_sha256)
        with closing(Checkpoint(folder.staging)) as checkpoint:
            checkpoint.write_plan(plan, printable(Path(source.name)), lead.source_sha256, lead.doubts)
            memory = folder.path / MEMORY if remembers and folder.out is not None else None
            session = session_in(folder, checkpoint, band_factory, pace, events, began_s, memory=memory)
            return complete(session, lead, plan, folder, report=report)


def resume(
    out: str | Path,
    *,
    band_factory: BandFactory = LocalBand,
    pace: Pace | None = None,
    events: Events | None = None,
    report: bool = True,
    **old_names: Any,
) -> Manifest:
    """Resume an interrupted render after the last block that is in its checkpoint.

    The arguments are those of `render`. The bytes are those of a render that was not interrupted.

    Raises:
        OutputError: `out` holds no interrupted render, one that had not played a block, or one of another release.
        EnsembleError: an input is refused or a worker failed; the message is one line that says what to do.
    """
    if old_names:
        return resume(out, pace=pace, report=report, **_renamed(band_factory, events, old_names))
    began_s, events = time.perf_counter(), events or Events()
    with resuming(Path(out)) as folder, closing(read_checkpoint(folder.staging)) as checkpoint:
        plan = checkpoint.plan
        if plan is None:
            raise OutputError(str(out), "holds a checkpoint without a plan", "render again with --force")
        check_weights(plan)
        lead = take_up(folder.path, plan, checkpoint.source)
        memory = folder.path / MEMORY if (folder.path / MEMORY).exists() else None
        session = session_in(folder, checkpoint, band_factory, pace or Pace(), events, began_s, memory=memory)
        lead = replace(lead, source_sha256=checkpoint.source_sha256, doubts=checkpoint.doubts)
        return complete(session, lead, plan, folder, report=report)


def session_in(
    folder: Publisher,
    checkpoint: Checkpoint,
    band_factory: BandFactory,
    pace: Pace,
    events: Events,
    began_s: float,
    *,
    memory: Path | None,
    earlier: Earlier | None = None,
) -> RenderSession:
    """The session that plays into a folder, and tells of every take that can be heard; see `RenderSession`."""

    def on_take(name: str) -> None:
        if folder.publish_take(name) and folder.out is not None:
            events.take_ready(folder.out / name)

    return RenderSession(
        folder=folder.path, checkpoint=checkpoint, band_factory=band_factory, pace=pace, events=events, on_take=on_take,
        began_s=began_s, memory=memory, earlier=earlier,
    )  # fmt: skip


def complete(session: RenderSession, lead: Lead, plan: RenderPlan, folder: Publisher, *, report: bool) -> Manifest:
    """Run a session, publish what was played, and only then write the report: the music can be heard meanwhile."""
    manifest, performance = session.run(lead, plan)
    manifest.write(folder.path / MANIFEST)
    folder.publish()
    if folder.out is not None:
        for name in sorted(manifest.takes.keys() - folder.early):
            session.events.take_ready(folder.out / name)
    if not report:
        return manifest
    from ensemble.report.page import write_report

    began_s = time.perf_counter()
    write_report(folder.path, manifest, performance.takes, aside=folder.staging, events=session.events)
    spent_s = time.perf_counter() - began_s
    seconds = manifest.execution.seconds
    seconds = seconds | {"report": spent_s, "total": seconds["total"] + spent_s}
    execution = manifest.execution.model_copy(update={"seconds": seconds})
    manifest = manifest.model_copy(update={"execution": execution})
    manifest.write(folder.path / MANIFEST)
    return manifest


def _renamed(band_factory: BandFactory, events: Events | None, old_names: dict[str, Any]) -> dict[str, Any]:
    """Arguments by the names of 0.1.0, as arguments by their present names."""
    new_names = {"seat": "band_factory", "on_progress": "events", "on_take": "events"}
    if unknown := sorted(old_names.keys() - new_names.keys()):
        raise TypeError(f"render() got an unexpected keyword argument {unknown[0]!r}")
    for name in old_names:
        warnings.warn(f"`{name}=` is called `{new_names[name]}=` now", DeprecationWarning, stacklevel=3)
    told: dict[str, Callable[..., None]] = {
        name: old_names[old]
        for old, name in (("on_progress", "progress"), ("on_take", "take_ready"))
        if old_names.get(old) is not None
    }
    return {
        "band_factory": old_names.get("seat", band_factory),
        "events": replace(events or Events(), **told),
    }
