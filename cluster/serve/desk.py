"""The desk: all that the page draws of a take, from what was heard and what was planned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble.chart.chart import Chart
from ensemble.chart.editing import with_bar
from ensemble.chart.text import write_chart
from ensemble.chart.transposing import transposed
from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.conduct.intro import leaders_bar_one
from ensemble.config import FollowerSettings, Settings
from ensemble.errors import ConfigError
from ensemble.files.replace import write_whole
from ensemble.listen.overrides import Overrides
from ensemble.manifest import Manifest
from ensemble.plan import RenderPlan
from ensemble.report import facts
from ensemble.report.tracks import CENTRE_DB, HUES
from ensemble.takes import AS_GIVEN, recorded_chart
from ensemble.types.music import Arrangement, Heard


class DeskChord(Settings):
    """A chord of a bar."""

    name: str
    """As musicians write it."""
    num_beats: int
    """How long it holds."""
    start_s: float
    """When it begins."""
    other: str | None
    """The second choice, where it is as likely wrong as right."""


class DeskBar(Settings):
    """A bar."""

    number: int
    """From 1 on; 0 is the pick-up."""
    start_s: float
    """When it begins."""
    stop_s: float
    """When it ends."""
    chords: tuple[DeskChord, ...]
    """In order."""
    is_doubtful: bool
    """Whether it is as likely to begin elsewhere."""
    chart_bar: int | None
    """The bar of the chart that is played here, from 1 on; None in the pick-up and the band's intro."""


class DeskSection(Settings):
    """A section of the song."""

    name: str
    """Its name; empty for what stands before the first one."""
    bar: int
    """The bar that it begins with."""
    start_s: float
    """When it begins."""
    energy: float | None
    """How much the band gives, 0 to 1, where the chart says so."""


class DeskDoubt(Settings):
    """Something that may be otherwise than it was played."""

    what: str
    """`tempo`, `metre`, `bar 1` or `chord`."""
    bar: int
    """The bar that it is about; 0: the whole song."""
    heard: str
    """As it was played."""
    other: str
    """The second choice."""
    edits: dict[str, Any]
    """The redo that takes the second choice."""


class DeskWarning(Settings):
    """What the listener should know."""

    code: str
    """See `ensemble.types.diagnostics`."""
    text: str
    """One sentence."""


class HeardDesk(Settings):
    """What was heard of the leader of a take, and the chart that it is played by."""

    num_samples: int
    """Of the take, per channel."""
    tempo_bpm: float
    """Beats a minute."""
    tempo_confidence: float
    """How probably it is right, 0..1."""
    second_tempo_bpm: float | None
    """The second choice."""
    beats_per_bar: int
    """Beats in a bar."""
    beat_division: int
    """Equal parts of a beat: 3 in compound metres."""
    key: str
    """The main key."""
    beats_s: tuple[float, ...]
    """When each beat is, in seconds of the take."""
    downbeats: tuple[int, ...]
    """The beats that begin a bar."""
    chords: tuple[str, ...]
    """The chord on each beat."""
    chord_confidence: tuple[float, ...]
    """How probably each is right; empty where all are known."""
    other_chords: tuple[str | None, ...]
    """The second choice on each beat; empty where all are known."""
    bars: tuple[DeskBar, ...]
    """The bars with their chords."""
    sections: tuple[DeskSection, ...]
    """The sections of the chart."""
    doubts: tuple[DeskDoubt, ...]
    """What may be otherwise."""
    warnings: tuple[DeskWarning, ...]
    """What was in doubt or assumed."""
    chart: str
    """The text of the chart, of the recording without the band's intro."""


class DeskLane(Settings):
    """The leader or a part."""

    name: str
    """Its name."""
    kind: str
    """`leader` or `part`."""
    instrument: str
    """What is played; empty for the leader."""
    role: str
    """What for; empty for the leader."""
    voice: str
    """The network that it sounds through; empty for the leader."""
    gain_db: float
    """The fader."""
    pan: float
    """-1 left to 1 right."""
    density: float | None
    """How many notes it plays, where that is said."""
    seed: int | None
    """Its own random seed, where it has one."""
    is_locked: bool
    """Whether its notes stay as they are."""
    level_db: float
    """What brings the sound of its file to its level in the mix; 0 while that is not known."""
    hue: int
    """Of its colour, in degrees."""


