"""`redo`: renders what an edit of an earlier render asks for, and computes only what the edit has changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ensemble.band import LocalBand
from ensemble.errors import OutputError, VerifyError
from ensemble.events import Events
from ensemble.files.replace import linked
from ensemble.machine import ensemble_version
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.publish import publishing
from ensemble.output.staging import MEMORY
from ensemble.perform import Pace
from ensemble.rendering.checkpoint import Checkpoint
from ensemble.rendering.earlier import Earlier
from ensemble.rendering.edits import Edits
from ensemble.rendering.history import History, link_render
from ensemble.rendering.leader import take_up
from ensemble.rendering.render import complete, session_in
from ensemble.rendering.request import check_weights
from ensemble.rendering.session import BandFactory
from ensemble.scores.score import kept_name
from ensemble.takes import LEADER


def redo(
    out: str | Path,
    edits: Edits,
    *,
    force: bool = False,
    report: bool = True,
    band_factory: BandFactory = LocalBand,
    pace: Pace | None = None,
    events: Events | None = None,
) -> Manifest:
    """Edit a finished render: the result is that of a render of the edited request, to the byte.

    What the edit does not touch is neither computed nor written again, where the render's memory lies beside it. The
    version before stays in the render's history: see `undo`.

    Args:
        out: the render's folder.
        edits: what shall be otherwise.
        force: go on where files were changed by hand, or another release rendered them: they are made anew.
        report: whether to write `report.html`, after everything else can be heard.
        band_factory: makes the band, where there is something to play.
        pace: how the work is divided; with that of the render most is remembered.
        events: receives the stage and how much of it is done.

    Returns:
        The manifest of the new version.

    Raises:
        EnsembleError: an edit is refused or a worker failed; the version before is left as it was.
    """
    began_s, folder = time.perf_counter(), Path(out)
    pace, events = pace or Pace(), events or Events()
    events.progress("read", 0, 1)
    was = Manifest.read(folder / MANIFEST)
    earlier = Earlier(folder, was)
    if not force:
        _check_release(folder, was)
        earlier.check()
    request = edits.applied(was.plan.request)
    if request == was.plan.request:
        raise OutputError(str(folder), "is that already", "name something that shall be otherwise")
    plan, takes = was.plan.model_copy(update={"request": request}), tuple(was.takes)
    if request.extension != was.plan.request.extension:  # what comes next is searched for again
        plan, takes = plan.model_copy(update={"continuations": ()}), ()
    check_weights(plan)
    history = History(folder)
    with publishing(folder, force=True, is_new=False) as staged, closing(Checkpoint(staged.staging)) as checkpoint:
        history.announce(edits.in_words())
        _link_leaders(folder, staged.path, was, takes)
        lead = replace(take_up(staged.path, plan, was.source), source_sha256=was.source_sha256)
        checkpoint.write_plan(plan, was.source, was.source_sha256, lead.doubts)
        session = session_in(
            staged, checkpoint, band_factory, pace, events, began_s, memory=folder / MEMORY, earlier=earlier
        )
        manifest = complete(session, lead, plan, staged, report=report)
    history.keep()
    return manifest


def undo(out: str | Path) -> Manifest:
    """Go back to the version that was edited last.

    Raises:
        OutputError: there is none.
    """
    history = History(Path(out))
    current = history.current()
    if current is None or current.parent is None:
        raise OutputError(str(out), "has nothing to undo", "`ensemble redo DIR --history` lists its versions")
    return switch(out, current.parent)


def switch(out: str | Path, number: int) -> Manifest:
    """Go to a version of a render's history: every file is as it was.

    Raises:
        OutputError: there is no such version.
    """
    folder = Path(out)
    history = History(folder)
    manifest = Manifest.read(history.folder(number) / MANIFEST)
    with publishing(folder, force=True, is_new=False) as staged:
        history.keep()
        link_render(history.folder(number), staged.path)
    return manifest


def _check_release(folder: Path, manifest: Manifest) -> None:
    if manifest.ensemble_version != ensemble_version():
        problem = f"was rendered by release {manifest.ensemble_version}, and might sound otherwise by this one"
        raise VerifyError(str(folder), problem, "--force renders it anew")


def _link_leaders(folder: Path, target: Path, manifest: Manifest, takes: Sequence[str]) -> None:
    """Put the leader, its score and its continuations in some takes into the new version."""
    names = [LEADER, *(f"{take}/{LEADER}" for take in takes)]
    if manifest.plan.score_sha256 is not None:
        names.append(kept_name(Path(manifest.source)))
    for name in names:
        if (folder / name).is_file():
            (target / name).parent.mkdir(exist_ok=True)
            linked(folder / name, target / name)
