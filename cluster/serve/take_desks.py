"""`TakeDesks`: makes the desk of each take from what was heard and planned, and keeps it beside the render."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.serve.desk import Desk, DeskBar, DeskChord, DeskDoubt, DeskLane, DeskSection, DeskWarning, HeardDesk
from ensemble.chart.chart import Chart
from ensemble.chart.editing import with_bar
from ensemble.chart.text import write_chart
from ensemble.chart.transposing import transposed
from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.conduct.intro import leaders_bar_one
from ensemble.config import FollowerSettings, Settings
from ensemble.errors import ConfigError
from ensemble.files.replace import write_whole
from ensemble.manifest import Manifest, TakeReceipt
from ensemble.mix.room import ROOM
from ensemble.plan import RenderPlan
from ensemble.report import facts
from ensemble.report.tracks import CENTRE_DB, HUES
from ensemble.takes import AS_GIVEN, recorded_chart
from ensemble.types.music import Arrangement, Heard


class TakeDesks(Settings):
    """The plan of a version, and what was heard of each take: what a renderer leaves beside its render."""

    plan: RenderPlan
    """With the continuations that were found."""
    takes: dict[str, HeardDesk]
    """By the take's name."""

    @staticmethod
    def of(plan: RenderPlan, takes: Mapping[str, tuple[Heard, Arrangement]], title: str) -> TakeDesks:
        """Write down what was heard and written for each take."""
        hop = hop_samples(plan.request.sample_rate)
        written = {
            name: _heard_desk(plan, heard, arrangement.num_frames * hop, title)
            for name, (heard, arrangement) in takes.items()
        }
        return TakeDesks(plan=plan, takes=written)

    def desk(
        self,
        take: str,
        *,
        song: str,
        manifest: Manifest | None,
        version: int | None = None,
        job: str | None = None,
    ) -> Desk:
        """The desk of a take.

        Args:
            take: its name; must be in `takes`.
            song: the song's name.
            manifest: of the version; of a render that runs, of the version that it is made from; None without one.
            version: the version.
            job: the job that renders it.
        """
        request = self.plan.request
        band = request.band
        receipt = None if manifest is None else manifest.takes.get(take) or manifest.takes[AS_GIVEN]
        return Desk(
            **self.takes[take].model_dump(),
            song=song, version=version, job=job, take=take, sample_rate=request.sample_rate,
            duration_s=self.takes[take].num_samples / request.sample_rate,
            overrides=request.overrides.transposed(-request.transpose), band=band.name,
            style=None if band.style is None else band.style.name, seed=request.seed, intro=band.intro,
            ending=band.ending, complexity=band.complexity, humanize=band.humanize,
            lanes=_lanes(self.plan, receipt), live=None if manifest is None else manifest.live,
            has_mix=version is not None,
        )  # fmt: skip

    def write(self, path: Path) -> None:
        """Write everything into a file.

        Raises:
            OSError: the disk is full.
        """
        write_whole(path, self.model_dump_json().encode())

    @staticmethod
    def read(path: Path) -> TakeDesks:
        """Read such a file.

        Raises:
            OSError: there is none.
        """
        return TakeDesks.model_validate_json(path.read_bytes())


def _heard_desk(plan: RenderPlan, heard: Heard, num_samples: int, title: str) -> HeardDesk:
    chart = recorded_chart(heard, plan, title)
    bar_one = leaders_bar_one(heard, plan.request.band)
    beats_s = [round(float(beat), 4) for beat in heard.beats_s]
    intro_bars = (bar_one - heard.first_downbeat) // heard.beats_per_bar
    bars = _bars(heard, chart, bar_one, intro_bars, beats_s)
    return HeardDesk(
        num_samples=num_samples,
        tempo_bpm=round(heard.tempo_bpm, 2),
        tempo_confidence=round(heard.tempo_confidence, 3),
        second_tempo_bpm=None if heard.second_tempo_bpm is None else round(heard.second_tempo_bpm, 2),
        beats_per_bar=heard.beats_per_bar,
        beat_division=heard.beat_division,
        key=str(heard.key),
        beats_s=tuple(beats_s),
        downbeats=tuple(int(beat) for beat in heard.downbeats),
        chords=tuple(heard.chord_names),
        chord_confidence=tuple(round(float(doubt.confidence), 3) for doubt in heard.chord_doubts),
        other_chords=tuple(heard.other_chord_names),
        bars=bars,
        sections=_sections(chart, bars),
        doubts=tuple(_doubts(plan, heard, chart, intro_bars)),
        warnings=tuple(DeskWarning(code=found.code, text=found.text) for found in heard.diagnostics),
        chart=write_chart(chart),
    )


