"""What the listener is not sure of, and the option that mends it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ensemble.types.diagnostics import Diagnostic, DiagnosticCode
from ensemble.types.harmony import NO_CHORD
from ensemble.types.music import Heard

DOUBTS: tuple[DiagnosticCode, ...] = ("one_chord", "tempo_uncertain", "bars_uncertain")
"""Their codes; all else that a recording's diagnostics say stays, whatever is replaced."""
UNSURE = 0.65
"""A confidence below it is told."""
MIN_BEATS, MIN_S = 16, 15.0
"""Shorter music may well have one chord."""


def with_doubts(heard: Heard, settled: Collection[DiagnosticCode] = ()) -> Heard:
    """Tell what is doubtful now, in place of what was before, but for what the user has settled."""
    kept = tuple(found for found in heard.diagnostics if found.code not in DOUBTS)
    return replace(heard, diagnostics=kept + tuple(found for found in doubts_of(heard) if found.code not in settled))


def doubts_of(heard: Heard) -> tuple[Diagnostic, ...]:
    """What should be checked before it is played by; nothing where the listener is sure."""
    found: list[Diagnostic] = []
    sounding = [beat for beat, chord in enumerate(heard.chords) if chord != NO_CHORD]
    is_one = len({heard.chords[beat] for beat in sounding}) == 1
    if is_one and len(sounding) >= MIN_BEATS and heard.beats_s[-1] - heard.beats_s[0] >= MIN_S:
        name = heard.chord_names[sounding[0]]
        text = f"Only one chord is heard, {name}; if there are more, name them with --chords or a --chart."
        found.append(Diagnostic(code="one_chord", text=text))
    if any(told.code == "no_clear_beat" for told in heard.diagnostics):
        return tuple(found)  # the whole grid is a guess, as is told
    if heard.second_tempo_bpm is not None and heard.tempo_confidence < UNSURE:
        found.append(_of_tempo(heard.tempo_bpm, heard.second_tempo_bpm))
    if heard.bar_confidence.size and float(heard.bar_confidence.mean()) < UNSURE:
        found.append(_of_bars(heard))
    return tuple(found)


def _of_tempo(tempo_bpm: float, second_bpm: float) -> Diagnostic:
    ratio = second_bpm / tempo_bpm
    option = "--half-time" if ratio < 0.75 else "--double-time" if ratio > 1.5 else f"--tempo {second_bpm:.0f}"
    text = f"The tempo may be {second_bpm:.0f} instead of {tempo_bpm:.0f} beats a minute; if so, say {option}."
    return Diagnostic(code="tempo_uncertain", text=text)


def _of_bars(heard: Heard) -> Diagnostic:
    if heard.second_bars is None:
        text = "The bar lines are uncertain; say when bar 1 begins with --first-downbeat SECONDS."
        return Diagnostic(code="bars_uncertain", text=text)
    beats_per_bar, first = heard.second_bars
    at_s = float(heard.beats_s[min(first, len(heard.beats_s) - 1)])
    may_be, option = f"bar 1 may begin at {at_s:.2f} s", f"--first-downbeat {at_s:.2f}"
    if beats_per_bar != heard.beats_per_bar:
        may_be, option = f"they may have {beats_per_bar} beats", f"--beats-per-bar {beats_per_bar}"
    return Diagnostic(code="bars_uncertain", text=f"The bar lines are uncertain: {may_be}; if so, say {option}.")
