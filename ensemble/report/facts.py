"""What was heard and measured, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ensemble.chart.chart import Chart
from ensemble.listen.charted import written_bar
from ensemble.manifest import Manifest, TakeReceipt
from ensemble.measure.cases import FollowPart, LeadPart
from ensemble.measure.following import Following, following
from ensemble.measure.timing import matched
from ensemble.types.harmony import Chord
from ensemble.types.music import Heard
from ensemble.types.names import counted

MAX_CLICK_RATIO = 1.5
"""Above this click ratio a join between blocks may be audible."""
LOUDNESS_TOLERANCE_LU = 0.6
TRUE_PEAK_TOLERANCE_DB = 0.1
MAX_OFFSET_MS = 20.0
"""Followers further from the leader than this are heard as late."""
MIN_SHARED_ONSETS = 40
"""With fewer a drift is not shown: three strings, few of whose notes begin with the leader's, leave too little."""
EVEN_ODDS = 0.5
"""A chord or a bar line with less confidence is shown as doubtful."""
STAGES = {
    "seat": "placing the band", "listen": "listening", "retrieve": "finding what comes next",
    "arrange": "writing parts", "play": "playing", "mix": "mixing", "write": "MIDI and dynamics",
    "total": "all, without this page",
}  # fmt: skip
"""What the stages of a render are called."""
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of a list: what was measured or heard."""

    name: str
    """What it is about."""
    value: str
    """The figure, with its unit."""
    note: str = ""
    """A remark, in small print."""
    is_good: bool = True
    """Whether it is within its limit; always so where there is none."""


class BarChord(NamedTuple):
    """One chord of a bar of the chart."""

    name: str
    num_beats: int
    other: str | None
    """The second choice, where the chord is as likely wrong as right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the chord chart."""

    number: int
    """From 1; 0 is the pickup."""
    chords: tuple[BarChord, ...]
    """In order."""
    is_doubtful: bool
    """Whether it is as likely to begin elsewhere."""
    section: str = ""
    """The name of the section that begins with it, if one does."""


class ChartDoubt(NamedTuple):
    """Something that may be otherwise than it was played, and what the chart has to say then."""

    what: str
    """The tempo, the bars, or a bar's chord."""
    bar: int
    """The bar that it is about; 0: the whole song."""
    heard: str
    """As it was played."""
    other: str
    """The second choice."""
    line: str
    """What to write into the chart."""


