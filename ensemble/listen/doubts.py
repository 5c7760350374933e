"""What the listener is not sure of, and the option that mends it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ensemble.types.diagnostics import Diagnostic, DiagnosticCode
from ensemble.types.harmony import NO_CHORD
from ensemble.types.music import Heard

DOUBTS: tuple[DiagnosticCode, ...] = ("one_chord",)
"""Their codes; all else that a recording's diagnostics say stays, whatever is replaced."""
MIN_BEATS, MIN_S = 16, 15.0
"""Shorter music may well have one chord."""


def with_doubts(heard: Heard, settled: Collection[DiagnosticCode] = ()) -> Heard:
    """Tell what is doubtful now, in place of what was before, but for what the user has settled."""
    kept = tuple(found for found in heard.diagnostics if found.code not in DOUBTS)
    return replace(heard, diagnostics=kept + tuple(found for found in doubts_of(heard) if found.code not in settled))


def doubts_of(heard: Heard) -> tuple[Diagnostic, ...]:
    """What should be checked before it is played by; nothing where the listener is sure."""
    found: list[Diagnostic] = []
    sounding = [chord for chord in heard.chords if chord != NO_CHORD]
    if len(set(sounding)) == 1 and len(sounding) >= MIN_BEATS and heard.beats_s[-1] - heard.beats_s[0] >= MIN_S:
        text = f"Only one chord is heard, {sounding[0]}; if there are more, name them with --chords or a --chart."
        found.append(Diagnostic(code="one_chord", text=text))
    return tuple(found)
