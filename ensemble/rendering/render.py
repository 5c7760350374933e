"""A leader in, an ensemble out: from a recording to a folder with stems, a mix, MIDI, a manifest and a report."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

from ensemble import clock
from ensemble.audio.files import printable
from ensemble.band import Band, LocalBand, Tally
from ensemble.config import BandSettings
from ensemble.errors import OutputError, VerifyError
from ensemble.leaders import leader_path
from ensemble.listen.overrides import Overrides
from ensemble.machine import ensemble_version, fingerprint
from ensemble.manifest import Execution, HeardSummary, Manifest, TakeReceipt
from ensemble.output.publish import Publisher, taken_over
from ensemble.output.transfer import destination, fetched
from ensemble.perform import Pace, Performance, perform
from ensemble.plan import Extension, RenderPlan
from ensemble.rendering.checkpoint import Checkpoint, read_checkpoint
from ensemble.rendering.exports import file_receipt
from ensemble.rendering.leader import LEADER, Lead, take_in, take_up
from ensemble.rendering.recorder import OnProgress, OnTake, TakeRecorder
from ensemble.rendering.request import DEFAULT_BAND, DEFAULT_RATE, RenderRequest, weights_of
from ensemble.report import write_report
from ensemble.types.music import Heard

BandFactory = Callable[[RenderPlan], Band]
"""Seats the players of a plan: `LocalBand`, or one that puts them on a cluster."""


def render(
    leader: str | Path | None,
    out: str | Path,
    *,
    band: str | BandSettings = DEFAULT_BAND,
    seed: int = 0,
    sample_rate: int = DEFAULT_RATE,
    voice: str | None = None,
    arranger: str | None = None,
    force: bool = False,
    seat: BandFactory = LocalBand,
    pace: Pace | None = None,
    overrides: Overrides | None = None,
    extension: Extension | None = None,
    on_progress: OnProgress | None = None,
    on_take: Callable[[Path], None] | None = None,
) -> Manifest:
    """Let a band follow a recording, or a melody in **kern or MIDI, which is then sounded and known by heart.

    Args:
        leader: the recording or score, or its URL; `None` plays the bundled one.
        out: the folder to fill, or the URL of one; made if absent, refused if not empty.
        band: a shipped band's name, the path of a YAML file, or settings.
        seed: of every random decision.
        sample_rate: of everything written: 16000, 32000, 44100 or 48000 Hz.
        voice: replaces the voice of every pitched follower (`naive`, `seeded` or the path of a trained one).
        arranger: replaces the band's own (`rules`, `learned` or the path of a trained one).
        force: replace an earlier render in `out`.
        seat: seats the players; the default plays in this process, `agents.band.RayBand` on Ray.
        pace: how the work is cut up; never changes the sound.
        overrides: a tempo, a metre, a key or chords in place of what is heard.
        extension: how the leader goes on after its end, in how many ways; it ends where the recording does when absent.
        on_progress: told the stage and how much of it is done (done, total).
        on_take: told the folder of each take that can be heard before the rest is done; of none where an earlier
            render is replaced.

    Returns:
        The manifest, as written to `out/manifest.json`.

    Raises:
        EnsembleError: one line that says what is wrong and what to do; `out` is then as it was.
    """
    order = RenderRequest.of(
        band, seed=seed, sample_rate=sample_rate, voice=voice, arranger=arranger, overrides=overrides,
        extension=extension,
    )  # fmt: skip
    return fulfil(order, leader, out, force=force, seat=seat, pace=pace, on_progress=on_progress, on_take=on_take)


def fulfil(
    order: RenderRequest,
    leader: str | Path | None,
    out: str | Path,
    *,
    force: bool = False,
    seat: BandFactory = LocalBand,
    pace: Pace | None = None,
    on_progress: OnProgress | None = None,
    on_take: Callable[[Path], None] | None = None,
) -> Manifest:
    """Render what was ordered; see `render`."""
    began = time.perf_counter()
    progress = on_progress or (lambda _stage, _done, _total: None)
    pace = pace or Pace()
    given = leader_path() if leader is None else leader

    with destination(out, force=force) as folder, fetched(given) as source, ExitStack() as opened:
        progress("read", 0, 1)
        lead = take_in(source, order.sample_rate, folder.path)
        plan = order.plan(lead.clip.digest, lead.score_sha256)
        tape = opened.enter_context(closing(Checkpoint(folder.tape_path)))
        tape.note_plan(plan, printable(Path(source.name)), lead.source_sha256)
        return _fill(folder, lead, plan, tape, Path(out), seat, pace, progress, on_take, began=began)


def resume(
    out: str | Path,
    *,
    seat: BandFactory = LocalBand,
    pace: Pace | None = None,
    on_progress: OnProgress | None = None,
    on_take: Callable[[Path], None] | None = None,
) -> Manifest:
    """Go on with a render that was broken off, from the last block that was acknowledged.

    Every argument is `render`'s. The bytes are those of a render that nobody disturbed.

    Raises:
        OutputError: nothing was broken off in `out`, or it had not played a block.
        EnsembleError: one line that says what is wrong and what to do.
    """
    began = time.perf_counter()
    with taken_over(Path(out)) as folder, closing(read_checkpoint(folder.tape_path)) as tape:
        plan = tape.plan
        if plan is None:
            raise OutputError(str(out), "holds a tape without a plan", "render again with --force")
        check_weights(plan)
        lead = replace(take_up(folder.path, plan, tape.source), source_sha256=tape.source_sha256)
        progress = on_progress or (lambda _stage, _done, _total: None)
        return _fill(folder, lead, plan, tape, Path(out), seat, pace or Pace(), progress, on_take, began=began)


def _fill(
    folder: Publisher,
    lead: Lead,
    plan: RenderPlan,
    tape: Checkpoint,
    out: Path,
    seat: BandFactory,
    pace: Pace,
    progress: OnProgress,
    on_take: Callable[[Path], None] | None,
    *,
    began: float,
) -> Manifest:
    """Play into a folder that will be delivered, and write what is told of it."""
    is_resumed = tape.has_blocks

    def hand_over(take: str) -> None:
        if folder.hand_over(take) and on_take is not None:
            on_take(out / take)

    made = produce(lead, plan, folder.path, seat, pace, progress, hand_over, tape)
    progress("report", 0, 1)
    performance = made.performance
    manifest = Manifest(
        ensemble_version=ensemble_version(),
        plan=made.plan,
        source=tape.source,
        source_sha256=lead.source_sha256,
        heard=_summary(performance.takes[0].heard),
        leader=file_receipt(folder.path / LEADER),
        takes=made.takes,
        execution=Execution(
            band_kind=made.band_kind,
            block_frames=pace.block_frames,
            actors=made.actors,
            restarts=made.tally.restarts,
            replays=made.tally.replays,
            incidents=made.tally.incidents,
            is_resumed=is_resumed,
            duration_s=max(take.num_frames for take in performance.takes) / clock.FRAME_RATE_HZ,
            seconds=made.seconds | {"total": time.perf_counter() - began},
            busy_s=made.tally.busy_s,
            shared_s=performance.shared_frames / clock.FRAME_RATE_HZ,
        ),
        fingerprint=fingerprint(),
        exact=made.tally.exact and tape.is_of_this_machine,
    )
    manifest.write(folder.path / "manifest.json")
    write_report(folder.path, manifest, performance.takes)
    return manifest


def check_weights(plan: RenderPlan) -> None:
    """Make sure that the voices, the conductor and the arranger are the plan's.

    Raises:
        VerifyError: one of them is another file now.
    """
    now = weights_of(plan.band)
    for follower in plan.band.followers:
        if now.get(follower.name) != plan.weights_sha256.get(follower.name):
            raise VerifyError(follower.voice, f"is not the voice that {follower.name!r} played", "restore its weights")
    for office, work in (("conductor", "led the band"), ("arranger", "wrote the parts")):
        if now.get(office) != plan.weights_sha256.get(office):
            raise VerifyError(getattr(plan.band, office), f"is not the {office} that {work}", "restore its weights")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One plan, played into a folder. plan: with what was found, where something was looked for."""

    performance: Performance
    plan: RenderPlan
    takes: dict[str, TakeReceipt]
    tally: Tally
    band_kind: str
    actors: int
    seconds: dict[str, float]


