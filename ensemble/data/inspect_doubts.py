"""What can be used, and should be looked at before training: a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ensemble.data.inspect_facts import Doubt, DoubtKind, TakeFacts
from ensemble.types.instruments import CATALOGUE

LATE_MS = 40.0
SLOW_ATTACK_MS = 90.0
"""Bowed and blown notes are heard late by their attack alone."""
OFF_CENTS = 15.0
SEVERAL_VOICES = 0.3
LOW_CONFIDENCE = 0.6
MOSTLY_SILENT = 0.1


def doubts_of_piece(takes: Sequence[TakeFacts]) -> list[Doubt]:
    """The doubts about the takes of one piece, in their order."""
    # One late part makes all the others look early; where the mix tells which one it is, only that one is named.
    is_told_by_mix = any(late is not None and abs(late) > LATE_MS for late in (one.late_to_mix_ms for one in takes))
    return [
        Doubt(piece=facts.take.piece, part=facts.take.part, kind=kind, sentence=sentence)
        for facts in takes
        for kind, sentence in (*_of_place(facts, is_told_by_mix=is_told_by_mix), *_of_sound(facts))
    ]


def _of_place(facts: TakeFacts, *, is_told_by_mix: bool) -> Iterator[tuple[DoubtKind, str]]:
    """Does it begin its notes with the others?"""
    instrument = CATALOGUE.get(facts.take.instrument or "")
    is_slow = instrument is not None and instrument.family in ("bowed", "blown")
    if is_told_by_mix:
        late, allowed_ms, against = facts.late_to_mix_ms, LATE_MS, "its mix"
    else:
        late, allowed_ms, against = facts.late_to_others_ms, SLOW_ATTACK_MS if is_slow else LATE_MS, "the other parts"
    if late is not None and abs(late) > allowed_ms:
        yield "misaligned", f"{abs(late):.0f} ms {'late' if late > 0 else 'early'} against {against}"


def _of_sound(facts: TakeFacts) -> Iterator[tuple[DoubtKind, str]]:
    sound = facts.sound
    instrument = CATALOGUE.get(facts.take.instrument or "")
    is_line = instrument is not None and instrument.voices == 1
    if sound.clipped_runs:
        yield "clipped", f"clipped {sound.clipped_runs} times"
    if sound.tuning_cents is not None and abs(sound.tuning_cents) > OFF_CENTS:
        yield "tuning", f"tuned {sound.tuning_cents:+.0f} cents from A = 440 Hz"
    if is_line and sound.polyphony is not None and sound.polyphony > SEVERAL_VOICES:
        yield "polyphonic", f"several notes at once in {100 * sound.polyphony:.0f} % of the time"
    if is_line and sound.pitch_confidence is not None and sound.pitch_confidence < LOW_CONFIDENCE:
        yield "unpitched", f"its pitch is heard with a confidence of {sound.pitch_confidence:.2f} only"
    if sound.sounding_s < MOSTLY_SILENT * sound.duration_s:
        yield "mostly silent", f"sounds for {sound.sounding_s:.1f} of {sound.duration_s:.1f} s"
