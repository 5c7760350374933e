"""The manifest in words and rows: what was heard, what was measured, how fast it went, what proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ensemble.files.receipts import StemFacts
from ensemble.manifest import Manifest, TakeReceipt
from ensemble.types.music import Heard

MAX_CLICK_RATIO = 1.5
"""Above this click ratio a join between blocks may be audible."""
LOUDNESS_TOLERANCE_LU = 0.6
TRUE_PEAK_TOLERANCE_DB = 0.1
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundRow:
    """One sound in the table of measurements."""

    name: str
    """The mix, or the part."""
    loudness: str
    """In LUFS."""
    true_peak: str
    """In dBTP."""
    clipped: str
    """Number of clipped samples."""
    joins: str
    """The worst click ratio where two blocks meet."""
    is_clipped: bool
    """Whether any sample is clipped."""
    is_rough: bool
    """Whether a join may be audible."""
    links: tuple[tuple[str, str], ...]
    """Label and relative address of each of its files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTime:
    """How long one stage took."""

    name: str
    """The stage."""
    seconds: str
    """Wall time."""
    real_time: str
    """Seconds of music per second of work; empty where that cannot be told."""
    share_percent: float
    """Of the longest stage, for the length of its bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of the chord chart."""

    number: int
    """From 1; 0 is the pickup."""
    chords: tuple[tuple[str, int], ...]
    """Chords in order, each with its length in beats."""


def number(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """A number for reading: a real minus, fixed digits."""
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", MINUS)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def spoken(name: str) -> str:
    """A name from a file, for reading."""
    return name.replace("_", " ")


def chord_name(chord: str) -> str:
    """Accidentals as musicians write them; pitch classes are spelt C, C#, D, Eb ..."""
    return chord.replace("#", "\N{MUSIC SHARP SIGN}").replace("b", "\N{MUSIC FLAT SIGN}")


def headline(manifest: Manifest, heard: Heard, duration_s: float) -> list[Fact]:
    """What was heard of the leader."""
    cents = round(heard.tuning_cents)
    tuning = "440 Hz" if cents == 0 else f"{number(440 * 2 ** (heard.tuning_cents / 1200))} Hz"
    return [
        Fact(name="Duration", value=clock(duration_s), note=f"{number(duration_s)} s with the tail"),
        Fact(name="Tempo", value=f"{number(heard.tempo_bpm, 0)} bpm", note=f"{len(heard.beats_s)} beats heard"),
        Fact(name="Metre", value=f"{heard.beats_per_bar} beats a bar"),
        Fact(name="Key", value=chord_name(str(heard.key).split()[0]) + " " + heard.key.mode),
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


def bars(heard: Heard) -> list[Bar]:
    """The chords as a chart, bar by bar; silence before the leader begins or after its end is left out."""
    per_bar, first = heard.beats_per_bar, heard.first_downbeat
    stop = max((beat + 1 for beat, chord in enumerate(heard.chords) if chord.quality != "none"), default=0)
    starts = range(first, stop, per_bar)
    spans = [(0, entry(heard), first)] if entry(heard) < first else []
    spans += [(number + 1, start, min(start + per_bar, len(heard.chords))) for number, start in enumerate(starts)]
    chart = []
    for bar_number, start, stop in spans:
        runs: list[tuple[str, int]] = []
        for chord in heard.chords[start:stop]:
            name = chord_name(str(chord))
            if runs and runs[-1][0] == name:
                runs[-1] = (name, runs[-1][1] + 1)
            else:
                runs.append((name, 1))
        chart.append(Bar(number=bar_number, chords=tuple(runs)))
    return chart


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


def rows(take_name: str, take: TakeReceipt, order: Sequence[str]) -> list[SoundRow]:
    """The measurements of every sound of a take, in the order of the player."""
    known = [name for name in order if name in take.facts]
    return [_row(take_name, take, name) for name in (*known, *(name for name in take.facts if name not in known))]


def _row(take_name: str, take: TakeReceipt, name: str) -> SoundRow:
    facts: StemFacts = take.facts[name]
    places = {"WAV": "mix.wav" if name == "mix" else f"stems/{name}.wav", "MIDI": f"parts/{name}.mid"}
    links = ((label, quote(f"{take_name}/{place}")) for label, place in places.items() if place in take.files)
    return SoundRow(
        name=name,
        loudness="silent" if facts.loudness_lufs is None else number(facts.loudness_lufs),
        true_peak=number(facts.true_peak_dbtp),
        clipped=str(facts.clipped_samples),
        joins="\N{EN DASH}" if facts.click_ratio is None else number(facts.click_ratio, 2),
        is_clipped=facts.clipped_samples > 0,
        is_rough=(facts.click_ratio or 0.0) > MAX_CLICK_RATIO,
        links=tuple(links),
    )


def stages(manifest: Manifest) -> list[StageTime]:
    """Wall time per stage, and how many seconds of music each second made."""
    seconds = manifest.execution.seconds
    longest = max(seconds.values(), default=0.0)
    return [
        StageTime(
            name=spoken(name),
            seconds=f"{number(spent, 2)} s",
            real_time=f"{number(manifest.execution.duration_s / spent, 0 if spent else 1)} x" if spent > 0 else "",
            share_percent=round(100 * spent / longest, 1) if longest > 0 else 0.0,
        )
        for name, spent in seconds.items()
    ]


def hashes(manifest: Manifest) -> list[tuple[str, str, str]]:
    """Every file's sha256, and that of its samples where it is sound."""
    listed = [("leader.wav", manifest.leader.sha256, manifest.leader.samples_sha256 or "")]
    for take_name, take in manifest.takes.items():
        listed += [
            (f"{take_name}/{name}", receipt.sha256, receipt.samples_sha256 or "")
            for name, receipt in sorted(take.files.items())
        ]
    return listed
