"""A leader in, an ensemble out: from a recording to a folder with stems, a mix, MIDI, a manifest and a report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ensemble import clock, demo
from ensemble.audio.files import printable
from ensemble.band import Band, LocalBand, Tally
from ensemble.conduct.midi import write_midi
from ensemble.config import BandSettings, load_band, located_voice
from ensemble.deliver import StemFiles, delivery, receipt, write_dynamics
from ensemble.lead import LEADER, Lead, take_in
from ensemble.measure.levels import stem_facts
from ensemble.mix.bus import mix_files
from ensemble.perform import Pace, Performance, perform
from ensemble.plan import Execution, HeardSummary, Manifest, RenderPlan, TakeReceipt, ensemble_version, fingerprint
from ensemble.play.checkpoint import weights_sha256
from ensemble.report import write_report
from ensemble.types import Heard

Seat = Callable[[RenderPlan], Band]
"""Seats the players of a plan: `LocalBand`, or one that puts them on a cluster."""
OnProgress = Callable[[str, int, int], None]
TAKE = "take-00"
DEFAULT_BAND = "rock"
DEFAULT_RATE = 48_000


def render(
    leader: str | Path | None,
    out: str | Path,
    *,
    band: str | BandSettings = DEFAULT_BAND,
    seed: int = 0,
    sample_rate: int = DEFAULT_RATE,
    voice: str | None = None,
    force: bool = False,
    seat: Seat = LocalBand,
    pace: Pace | None = None,
    on_progress: OnProgress | None = None,
) -> Manifest:
    """Let a band follow a recording, or a melody in **kern or MIDI, which is then sounded and known by heart.

    Args:
        leader: the recording or score; `None` plays the bundled one.
        out: the folder to fill; made if absent, refused if not empty.
        band: a shipped band's name, the path of a YAML file, or settings.
        seed: of every random decision.
        sample_rate: of everything written: 16000, 32000, 44100 or 48000 Hz.
        voice: replaces the voice of every pitched follower (`naive`, `seeded` or the path of a trained one).
        force: replace an earlier render in `out`.
        seat: seats the players; the default plays in this process, `agents.band.RayBand` on Ray.
        pace: how the work is cut up; never changes the sound.
        on_progress: told the stage and how much of it is done (done, total).

    Returns:
        The manifest, as written to `out/manifest.json`.

    Raises:
        EnsembleError: one line that says what is wrong and what to do; `out` is then as it was.
    """
    began = time.perf_counter()
    progress = on_progress or (lambda _stage, _done, _total: None)
    pace = pace or Pace()
    settings = band if isinstance(band, BandSettings) else load_band(band)
    if voice is not None:
        settings = settings.with_voice(located_voice(voice, Path.cwd()))
    clock.hop_samples(sample_rate)
    weights = {follower.name: digest for follower in settings.followers if (digest := weights_sha256(follower.voice))}
    source = demo.leader_path() if leader is None else Path(leader)

    with delivery(Path(out), force=force) as folder:
        progress("read", 0, 1)
        lead = take_in(source, sample_rate, folder)
        plan = RenderPlan(
            leader_sha256=lead.clip.digest,
            score_sha256=lead.score_sha256,
            sample_rate=sample_rate,
            seed=seed,
            band=settings,
            weights_sha256=weights,
        )
        made = produce(lead, plan, folder, seat, pace, progress)
        progress("report", 0, 1)
        performance = made.performance
        manifest = Manifest(
            ensemble_version=ensemble_version(),
            plan=plan,
            source=printable(Path(source.name)),
            source_sha256=lead.source_sha256,
            heard=_summary(performance.heard),
            leader=receipt(folder / LEADER),
            takes={TAKE: made.take},
            execution=Execution(
                band_kind=made.band_kind,
                block_frames=pace.block_frames,
                actors=made.actors,
                restarts=made.tally.restarts,
                duration_s=performance.num_frames / clock.FRAME_RATE_HZ,
                seconds=made.seconds | {"total": time.perf_counter() - began},
                busy_s=made.tally.busy_s,
            ),
            fingerprint=fingerprint(),
            exact=made.tally.exact,
        )
        manifest.write(folder / "manifest.json")
        write_report(folder, manifest, performance.heard, performance.parts, performance.dynamics)
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One plan, played into a folder."""

    performance: Performance
    take: TakeReceipt
    tally: Tally
    band_kind: str
    actors: int
    seconds: dict[str, float]


def produce(lead: Lead, plan: RenderPlan, folder: Path, seat: Seat, pace: Pace, on_progress: OnProgress) -> Made:
    """Play a plan into `folder/take-00`: stems, mix, MIDI and dynamics. The same bytes for the same plan.

    Raises:
        EnsembleError: an input is refused, or a player could not be seated or answered too late.
    """
    take = folder / TAKE
    seconds: dict[str, float] = {}
    with _timed(seconds, "seat"):
        on_progress("seat", 0, 1)
        band = seat(plan)
    try:
        stems = StemFiles(take / "stems", plan.band.followers, plan.sample_rate)
        try:
            performance = perform(band, lead.clip, plan, pace, stems.append, on_progress, lead.known)
        finally:
            stems.close()
        tally = band.tally()
    finally:
        band.close()
    with _timed(seconds, "mix"):
        on_progress("mix", 0, 1)
        mix_gain_db = mix_files(folder / LEADER, list(stems.paths.values()), take / "mix.wav", plan.band.mix)
    with _timed(seconds, "write"):
        (take / "parts").mkdir()
        for follower, part in zip(plan.band.followers, performance.parts, strict=True):
            write_midi(take / "parts" / f"{follower.name}.mid", part, follower, performance.heard)
        write_dynamics(take / "dynamics.csv", performance.heard, performance.dynamics)
    with _timed(seconds, "measure"):
        on_progress("measure", 0, 1)
        seams = clock.seams(performance.num_frames, plan.sample_rate)
        facts = {name: stem_facts(path, seams) for name, path in (stems.paths | {"mix": take / "mix.wav"}).items()}
        files = {str(path.relative_to(take)): receipt(path) for path in sorted(take.rglob("*")) if path.is_file()}
    return Made(
        performance=performance,
        take=TakeReceipt(files=files, facts=facts, mix_gain_db=mix_gain_db),
        tally=tally,
        band_kind=band.kind,
        actors=band.actors,
        seconds=performance.seconds | seconds,
    )


@contextlib.contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began


def _summary(heard: Heard) -> HeardSummary:
    return HeardSummary(
        tempo_bpm=round(heard.tempo_bpm, 2),
        beats_per_bar=heard.beats_per_bar,
        num_beats=len(heard.beats_s),
        key=str(heard.key),
        tuning_cents=round(heard.tuning_cents, 1),
        chords=tuple(str(chord) for chord in heard.chords),
        warnings=heard.warnings,
    )
