"""What a finished render was played from: heard, written and conducted again, or from its memory; nothing is played."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import cast

from ensemble.band import Band, LocalBand
from ensemble.clock import blocks
from ensemble.events import Events
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.staging import MEMORY
from ensemble.perform import Pace, arrange_takes, joined
from ensemble.rendering.earlier import Earlier
from ensemble.rendering.leader import take_up
from ensemble.rendering.memory import Memory
from ensemble.rendering.remembering import RememberingBand
from ensemble.rendering.request import check_weights
from ensemble.report.page import write_report
from ensemble.takes import Take
from ensemble.types.diagnostics import Diagnostic, DiagnosticCode
from ensemble.types.music import Arrangement, Dynamics, Heard


def takes_of(folder: Path, manifest: Manifest) -> tuple[Take, ...]:
    """What was heard, written and predicted of every take; the leader as given first.

    Args:
        folder: of the render.
        manifest: its manifest.

    Raises:
        VerifyError: a leader, a score or given notes are missing or have changed.
    """
    lead, plan = take_up(folder, manifest.plan, manifest.source), manifest.plan
    pace = Pace(block_frames=manifest.execution.block_frames)
    with ExitStack() as opened:
        band: Band = LocalBand(plan)
        if (folder / MEMORY).exists():
            memory = opened.enter_context(closing(Memory(folder / MEMORY)))
            band = RememberingBand(LocalBand, plan, memory, pace.deadline_s)
        return tuple(
            Take(name=name, heard=heard, arrangement=arrangement, dynamics=_conducted(band, arrangement, pace))
            for name, (heard, arrangement) in arrange_takes(band, lead, plan).items()
        )


def _conducted(band: Band, arrangement: Arrangement, pace: Pace) -> Dynamics:
    """The dynamics of a whole take."""
    state, promise = band.start_conducting(), band.hold(arrangement)
    scores = []
    for block in blocks(arrangement.num_frames, pace.block_frames):
        score, state = band.conduct(promise, block, state)
        scores.append(score)
    return joined([score.dynamics for score in band.collect(scores, pace.deadline_s)])


def report(out: str | Path, *, events: Events | None = None) -> Path:
    """Write the report of a finished render again, or for the first time after `--no-report`.

    Args:
        out: the render's folder.
        events: receives the stages `listen` and `report`.

    Returns:
        The page's path.

    Raises:
        VerifyError: there is no render, or a file of it, its leader or a weight is missing or has changed.
        OutputError: the page cannot be written.
    """
    folder, events = Path(out), events or Events()
    events.progress("listen", 0, 1)
    manifest = Manifest.read(folder / MANIFEST)
    Earlier(folder, manifest).check("render again")
    check_weights(manifest.plan)
    said = zip(manifest.heard.codes, manifest.heard.warnings, strict=False)  # early manifests have no codes
    told = tuple(Diagnostic(code=cast("DiagnosticCode", code), text=text) for code, text in said)
    takes = [replace(take, heard=_told(take.heard, told)) for take in takes_of(folder, manifest)]
    return write_report(folder, manifest, takes, events=events)


def _told(heard: Heard, told: tuple[Diagnostic, ...]) -> Heard:
    """What is heard, with what the render told: some of it only reading the leader's file can tell."""
    return replace(heard, diagnostics=told + tuple(found for found in heard.diagnostics if found not in told))
