"""`redo`: renders what an edit of an earlier render asks for, and computes only what the edit has changed."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ensemble.audio.clip_file import keep_in_file
from ensemble.audio.files import write_pieces
from ensemble.band import LocalBand
from ensemble.config import FollowerSettings, Given
from ensemble.errors import ConfigError, OutputError, VerifyError
from ensemble.events import Events
from ensemble.files.replace import linked
from ensemble.machine import ensemble_version
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.publish import publishing
from ensemble.output.staging import MEMORY
from ensemble.perform import Pace
from ensemble.plan import RenderPlan, RenderRequest
from ensemble.rendering.checkpoint import Checkpoint
from ensemble.rendering.earlier import Earlier
from ensemble.rendering.edits import Edits
from ensemble.rendering.given_files import copy_given, write_locked, write_notes
from ensemble.rendering.history import History, link_render
from ensemble.rendering.leader import take_up
from ensemble.rendering.render import complete, session_in
from ensemble.rendering.replay import takes_of
from ensemble.rendering.request import check_weights
from ensemble.rendering.session import BandFactory
from ensemble.rendering.stale import Stale, stale
from ensemble.scores.score import kept_name
from ensemble.takes import LEADER, as_recorded


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
        force: go on where files were changed by hand, or another release rendered them: they are made anew; and where
            a render was broken off in the folder, which is then removed.
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
    edits.check(was.plan.request)
    _check_bars(edits, was)
    history = History(folder)
    with publishing(folder, force=force, is_new=False) as staged, closing(Checkpoint(staged.staging)) as checkpoint:
        given = _give(staged.path, was, edits) | _lock(folder, staged.path, was, edits)
        request = edits.edited(was.plan.request, given)
        if request == was.plan.request:
            raise OutputError(str(folder), "is that already", "name something that shall be otherwise")
        copy_given(folder, staged.path, request.band.followers)
        plan = _with_leaders(folder, staged.path, was, request)
        check_weights(plan)
        history.announce(edits.in_words())
        lead = replace(take_up(staged.path, plan, was.source), source_sha256=was.source_sha256)
        checkpoint.write_plan(plan, was.source, was.source_sha256, lead.doubts)
        session = session_in(
            staged, checkpoint, band_factory, pace, events, began_s, memory=folder / MEMORY, earlier=earlier
        )
        manifest = complete(session, lead, plan, staged, report=report)
    history.keep()
    return manifest


def dry_run(out: str | Path, edits: Edits) -> Stale:
    """What `redo` would do again.

    Raises:
        EnsembleError: an edit is refused.
    """
    was = Manifest.read(Path(out) / MANIFEST)
    edits.check(was.plan.request)
    _check_bars(edits, was)
    with tempfile.TemporaryDirectory() as name:
        given = _give(Path(name), was, edits)
    for part in edits.lock:  # what they play need not be known, since it stays
        given[part] = Given(kind="locked", sha256="", seed=_seed(part, was, edits))
    return stale(was.plan.request, edits.edited(was.plan.request, given))


def undo(out: str | Path, *, force: bool = False) -> Manifest:
    """Go back to the version that was edited last; see `switch`.

    Raises:
        OutputError: there is none.
        VerifyError: a file of it was changed.
    """
    history = History(Path(out))
    current = history.current()
    if current is None or current.parent is None:
        raise OutputError(str(out), "has nothing to undo", "`ensemble redo DIR --history` lists its versions")
    return switch(out, current.parent, force=force)


def switch(out: str | Path, number: int, *, force: bool = False) -> Manifest:
    """Go to a version of a render's history: every file is as it was.

    Versions share their equal files, so one that a program has changed in place is changed in all of them.

    Args:
        out: the render's folder.
        number: of the version.
        force: go there although files of it were changed, or a render was broken off in the folder: that is removed.

    Raises:
        OutputError: there is no such version.
        VerifyError: a file of it was changed.
    """
    folder = Path(out)
    history = History(folder)
    manifest = Manifest.read(history.folder(number) / MANIFEST)
    if not force:
        Earlier(history.folder(number), manifest).check("--force takes it as it is")
    with publishing(folder, force=force, is_new=False) as staged:
        history.keep()
        link_render(history.folder(number), staged.path)
    return manifest


def _check_release(folder: Path, manifest: Manifest) -> None:
    if manifest.ensemble_version != ensemble_version():
        problem = f"was rendered by release {manifest.ensemble_version}, and might sound otherwise by this one"
        raise VerifyError(str(folder), problem, "--force renders it anew")


def _check_bars(edits: Edits, manifest: Manifest) -> None:
    num_bars = -(-manifest.heard.num_beats // manifest.heard.beats_per_bar)
    for option, bar in (("--from", edits.from_bar), ("--to", edits.to_bar)):
        if bar is not None and bar > num_bars:
            raise ConfigError(option, f"bar {bar} does not exist", f"{manifest.source} has {num_bars} bars")


def _seed(name: str, was: Manifest, edits: Edits) -> int:
    """The random seed with which a part that is given is played."""
    return _follower(name, was, edits).played_seed(was.plan.request.seed)


def _follower(name: str, was: Manifest, edits: Edits) -> FollowerSettings:
    return next(one for one in edits.applied_to(was.plan.request.band).followers if one.name == name)


def _give(target: Path, was: Manifest, edits: Edits) -> dict[str, Given]:
    """Copy the notes that parts shall play."""
    return {
        name: write_notes(target, _follower(name, was, edits), Path(midi), _seed(name, was, edits))
        for name, midi in edits.midi.items()
    }


def _lock(folder: Path, target: Path, was: Manifest, edits: Edits) -> dict[str, Given]:
    """Write what parts that are locked play."""
    given = {}
    takes = takes_of(folder, was) if edits.lock else ()
    for name in edits.lock:
        index = [one.name for one in was.plan.request.band.followers].index(name)
        played = {take.name: (take.arrangement.parts[index], take.dynamics.curves(name)) for take in takes}
        given[name] = write_locked(target, name, played, _seed(name, was, edits))
    return given


def _with_leaders(folder: Path, target: Path, was: Manifest, request: RenderRequest) -> RenderPlan:
    """Put the leader, its score and its continuations into the new version, and plan that.

    Where the band's intro may become another, the leader is put there without the silence that was made for it.

    Raises:
        OutputError: the intro of a render with continuations would change: these begin at a time of their own.
    """
    plan = was.plan.model_copy(update={"request": request})
    before, intro = was.plan.request, request.band.intro
    leads_in_anew = intro != before.band.intro or (intro is not None and request.overrides != before.overrides)
    takes = tuple(was.takes)
    if request.extension != before.extension:  # what comes next is searched for again
        plan, takes = plan.model_copy(update={"continuations": ()}), ()
    names = [*(f"{take}/{LEADER}" for take in takes), *([] if leads_in_anew else [LEADER])]
    if plan.score_sha256 is not None:
        names.append(kept_name(Path(was.source)))
    for name in names:
        if (folder / name).is_file():
            (target / name).parent.mkdir(exist_ok=True)
            linked(folder / name, target / name)
    if not leads_in_anew:
        return plan
    if plan.continuations:
        raise OutputError(str(folder), "has continuations, which begin after its intro", "render again")
    clip = as_recorded(take_up(folder, was.plan, was.source).clip, was.plan.intro_frames)
    write_pieces(target / LEADER, clip.pieces(), clip.sample_rate, clip.num_channels)
    return plan.model_copy(update={"intro_frames": None, "leader_sha256": keep_in_file(target / LEADER).digest})
