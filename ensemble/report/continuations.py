"""The takes side by side: where each continuation comes from, and what was measured at its seams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.audio.mp3 import span_envelope
from ensemble.clock import FRAME_RATE_HZ
from ensemble.manifest import Manifest
from ensemble.plan import ContinuationPlan
from ensemble.report import facts, pictures
from ensemble.takes import AS_GIVEN, Take, take_name
from ensemble.types.continuation import Hop, Term

AROUND_S = 1.5
"""Of sound on either side of a seam is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeEntry:
    """One take in the list of takes."""

    name: str
    """The take."""
    duration: str
    """Minutes and seconds."""
    total: str
    """Its score, of 1; empty for the leader as given."""
    page: str
    """Relative address of its own page."""
    sources: tuple[tuple[str, str, str], ...]
    """Title, licence and path of each recording that it continues with."""
    is_here: bool
    """Whether this page is its page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """One join between two recordings."""

    take: str
    """The take that it lies in."""
    at: str
    """When it begins, in minutes and seconds."""
    title: str
    """Of the recording that begins here."""
    licence: str
    """Of that recording."""
    about: str
    """How that recording was fitted, in words."""
    scores: tuple[tuple[str, str], ...]
    """Relevance, seam and both together, by name; 1 is best."""
    terms: tuple[tuple[str, str, str], ...]
    """Name, value with its unit, and percentile among the leader's own transitions."""
    wave: str
    """The leader's waveform around it, as an SVG path."""
    pitch: str
    """The pitch heard around it, as an SVG path."""
    cut: str
    """A vertical line where it begins, as an SVG path."""
    box: str
    """The view box of the three paths."""


def list_takes(manifest: Manifest, takes: tuple[Take, ...], here: str, addresses: dict[str, str]) -> list[TakeEntry]:
    """Every take: the leader as given, then its continuations from the best on."""
    continuations: list[ContinuationPlan | None] = [None, *manifest.plan.continuations]
    return [
        TakeEntry(
            name=take.name,
            duration=facts.clock(take.arrangement.num_frames / FRAME_RATE_HZ),
            total="" if plan is None else facts.number(plan.total, 2),
            page=addresses[take.name],
            sources=() if plan is None else tuple(dict.fromkeys((h.title, h.licence, h.path) for h in plan.hops)),
            is_here=take.name == here,
        )
        for take, plan in zip(takes, continuations, strict=True)
    ]


def seams(folder: Path, manifest: Manifest, takes: tuple[Take, ...], only: str | None = None) -> list[Seam]:
    """Every join of every take (or of one), the worst first."""
    by_name = {take.name: take for take in takes if take.name != AS_GIVEN and only in (None, take.name)}
    joins = [
        (hop, by_name[take_name(number)])
        for number, plan in enumerate(manifest.plan.continuations, 1)
        if take_name(number) in by_name
        for hop in plan.hops
    ]
    joins.sort(key=lambda join: join[0].score.seam)
    return [_seam(folder / take.name / "leader.wav", hop, take) for hop, take in joins]


def _seam(wav: Path, hop: Hop, take: Take) -> Seam:
    start_s = max(0.0, hop.begins_s - AROUND_S)
    return Seam(
        take=take.name,
        at=f"{facts.clock(hop.begins_s)}.{int(hop.begins_s * 10) % 10}",
        title=hop.title,
        licence=hop.licence,
        about=_fitting(hop),
        scores=(
            ("relevance", facts.number(hop.score.relevance, 2)),
            ("seam", facts.number(hop.score.seam, 2)),
            ("total", facts.number(hop.score.total, 2)),
        ),
        terms=tuple(
            (
                facts.spoken(name.removesuffix(f"_{term.unit.lower()}")),
                _measured(term),
                "" if term.percentile is None else f"{term.percentile:.0f}",
            )
            for name, term in hop.score.terms.items()
        ),
        wave=pictures.wave(span_envelope(wav, start_s, 2 * AROUND_S)),
        pitch=_pitch(take, start_s),
        cut=pictures.bar_lines(np.array([hop.begins_s - start_s]), 2 * AROUND_S),
        box=f"0 0 {pictures.WIDTH} {pictures.HEIGHT}",
    )


def _measured(term: Term) -> str:
    """A value with its unit, as people write it."""
    unit = {"0..1": "of 1", "1 - cosine": f"(1 {facts.MINUS} cosine)"}.get(term.unit, term.unit)
    return f"{facts.number(term.value, 0 if abs(term.value) >= 100 else 2)} {unit}"


def _fitting(hop: Hop) -> str:
    """How the recording was fitted, in words."""
    words = [f"from {facts.clock(hop.start_s)} to {facts.clock(hop.stop_s)} of it"]
    if hop.semitones:
        words.append(f"transposed by {facts.number(hop.semitones, 2, signed=True)} semitones")
    if abs(hop.tempo_ratio - 1) >= 0.001:
        change = f"{facts.number(abs(hop.tempo_ratio - 1) * 100)} %"
        words.append(f"played {change} {'faster' if hop.tempo_ratio > 1 else 'slower'}")
    words.append(f"{facts.number(hop.gain_db, signed=True)} dB")
    words.append(f"moved by {facts.number(hop.aligned_ms, signed=True)} ms to fit the wave")
    words.append(f"cross-faded over {hop.fade_ms:.0f} ms")
    return ", ".join(words)


def _pitch(take: Take, start_s: float) -> str:
    """What is heard of the leader's pitch around the seam."""
    first = round(start_s * FRAME_RATE_HZ)
    f0_hz = take.heard.frames.f0_hz[first : first + round(2 * AROUND_S * FRAME_RATE_HZ)]
    pitch = pictures.midi(f0_hz)
    return pictures.curve(pitch, pictures.pitch_axis(pitch), 2 * AROUND_S, max_step=1.0)
