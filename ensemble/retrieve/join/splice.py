"""Plays a chain of hops: the leader's tail, then hop after hop, each joined where the one before it is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ensemble.audio.files import PCM_STEPS
from ensemble.retrieve.join.beam_search import Chain
from ensemble.retrieve.join.hops import HopStep
from ensemble.retrieve.join.material import (
    JoinMaterial,
    UnusableError,
    UnusableReason,
    check_unchanged,
    read_material,
)
from ensemble.retrieve.join.seam import Joined, OwnTransitions, in_time_with, join, terms_of
from ensemble.types.continuation import Continuation, Hop, Term
from ensemble.types.described import Described
from ensemble.types.music import AudioClip, FloatArray

FADE_OUT_S = 0.05
TIMING_BEATS = 16
"""This many beats tell where on them a recording's notes are struck."""
MISSING_S = 0.02
"""Sound that falls short of what was asked for by less than this is not reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of the leader, which the first hop is joined to. Samples are counted from the leader's beginning."""

    sound: FloatArray
    """Its last seconds.  [channels, samples]"""
    sample_rate: int
    """In Hz."""
    start_sample: int
    """Where `sound` begins."""
    at_sample: int
    """Where the leader is left."""
    stop_sample: int
    """Where the extended leader shall end."""
    own: OwnTransitions
    """What the leader's own transitions measure."""


def splice(chain: Chain[HopStep], tail: Tail, described: Callable[[str], Described], fade_s: float) -> Continuation:
    """Play a chain after the leader.

    Args:
        chain: what to play.
        tail: what it follows.
        described: returns a recording's description by its sha256.
        fade_s: length of every cross-fade.

    Raises:
        UnusableError: a file has moved, changed or is damaged, or a seam clicks.
    """
    rate, sound, begin = tail.sample_rate, tail.sound, 0
    at = tail.at_sample - tail.start_sample
    hops: list[Hop] = []
    beats: list[np.ndarray] = []
    stop = tail.stop_sample - tail.start_sample
    for number, step in enumerate(chain.steps):
        lasts_s = step.rings_s if number == len(chain.steps) - 1 else step.lasts_s
        try:
            material = _material(step, described(step.recording), min((stop - at) / rate, lasts_s), tail)
            joined = _joined(step, sound, at, material, fade_s)
        except UnusableError as error:
            error.number = number
            raise
        begin = begin or joined.start
        begins = at + joined.late_samples
        at = min(begins + round(lasts_s * rate), stop, joined.sound.shape[1])
        sound = joined.sound
        hops.append(_hop(step, joined, at - begins, tail))
        beats.append(_beats_s(step, described(step.recording), begins, at, tail))
    clip = _ended(sound[:, begin:at], rate)
    missing_s = (stop - at) / rate
    if missing_s > MISSING_S:
        last = hops[-1]
        terms = {**last.score.terms, "missing_s": Term(value=missing_s, unit="s")}
        hops[-1] = replace(last, score=replace(last.score, terms=terms))
    return Continuation(
        begin_sample=tail.start_sample + begin,
        clip=AudioClip(samples=clip, sample_rate=rate),
        beats_s=np.concatenate(beats),
        hops=tuple(hops),
        total=float(np.prod([hop.score.total for hop in hops])) * clip.shape[1] / (stop - begin),
    )


def _material(step: HopStep, described: Described, lasts_s: float, tail: Tail) -> JoinMaterial:
    """The sound of one step, its notes on the beat as the leader's are."""
    candidate = step.candidate
    check_unchanged(candidate.recording)
    material = read_material(
        candidate.recording,
        step.start_s,
        lasts_s,
        sample_rate=tail.sample_rate,
        num_channels=len(tail.sound),
        semitones=candidate.semitones,
        tempo_ratio=candidate.tempo_ratio,
    )
    first = int(np.searchsorted(described.beats_s, step.start_s - 1e-6))
    away_s = (described.beats_s[first : first + TIMING_BEATS] - step.start_s) / candidate.tempo_ratio
    beats = [material.at_sample + round(away * tail.sample_rate) for away in away_s.tolist() if away < lasts_s]
    return in_time_with(material, beats, tail.own)


def _joined(step: HopStep, sound: FloatArray, at: int, material: JoinMaterial, fade_s: float) -> Joined:
    """Join one step to what has sounded so far."""
    joined = join(sound, at, material, fade_s)
    if joined.clicks:
        own = joined.attack_click_ratio
        ratios = f"{joined.facts.click_ratio:.1f} times its surroundings, its own attack {own:.1f}"
        what = f"{step.candidate.recording.title} from {step.start_s:.1f} s"
        raise UnusableError(what, UnusableReason.CLICKS, ratios)
    return joined


def _hop(step: HopStep, joined: Joined, num_samples: int, tail: Tail) -> Hop:
    recording, candidate, rate = step.candidate.recording, step.candidate, tail.sample_rate
    terms = {**candidate.score.terms, **terms_of(joined, rate, tail.own)}
    return Hop(
        path=recording.path,
        recording_sha256=recording.sha256,
        title=recording.title,
        licence=recording.licence,
        start_s=step.start_s,
        stop_s=step.start_s + num_samples / rate * candidate.tempo_ratio,
        semitones=float(candidate.semitones),
        tempo_ratio=candidate.tempo_ratio,
        gain_db=20 * float(np.log10(joined.gain)),
        aligned_ms=1000 * joined.late_samples / rate,
        fade_ms=1000 * (joined.stop - joined.start) / rate,
        begins_s=(tail.start_sample + joined.start) / rate,
        score=replace(candidate.score, terms=terms),
    )


def _beats_s(step: HopStep, described: Described, at: int, end: int, tail: Tail) -> np.ndarray:
    """The recording's beats from the join to where the hop ends, in seconds of the extended leader."""
    beats_s = described.beats_s[described.beats_s >= step.start_s - 1e-6]
    begins_s = (tail.start_sample + at) / tail.sample_rate
    moved_s = begins_s + (beats_s - step.start_s) / step.candidate.tempo_ratio
    kept: np.ndarray = moved_s[moved_s < (tail.start_sample + end - 1) / tail.sample_rate]  # the next hop's is there
    return kept


def _ended(samples: FloatArray, sample_rate: int) -> FloatArray:
    """Faded out, and rounded to 24 bits: a file written from it holds exactly these samples."""
    fade = min(round(FADE_OUT_S * sample_rate), samples.shape[1])
    samples = samples.copy()
    samples[:, samples.shape[1] - fade :] *= np.cos(np.linspace(0.0, np.pi / 2, fade)).astype(np.float32) ** 2
    steps = np.clip(np.rint(samples * np.float32(PCM_STEPS)), -PCM_STEPS, PCM_STEPS - 1)
    rounded: FloatArray = (steps / np.float32(PCM_STEPS)).astype(np.float32)
    return rounded
