"""The takes side by side: where each continuation comes from, and what was measured at its seams."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble.audio.flac import span_envelope
from ensemble.clock import FRAME_RATE_HZ
from ensemble.manifest import Manifest
from ensemble.report import facts, pictures
from ensemble.retrieve.search.quality import in_words
from ensemble.takes import AS_GIVEN, Take, take_name
from ensemble.types.continuation import Hop, Term

AROUND_S = 1.5
"""Of sound on either side of a seam is drawn."""


class TakeEntry(NamedTuple):
    """One take in the list of takes."""

    name: str
    """The take."""
    duration_s: float
    """How long its leader lasts."""
    total: float | None
    """Its score, of 1; None for the leader as given."""
    worth: str
    """How good its weakest join is, in words; empty where that is not known."""
    page: str
    """Relative address of its own page."""
    sources: tuple[tuple[str, str, str], ...]
    """Title, licence and path of each recording that it continues with."""


class Seam(NamedTuple):
    """One join between two recordings."""

    take: str
    """The take that it lies in."""
    hop: Hop
    """The recording that begins here, how it was fitted, and its score."""
    wave: str
    """The leader's waveform around it, as an SVG path."""
    pitch: str
    """The pitch heard around it, as an SVG path."""
    cut: str
    """A vertical line where it begins, as an SVG path."""


def list_takes(manifest: Manifest, takes: tuple[Take, ...], addresses: dict[str, str]) -> list[TakeEntry]:
    """Every take: the leader as given, then its continuations from the best on."""
    return [
        TakeEntry(
            take.name,
            take.arrangement.num_frames / FRAME_RATE_HZ,
            plan.total if plan else None,
            in_words(plan.quality) if plan and plan.quality else "",
            addresses[take.name],
            tuple(dict.fromkeys((hop.title, hop.licence, hop.path) for hop in plan.hops)) if plan else (),
        )
        for take, plan in zip(takes, (None, *manifest.plan.continuations), strict=True)
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
    first = round(start_s * FRAME_RATE_HZ)
    pitch = pictures.midi(take.heard.frames.f0_hz[first : first + round(2 * AROUND_S * FRAME_RATE_HZ)])
    return Seam(
        take=take.name,
        hop=hop,
        wave=pictures.wave(span_envelope(wav, start_s, 2 * AROUND_S)),
        pitch=pictures.curve(pitch, pictures.pitch_axis(pitch), 2 * AROUND_S, max_step=1.0),
        cut=pictures.bar_lines(np.array([hop.begins_s - start_s]), 2 * AROUND_S),
    )


def measured(term: Term) -> str:
    """A value with its unit, as people write it."""
    unit = {"0..1": "of 1", "1 - cosine": f"(1 {facts.MINUS} cosine)"}.get(term.unit, term.unit)
    return f"{facts.number(term.value, 0 if abs(term.value) >= 100 else 2)} {unit}"