def produce(
    lead: Lead,
    plan: RenderPlan,
    folder: Path,
    seat: BandFactory,
    pace: Pace,
    on_progress: OnProgress,
    on_take: OnTake = lambda _take: None,
    tape: Checkpoint | None = None,
) -> Made:
    """Play a plan into `folder/take-00` and on: stems, mix, MIDI and dynamics. The same bytes for the same plan.

    Raises:
        EnsembleError: an input is refused, or a player could not be seated or answered too late.
    """
    began = time.perf_counter()
    on_progress("seat", 0, 1)
    band = seat(plan)
    seated_s = time.perf_counter() - began
    try:
        with TakeRecorder(lead, plan, folder, on_progress, on_take, tape) as studio:
            performance = perform(band, lead, plan, pace, studio, on_progress)
        tally = band.tally()
    finally:
        band.close()
    return Made(
        performance=performance,
        plan=studio.plan,
        takes=studio.takes,
        tally=tally,
        band_kind=band.kind,
        actors=band.actors,
        seconds=_apart({"seat": seated_s} | performance.seconds, studio.seconds),
    )


def _apart(seconds: dict[str, float], kept: dict[str, float]) -> dict[str, float]:
    """Takes are mixed and measured while the next ones play: that time is counted once."""
    return seconds | {"play": seconds["play"] - sum(kept.values())} | kept


def _summary(heard: Heard) -> HeardSummary:
    return HeardSummary(
        tempo_bpm=round(heard.tempo_bpm, 2),
        beats_per_bar=heard.beats_per_bar,
        num_beats=len(heard.beats_s),
        key=str(heard.key),
        tuning_cents=round(heard.tuning_cents, 1),
        chords=tuple(str(chord) for chord in heard.chords),
        warnings=tuple(found.text for found in heard.diagnostics),
        codes=tuple(found.code for found in heard.diagnostics),
    )