def _bars(heard: Heard, chart: Chart, bar_one: int, intro_bars: int, beats_s: list[float]) -> tuple[DeskBar, ...]:
    """The bars with their times."""
    found = []
    after_s = heard.frames.num_frames / FRAME_RATE_HZ
    beat = facts.entry(heard)
    for bar in facts.bars(heard, chart, bar_one):
        if bar.number:
            beat = int(heard.downbeats[bar.number - 1])
        start, chords = beat, []
        for chord in bar.chords:
            chords.append(
                DeskChord(name=chord.name, num_beats=chord.num_beats, start_s=beats_s[beat], other=chord.other)
            )
            beat += chord.num_beats
        of_chart = bar.number - 1 - intro_bars
        found.append(
            DeskBar(
                number=bar.number,
                start_s=beats_s[start],
                stop_s=beats_s[beat] if beat < len(beats_s) else round(after_s, 4),
                chords=tuple(chords),
                is_doubtful=bar.is_doubtful,
                chart_bar=of_chart % len(chart.bars) + 1 if bar.number and of_chart >= 0 else None,
            )
        )
    return tuple(found)


def _sections(chart: Chart, bars: tuple[DeskBar, ...]) -> tuple[DeskSection, ...]:
    notes, found = chart.notes, list[DeskSection]()
    for bar in bars:
        if bar.chart_bar is not None and (notes[bar.chart_bar - 1].section or not found):
            name, energy = notes[bar.chart_bar - 1].section, chart.bars[bar.chart_bar - 1].energy
            found.append(DeskSection(name=name, bar=bar.number, start_s=bar.start_s, energy=energy))
    return tuple(found)


def _doubts(plan: RenderPlan, heard: Heard, chart: Chart, intro_bars: int) -> list[DeskDoubt]:
    """What may be otherwise, each with the redo that takes the second choice."""
    said = plan.request.overrides.model_dump(exclude_defaults=True, mode="json", exclude={"chart"})
    found = []
    for doubt in facts.doubts(heard):
        if doubt.what == "chord":
            edits = _other_chord(chart, doubt, intro_bars, plan.request.transpose)
        else:
            edits = {"overrides": said | _second_choice(heard, doubt.what)}
        if edits is not None:
            found.append(DeskDoubt(what=doubt.what, bar=doubt.bar, heard=doubt.heard, other=doubt.other, edits=edits))
    return found


def _second_choice(heard: Heard, what: str) -> dict[str, Any]:
    """What is said of the recording where its tempo or its bars are those of the second choice."""
    if what == "tempo":
        return {"tempo_bpm": heard.second_tempo_bpm, "beat_level": None}
    beats_per_bar, first = heard.second_bars or (heard.beats_per_bar, heard.first_downbeat)
    if what == "metre":
        return {"beats_per_bar": beats_per_bar}
    return {"first_downbeat_s": round(float(heard.beats_s[first]), 3)}


def _other_chord(chart: Chart, doubt: facts.ChartDoubt, intro_bars: int, semitones: int) -> dict[str, Any] | None:
    """The chart with the second choice in one bar; doubts are in the key that is played."""
    bar = (doubt.bar - 1 - intro_bars) % len(chart.bars) + 1
    try:
        corrected = with_bar(transposed(chart, semitones), bar, doubt.line.strip("| ").split())
        return {"chart": write_chart(transposed(corrected, -semitones))}
    except ConfigError:
        return None  # a bar of another metre than the chart's


def _lanes(plan: RenderPlan, receipt: TakeReceipt | None) -> tuple[DeskLane, ...]:
    """The leader, every part, and the room once it is there."""
    band = plan.request.band
    bus_db, lift_db = (0.0, 0.0) if receipt is None else (receipt.mix_gain_db, receipt.leader_lift_db)
    leader = DeskLane(
        name="leader", kind="leader", instrument="", role="", voice="", gain_db=band.mix.leader_gain_db, pan=0.0,
        density=None, seed=None, is_locked=False, hue=HUES[0],
        level_db=bus_db + band.mix.leader_gain_db + lift_db + CENTRE_DB,
    )  # fmt: skip
    parts = [_part(one, bus_db, HUES[index % len(HUES)]) for index, one in enumerate(band.followers)]
    has_room = receipt is not None and ROOM in receipt.facts and band.mix.room is not None
    room = DeskLane(
        name=ROOM, kind="room", instrument="", role="", voice="", gain_db=0.0, pan=0.0, density=None, seed=None,
        is_locked=False, level_db=bus_db, hue=HUES[0],
    )  # fmt: skip
    return (leader, *parts, *([room] if has_room else []))


def _part(one: FollowerSettings, bus_db: float, hue: int) -> DeskLane:
    return DeskLane(
        name=one.name, kind="part", instrument=one.instrument, role=one.role, voice=Path(one.voice).stem,
        gain_db=one.gain_db, pan=one.pan, density=one.density, seed=one.seed,
        is_locked=one.given is not None and one.given.kind == "locked", level_db=bus_db, hue=hue,
    )  # fmt: skip
