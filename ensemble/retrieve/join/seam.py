"""One seam: two sounds are aligned in beat, level and phase, and cross-faded just before the next note."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from statistics import median

import numpy as np

from ensemble.audio.attacks import attack_near
from ensemble.audio.files import PEAK_CEILING
from ensemble.audio.joins import align, overlap_add
from ensemble.audio.seams import (
    ATTACK_REACH_S,
    SeamFacts,
    click_ratio,
    natural_transitions,
    percentiles,
    seam_facts,
)
from ensemble.retrieve.join.material import JoinMaterial
from ensemble.types.continuation import Term
from ensemble.types.music import FloatArray

ALIGN_REACH_S = 0.012
ALIGN_WINDOW_S = 0.04
LEVEL_S = 1.0
MIN_LEVEL_S = 0.1
MAX_GAIN_DB = 3.0
FAINT_DB = -60.0
"""Below it there is no level to match."""
ATTACK_S = 0.01
SMOOTH = 1.0
"""A click ratio up to here is no rougher than what lies around it: of noise that is not joined at all it is about 1."""
GUARD_S = 0.002
OTHER_FADES_S = (0.04, 0.01, 0.03, 0.015)
"""Tried where the fade asked for clicks: over a swell a longer one is smoother, between two notes a shorter one."""
MIN_ATTACKS = 4
MAX_SPREAD_MS = 8.0
"""Median distance from the median: beyond it the beats are only a grid."""
UNITS = {
    "click_ratio": ("click_ratio", "ratio"),
    "level_step_db": ("joined_level_step_db", "dB"),
    "spectral_distance_db": ("joined_spectral_distance_db", "dB"),
    "pitch_step_cents": ("joined_pitch_step_cents", "cents"),
}
"""Of what is measured on the joined sound: the name of its term, beside those foreseen from descriptions, and unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Two sounds joined, and what the seam between them measures."""

    sound: FloatArray
    """The old sound up to sample `start`, the cross-fade, and the new sound from `stop` on.  [channels, samples]"""
    start: int
    """First sample of the cross-fade."""
    stop: int
    """First sample of the new sound alone."""
    gain: float
    """Factor that the new sound was multiplied by."""
    late_samples: int
    """How far alignment moved the new sound's join past where it was asked for; negative is earlier."""
    facts: SeamFacts
    """Measured on the joined sound."""
    attack_click_ratio: float
    """Click ratio of the new sound at the same place in its own recording, its attack included."""
    attack_ms: float | None
    """From where the beat was asked for to the new sound's next attack; None where no note begins."""

    @property
    def clicks(self) -> bool:
        """Whether the seam is rougher than both its surroundings and the new sound's own attack there."""
        return self.excess > 0.0

    @property
    def excess(self) -> float:
        """How far its click ratio lies above the higher of the two."""
        return self.facts.click_ratio - max(SMOOTH, self.attack_click_ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTransitions:
    """What a recording's own transitions measure at its beats: what a seam is compared with."""

    facts: tuple[SeamFacts, ...]
    """As if each beat were a seam."""
    attacks_ms: tuple[float, ...]
    """From each beat to the note that begins there."""


def own_transitions(sound: FloatArray, sample_rate: int, at_samples: list[int], fade_s: float) -> OwnTransitions:
    """Measure a recording's own transitions at its beats, for seams of length `fade_s`."""
    return OwnTransitions(
        facts=natural_transitions(sound, sample_rate, at_samples, round(fade_s * sample_rate)),
        attacks_ms=attacks_ms(sound, sample_rate, at_samples),
    )


def attacks_ms(sound: FloatArray, sample_rate: int, at_samples: list[int]) -> tuple[float, ...]:
    """How long after each beat a note begins, negative before it; beats without one are left out."""
    attacks = [attack_near(sound, at, sample_rate, ATTACK_REACH_S) for at in at_samples]
    pairs = zip(attacks, at_samples, strict=True)
    return tuple(1000 * (struck - at) / sample_rate for struck, at in pairs if struck is not None)


def usual_attack_ms(attacks: tuple[float, ...]) -> float:
    """The median of `attacks_ms`; 0 where they are few or spread too far.

    Soft attacks are heard later than hard ones: joined beat on beat, two recordings need not be in time.
    """
    if len(attacks) < MIN_ATTACKS:
        return 0.0
    middle = median(attacks)
    return middle if median(abs(attack - middle) for attack in attacks) <= MAX_SPREAD_MS else 0.0


def in_time_with(material: JoinMaterial, beat_samples: list[int], own: OwnTransitions) -> JoinMaterial:
    """Move the material's join so that its notes lie around the beat as the leader's do."""
    theirs = attacks_ms(material.samples, material.sample_rate, beat_samples)
    if min(len(theirs), len(own.attacks_ms)) < MIN_ATTACKS:
        return material
    moved = round((usual_attack_ms(theirs) - usual_attack_ms(own.attacks_ms)) * material.sample_rate / 1000)
    return replace(material, at_sample=max(material.at_sample + moved, 0))


def join(sound: FloatArray, at_sample: int, material: JoinMaterial, fade_s: float) -> Joined:
    """Let a new sound take over at a sample of what has sounded so far.

    The cross-fade ends where the next note of either sound begins, at the latest at the beat: the attack is the new
    sound's alone, and it hides the seam. Before that the new sound is what its own recording held before its beat.

    Args:
        sound: [channels, samples]; what lies beyond the join is dropped.
        at_sample: the beat, or the moment, at which the new sound takes over.
        material: the new sound, at the same rate and with as many channels.
        fade_s: length of the cross-fade; another of `OTHER_FADES_S` only where that one clicks.
    """
    tries = [_joined(sound, at_sample, material, fade_s)]
    for other_s in OTHER_FADES_S:
        if not tries[-1].clicks:
            return tries[-1]
        tries.append(_joined(sound, at_sample, material, other_s))
    return min(tries, key=lambda joined: joined.excess)


def _joined(sound: FloatArray, at_sample: int, material: JoinMaterial, fade_s: float) -> Joined:
    rate = material.sample_rate
    early_out, early_in = _earliness(sound, at_sample, rate), _earliness(material.samples, material.at_sample, rate)
    later = _late(sound, at_sample - max(early_out, early_in), material, at_sample)
    # Alignment moves the new sound's note too: the fade must end before it.
    stop = at_sample - max(early_out, early_in - later, 0)
    start = max(stop - round(fade_s * rate), 1)
    gain = _gain(sound[:, :stop], material)
    incoming = _from(material, material.at_sample + start - at_sample - later) * np.float32(gain)
    joined = overlap_add(sound[:, :stop], incoming, stop - start)
    struck = attack_near(material.samples, material.at_sample, rate, ATTACK_REACH_S)
    return Joined(
        sound=joined,
        start=start,
        stop=stop,
        gain=gain,
        late_samples=later,
        facts=seam_facts(joined, rate, start, stop),
        attack_click_ratio=_own_ratio(material, start - at_sample - later, stop - at_sample - later),
        attack_ms=None if struck is None else 1000 * (struck - material.at_sample + later) / rate,
    )


def terms_of(joined: Joined, sample_rate: int, own: OwnTransitions) -> dict[str, Term]:
    """What was measured on the joined sound, each with its percentile among the leader's own transitions."""
    placed = percentiles(joined.facts, own.facts)
    terms = {
        name: Term(value=float(value), unit=unit, percentile=placed[field.name])
        for field in fields(SeamFacts)
        for name, unit in (UNITS[field.name],)
        if (value := getattr(joined.facts, field.name)) is not None
    }
    terms["attack_click_ratio"] = Term(value=joined.attack_click_ratio, unit="ratio")
    usual_ms = usual_attack_ms(own.attacks_ms)
    moved_ms = 1000 * joined.late_samples / sample_rate
    phase_ms = moved_ms if joined.attack_ms is None else joined.attack_ms - usual_ms
    spread = np.abs(np.array(own.attacks_ms) - usual_ms)
    among = (
        float(100 * ((spread < abs(phase_ms)).mean() + 0.5 * (spread == abs(phase_ms)).mean())) if len(spread) else None
    )
    terms["joined_beat_phase_ms"] = Term(value=float(phase_ms), unit="ms", percentile=among)
    return terms


def _earliness(sound: FloatArray, at_sample: int, sample_rate: int) -> int:
    """How many samples before its beat the beat's note begins; 0 where it begins on it or later, or there is none."""
    struck = attack_near(sound, at_sample, sample_rate, ATTACK_REACH_S)
    return 0 if struck is None else max(at_sample - struck + round(GUARD_S * sample_rate), 0)


def _late(sound: FloatArray, stop: int, material: JoinMaterial, at_sample: int) -> int:
    """How many samples later the new sound's phase fits best, compared just before the note begins."""
    reach, window = (round(length_s * material.sample_rate) for length_s in (ALIGN_REACH_S, ALIGN_WINDOW_S))
    window = min(window, stop)
    outgoing = sound[:, stop - window : stop].mean(axis=0)
    first = material.at_sample + stop - at_sample - window - reach
    incoming = _from(material, first)[:, : window + 2 * reach].mean(axis=0)
    if len(incoming) < window + 2 * reach:
        return 0
    return -align(outgoing, incoming)


def _from(material: JoinMaterial, first: int) -> FloatArray:
    """The material from a sample on; silence before its beginning.  [channels, samples]"""
    if first >= 0:
        return material.samples[:, first:]
    return np.pad(material.samples, ((0, 0), (-first, 0)))


def _gain(before: FloatArray, material: JoinMaterial) -> float:
    """The factor that brings the new sound to the level of the old, within `MAX_GAIN_DB`, never beyond full scale.

    What sounded before the join is compared with what the new sound's own recording held before it: the same place in
    the music. Where it held nothing, with its beginning.
    """
    span = round(LEVEL_S * material.sample_rate)
    at = material.at_sample
    has_past = at >= round(MIN_LEVEL_S * material.sample_rate)
    theirs = material.samples[:, max(at - span, 0) : at] if has_past else material.samples[:, at : at + span]
    ours_db, theirs_db = _level_db(before[:, -span:]), _level_db(theirs)
    match_db = ours_db - theirs_db if min(ours_db, theirs_db) > FAINT_DB else 0.0
    gain = 10 ** (float(np.clip(match_db, -MAX_GAIN_DB, MAX_GAIN_DB)) / 20)
    peak = float(np.abs(material.samples).max(initial=0.0))
    return min(gain, PEAK_CEILING / peak) if peak > 0.0 else gain


def _level_db(piece: FloatArray) -> float:
    power = float(np.square(piece, dtype=np.float64).mean()) if piece.size else 0.0
    return 10 * float(np.log10(power + 1e-20))


def _own_ratio(material: JoinMaterial, start: int, stop: int) -> float:
    """The click ratio of the same seam, and the attack after it, in the recording that the new sound comes from."""
    first, last = material.at_sample + start, material.at_sample + stop + round(ATTACK_S * material.sample_rate)
    if first < 1 or last >= material.samples.shape[1]:
        return 0.0
    return click_ratio(material.samples, material.sample_rate, first, last)