class Desk(HeardDesk):
    """All that the page draws of a take."""

    song: str
    """The song."""
    version: int | None
    """The version; None of a render that runs."""
    job: str | None
    """The job that renders it; None of a version."""
    take: str
    """The take."""
    duration_s: float
    """Of the take, in seconds."""
    sample_rate: int
    """In Hz."""
    overrides: Overrides
    """What was said of the recording."""
    band: str
    """The band's name."""
    style: str | None
    """How it plays, where that is said."""
    seed: int
    """Random seed."""
    intro: str | None
    """How the band begins, where that is said."""
    ending: str | None
    """How it ends, where that is said."""
    complexity: float | None
    """See `Manner`."""
    humanize: float | None
    """See `Manner`."""
    lanes: tuple[DeskLane, ...]
    """The leader, then every part."""
    has_mix: bool
    """Whether there is a mix already."""


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
            lanes=_lanes(self.plan, 0.0 if receipt is None else receipt.mix_gain_db), has_mix=version is not None,
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
    said = plan.request.overrides.model_dump(exclude_defaults=True, mode="json")
    found = []
    for doubt in facts.doubts(heard):
        edits: dict[str, Any] | None
        if doubt.what == "tempo":
            edits = {"overrides": _without(said, "chart", "beat_level") | {"tempo_bpm": heard.second_tempo_bpm}}
        elif doubt.what == "chord":
            edits = _other_chord(chart, doubt, intro_bars, plan.request.transpose)
        elif heard.second_bars is not None and doubt.what == "metre":
            edits = {"overrides": _without(said, "chart") | {"beats_per_bar": heard.second_bars[0]}}
        elif heard.second_bars is not None:
            first_s = float(heard.beats_s[heard.second_bars[1]])
            edits = {"overrides": _without(said, "chart") | {"first_downbeat_s": round(first_s, 3)}}
        if edits is not None:
            found.append(DeskDoubt(what=doubt.what, bar=doubt.bar, heard=doubt.heard, other=doubt.other, edits=edits))
    return found


def _other_chord(chart: Chart, doubt: facts.ChartDoubt, intro_bars: int, semitones: int) -> dict[str, Any] | None:
    """The chart with the second choice in one bar; doubts are in the key that is played."""
    bar = (doubt.bar - 1 - intro_bars) % len(chart.bars) + 1
    try:
        corrected = with_bar(transposed(chart, semitones), bar, doubt.line.strip("| ").split())
        return {"chart": write_chart(transposed(corrected, -semitones))}
    except ConfigError:
        return None  # a bar of another metre than the chart's


def _without(said: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name not in names}


def _lanes(plan: RenderPlan, bus_db: float) -> tuple[DeskLane, ...]:
    band = plan.request.band
    leader = DeskLane(
        name="leader", kind="leader", instrument="", role="", voice="", gain_db=band.mix.leader_gain_db, pan=0.0,
        density=None, seed=None, is_locked=False, level_db=bus_db + band.mix.leader_gain_db + CENTRE_DB, hue=HUES[0],
    )  # fmt: skip
    parts = [_part(one, bus_db, HUES[index % len(HUES)]) for index, one in enumerate(band.followers)]
    return (leader, *parts)


def _part(one: FollowerSettings, bus_db: float, hue: int) -> DeskLane:
    return DeskLane(
        name=one.name, kind="part", instrument=one.instrument, role=one.role, voice=Path(one.voice).stem,
        gain_db=one.gain_db, pan=one.pan, density=one.density, seed=one.seed,
        is_locked=one.given is not None and one.given.kind == "locked", level_db=bus_db, hue=hue,
    )  # fmt: skip
