"""`RenderSession` plays a plan into a folder and returns its manifest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ensemble import clock
from ensemble.band import Band, LocalBand
from ensemble.events import Events, unheard
from ensemble.machine import ensemble_version, fingerprint
from ensemble.manifest import Execution, HeardKey, HeardSummary, Manifest
from ensemble.perform import Pace, Performance, perform
from ensemble.plan import RenderPlan
from ensemble.rendering.checkpoint import Checkpoint
from ensemble.rendering.earlier import Earlier
from ensemble.rendering.exports import file_receipt
from ensemble.rendering.memory import Memory
from ensemble.rendering.recorder import TakeRecorder
from ensemble.rendering.remembering import RememberingBand
from ensemble.takes import LEADER, Lead
from ensemble.types.music import Heard

BandFactory = Callable[[RenderPlan], Band]
"""Makes the band that plays a plan: `LocalBand` in this process, or one on a cluster."""


@dataclass(kw_only=True)
class RenderSession:
    """Plays one plan into one folder."""

    folder: Path
    """Holds the leader as `leader.wav`; a folder for each take is added."""
    checkpoint: Checkpoint
    """The render's checkpoint: where an earlier process stopped, and the name of the leader's file."""
    band_factory: BandFactory = LocalBand
    """Makes the band."""
    pace: Pace = field(default_factory=Pace)
    """How the work is divided."""
    events: Events = field(default_factory=Events)
    """Receives the stages and how much of them is done."""
    on_take: Callable[[str], None] = unheard
    """Called with the name of each take when all its files are written."""
    memory: Path | None = None
    """File of what is remembered for `redo`, and of what an earlier render remembered; None: nothing is."""
    earlier: Earlier | None = None
    """The version that this one is made of; its files are taken over where they would be equal."""
    began_s: float = field(default_factory=time.perf_counter)
    """When the render was asked for, by `time.perf_counter`."""

    def run(self, lead: Lead, plan: RenderPlan) -> tuple[Manifest, Performance]:
        """Play a plan and write stems, mix, MIDI and dynamics of every take: the same bytes for the same plan.

        Raises:
            EnsembleError: an input is refused, a player cannot be placed, or a worker answered too late.
            OSError: the disk is full.
        """
        self.events.progress("seat", 0, 1)
        placing_s = time.perf_counter()
        memory = None if self.memory is None else Memory(self.memory)
        band = self._band(plan, memory)
        placing_s = time.perf_counter() - placing_s
        reached = self.checkpoint.reached()
        try:
            with TakeRecorder(
                plan, self.folder, self.checkpoint, reached, self.events, self.on_take, self.earlier
            ) as recorder:
                performance = perform(
                    band, lead, plan, recorder=recorder, pace=self.pace, events=self.events, reached=reached
                )
            tally = band.tally()
            if memory is not None and tally.exact:
                memory.forget_unused()
        finally:
            band.close()
            if memory is not None:
                memory.close()
        seconds = {"seat": placing_s} | performance.seconds | recorder.seconds
        seconds["play"] -= sum(recorder.seconds.values())  # takes are mixed and written within the stage `play`
        manifest = Manifest(
            ensemble_version=ensemble_version(),
            plan=performance.plan,
            source=self.checkpoint.source,
            source_sha256=lead.source_sha256,
            heard=_summary(performance.takes[0].heard),
            leader=file_receipt(self.folder / LEADER),
            takes=recorder.takes,
            execution=Execution(
                band_kind=band.kind,
                block_frames=self.pace.block_frames,
                actors=band.actors,
                restarts=tally.restarts,
                replays=tally.replays,
                incidents=tally.incidents,
                is_resumed=self.checkpoint.is_resumed,
                duration_s=max(take.arrangement.num_frames for take in performance.takes) / clock.FRAME_RATE_HZ,
                seconds=seconds | {"total": time.perf_counter() - self.began_s},
                busy_s=tally.busy_s,
                shared_s=performance.shared_frames / clock.FRAME_RATE_HZ,
            ),
            fingerprint=fingerprint(),
            exact=tally.exact and self.checkpoint.is_of_this_machine,
        )
        return manifest, performance

    def _band(self, plan: RenderPlan, memory: Memory | None) -> Band:
        if memory is None:
            return self.band_factory(plan)
        earlier = self.earlier
        return RememberingBand(
            self.band_factory, plan, memory, self.pace.deadline_s, needs_states=earlier is None,
            was=None if earlier is None else earlier.plan,
        )  # fmt: skip


def _summary(heard: Heard) -> HeardSummary:
    return HeardSummary(
        tempo_bpm=round(heard.tempo_bpm, 2),
        beats_per_bar=heard.beats_per_bar,
        beat_division=heard.beat_division,
        tempo_confidence=round(heard.tempo_confidence, 3),
        second_tempo_bpm=None if heard.second_tempo_bpm is None else round(heard.second_tempo_bpm, 2),
        beat_confidence=tuple(round(sure, 3) for sure in heard.beat_confidence.tolist()),
        bar_confidence=tuple(round(sure, 3) for sure in heard.bar_confidence.tolist()),
        second_bars=heard.second_bars,
        num_beats=len(heard.beats_s),
        key=str(heard.key),
        tuning_cents=round(heard.tuning_cents, 1),
        chords=heard.chord_names,
        chord_confidence=tuple(round(doubt.confidence, 3) for doubt in heard.chord_doubts),
        other_chords=heard.other_chord_names,
        key_sections=tuple(
            HeardKey(
                start_beat=section.start_beat,
                key=str(section.key),
                confidence=round(section.confidence, 3),
                other=None if section.other is None else str(section.other),
            )
            for section in heard.key_sections
        ),
        warnings=tuple(found.text for found in heard.diagnostics),
        codes=tuple(found.code for found in heard.diagnostics),
    )