def number(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """A number for reading: a real minus, fixed digits."""
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", MINUS)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def spoken(name: str) -> str:
    """A name from a file, for reading."""
    return name.replace("_", " ")


def with_accidentals(name: str) -> str:
    """The name of a chord or key with accidentals as musicians write them."""
    return name.replace("#", "\N{MUSIC SHARP SIGN}").replace("b", "\N{MUSIC FLAT SIGN}")


def headline(manifest: Manifest, heard: Heard, duration_s: float) -> list[Fact]:
    """What was heard of the leader."""
    cents = round(heard.tuning_cents)
    tuning = "440 Hz" if cents == 0 else f"{number(440 * 2 ** (heard.tuning_cents / 1200))} Hz"
    return [
        Fact(name="Duration", value=clock(duration_s), note=f"{number(duration_s)} s with the tail"),
        Fact(name="Tempo", value=f"{number(heard.tempo_bpm, 0)} bpm", note=f"{len(heard.beats_s)} beats heard"),
        Fact(name="Metre", value=counted(heard.beats_per_bar, heard.beat_division)),
        Fact(name="Key", value=with_accidentals(str(heard.key).split()[0]) + " " + heard.key.mode),
        Fact(name="Tuning", value=tuning, note=f"{number(cents, 0, signed=True)} cents" if cents else "as written"),
        Fact(name="Rate", value=f"{manifest.plan.request.sample_rate / 1000:g} kHz", note="24 bit"),
    ]


def notices(manifest: Manifest, heard: Heard) -> list[str]:
    """What the listener should know before trusting the render."""
    said = [found.text for found in heard.diagnostics]
    if not manifest.exact:
        said.append("The players ran on different kinds of machine: another render may differ in the last bits.")
    return said


def entry(heard: Heard) -> int:
    """The beat on which the leader begins: the first of the pick-up, or of bar 1."""
    before = range(heard.first_downbeat)
    return next((beat for beat in before if heard.frames.sounds_at(float(heard.beats_s[beat]))), heard.first_downbeat)


def second_choice(heard: Heard, start: int, stop: int) -> str | None:
    """What else the chord from one beat to another may be, where it is as likely wrong as right; None otherwise."""
    doubts = heard.chord_doubts[start:stop]
    if not doubts or sum(doubt.confidence for doubt in doubts) >= EVEN_ODDS * len(doubts):
        return None
    others = Counter(name for name in heard.other_chord_names[start:stop] if name is not None)
    return with_accidentals(others.most_common(1)[0][0]) if others else None


def is_doubtful_bar(heard: Heard, number: int) -> bool:
    """Whether a bar, counted from 1, is as likely to begin elsewhere."""
    return number <= len(heard.bar_confidence) and float(heard.bar_confidence[number - 1]) < EVEN_ODDS


def bars(heard: Heard, chart: Chart | None = None, bar_one: int | None = None) -> list[Bar]:
    """The chords as a chart, bar by bar; silence before the leader begins or after its end is left out.

    Args:
        heard: gives bars and chords.
        chart: gives the sections.
        bar_one: the beat on which the chart's first bar begins; None: the first downbeat.
    """
    notes = () if chart is None else chart.notes
    intro_bars = 0 if bar_one is None else (bar_one - heard.first_downbeat) // heard.beats_per_bar
    first = heard.first_downbeat
    stop = max((beat + 1 for beat, chord in enumerate(heard.chords) if chord.quality != "none"), default=0)
    starts = [beat for beat in heard.downbeats if beat < stop]
    stops = [*heard.downbeats[1:], len(heard.chords)]
    spans = [(0, entry(heard), first)] if entry(heard) < first else []
    spans += [(number, start, end) for number, (start, end) in enumerate(zip(starts, stops, strict=False), 1)]
    found = []
    for bar_number, start, stop in spans:
        chords = tuple(
            BarChord(with_accidentals(heard.chord_names[first]), last - first, second_choice(heard, first, last))
            for first, last in _runs(heard, start, stop)
        )
        doubtful = bar_number > 0 and is_doubtful_bar(heard, bar_number)
        of_chart = bar_number - 1 - intro_bars
        section = notes[of_chart % len(notes)].section if notes and bar_number and of_chart >= 0 else ""
        found.append(Bar(number=bar_number, chords=chords, is_doubtful=doubtful, section=section))
    return found


def doubts(heard: Heard) -> list[ChartDoubt]:
    """What may be otherwise, with the line of a chart that says so: tempo, bars, then chords in order."""
    found = []
    codes = {diagnostic.code for diagnostic in heard.diagnostics}
    if "tempo_uncertain" in codes and heard.second_tempo_bpm is not None:
        other = f"{heard.second_tempo_bpm:.0f}"
        found.append(ChartDoubt("tempo", 0, f"{heard.tempo_bpm:.0f} bpm", f"{other} bpm", f"tempo: {other}"))
    if "bars_uncertain" in codes and heard.second_bars is not None:
        found.append(_doubtful_bars(heard, *heard.second_bars))
    for number, start in enumerate(heard.downbeats, 1):
        stop = min(start + heard.beats_per_bar, len(heard.chords))
        for first, last in _runs(heard, start, stop):
            other_name = second_choice(heard, first, last)
            if other_name is not None:
                chords = list(heard.chords[start:stop])
                chords[first - start : last - start] = [_other(heard, first, last)] * (last - first)
                heard_name = with_accidentals(heard.chord_names[first])
                line = f"| {written_bar(chords, heard.keys[start])} |"
                found.append(ChartDoubt("chord", number, heard_name, other_name, line))
    return found


def _doubtful_bars(heard: Heard, beats_per_bar: int, first: int) -> ChartDoubt:
    if beats_per_bar != heard.beats_per_bar:
        counts = f"{heard.beats_per_bar} beats", f"{beats_per_bar} beats"
        signature = f"{beats_per_bar}/4" if heard.beat_division == 2 else f"{3 * beats_per_bar}/8"
        return ChartDoubt("metre", 0, *counts, f"metre: {signature}")
    at_s = [f"{heard.beats_s[beat]:.2f} s" for beat in (heard.first_downbeat, first)]
    return ChartDoubt("bar 1", 0, at_s[0], at_s[1], f"first downbeat: {heard.beats_s[first]:.3f}")


def _other(heard: Heard, start: int, stop: int) -> Chord:
    """The second choice for some beats of one chord: the one that is named most often."""
    others = Counter(doubt.other for doubt in heard.chord_doubts[start:stop] if doubt.other is not None)
    return others.most_common(1)[0][0]


def _runs(heard: Heard, start: int, stop: int) -> list[tuple[int, int]]:
    """The spans of beats with one chord each, from one beat to another."""
    names = heard.chord_names
    changes = [beat for beat in range(start, stop) if beat == start or names[beat] != names[beat - 1]]
    return [*pairwise([*changes, stop])]


class FileLink(NamedTuple):
    """A file of the render."""

    label: str
    path: str
    """From the folder of the render."""


def take_label(name: str) -> str:
    """What a take is called: the number is that of the command line."""
    return f"Take {int(name.rpartition('-')[2])}"


def links(manifest: Manifest, name: str) -> list[FileLink]:
    """Every file of a take: the mix first, then sounds and notes by part."""
    kinds = {"stems": "sound", "parts": "notes"}
    found = []
    for path in sorted(manifest.takes[name].files, key=lambda path: (path != "mix.wav", "/" in path, path)):
        folder, _, file = path.rpartition("/")
        stem = spoken(file.partition(".")[0])
        found.append(FileLink(f"{stem}, {kinds[folder]}" if folder in kinds else stem, f"{name}/{path}"))
    return found


def checks(manifest: Manifest, take: TakeReceipt) -> list[Fact]:
    """What a mix must hold, as measured: loudness, true peak, joins between blocks, clipping.

    The first take alone is brought to the target loudness; the others use its gain, so what all share sounds alike.
    """
    mix, settings = take.facts["mix"], manifest.plan.request.band.mix
    found: list[Fact] = []
    if mix.loudness_lufs is not None and take is manifest.takes[min(manifest.takes)]:
        is_near = abs(mix.loudness_lufs - settings.target_lufs) <= LOUDNESS_TOLERANCE_LU
        target = f"target {number(settings.target_lufs)}, gain {number(take.mix_gain_db, signed=True)} dB"
        found.append(Fact(name="Loudness", value=f"{number(mix.loudness_lufs)} LUFS", note=target, is_good=is_near))
    is_below = mix.true_peak_dbtp <= settings.ceiling_dbtp + TRUE_PEAK_TOLERANCE_DB
    ceiling = f"ceiling {number(settings.ceiling_dbtp)}"
    found.append(Fact(name="True peak", value=f"{number(mix.true_peak_dbtp)} dBTP", note=ceiling, is_good=is_below))
    ratios = [facts.click_ratio for facts in take.facts.values() if facts.click_ratio is not None]
    if ratios:
        note = f"above {MAX_CLICK_RATIO} a click may be audible"
        is_smooth = max(ratios) <= MAX_CLICK_RATIO
        found.append(Fact(name="Worst join", value=number(max(ratios), 2), note=note, is_good=is_smooth))
    clipped = sum(facts.clipped_samples for facts in take.facts.values())
    note = "in the mix and every stem"
    found.append(Fact(name="Clipped samples", value=str(clipped), note=note, is_good=clipped == 0))
    return found


def following_facts(leader: LeadPart, band: Sequence[FollowPart]) -> list[Fact]:
    """One line per stem: how far its onsets lie from the leader's, whether that grows, how often it clashes.

    Only figures are shown that tell a band that followed this leader from one that followed another. Measured with
    `ensemble evaluate render --data SET`, matched against shuffled leaders: with a rhythm section on seven leaders each
    reaches an AUC of 0.95 or more, with three strings the drift reaches 0.82 only.
    """
    return [_followed(leader, stem, following(leader, stem)) for stem in band]


def _followed(leader: LeadPart, stem: FollowPart, measured: Following) -> Fact:
    if measured.onset_offset_ms is None:
        value, is_good = "Too few shared onsets to measure", True
    else:
        value = f"{number(measured.onset_offset_ms, 0)} ms from the leader's onsets"
        is_good = measured.onset_offset_ms <= MAX_OFFSET_MS
    notes = []
    num_shared = len(matched(leader.onsets_s, stem.onsets_s)[0])
    if measured.drift_ms_per_min is not None and num_shared >= MIN_SHARED_ONSETS:
        notes.append(f"drift {number(measured.drift_ms_per_min, 0, signed=True)} ms a minute")
    if measured.key_clashes_per_min is not None:
        notes.append(f"{number(measured.key_clashes_per_min, 0)} semitone clashes a minute")
    return Fact(name=spoken(stem.name), value=value, note=", ".join(notes), is_good=is_good)
