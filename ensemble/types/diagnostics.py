"""Warnings of the listener, of the score reader and about what is given: a code for programs, a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

DiagnosticCode = Literal[
    "little_pitch",
    "gliding_pitch",
    "several_notes",
    "no_clear_beat",
    "very_quiet",
    "pitch_too_high",
    "pitch_too_low",
    "hum",
    "one_chord",
    "tempo_uncertain",
    "bars_uncertain",
    "cut_short",
    "score_simplified",
    "given_part_clashes",
    "metre_simplified",
    "tempo_assumed",
    "key_assumed",
    "chord_simplified",
    "chord_left_out",
    "score_damaged",
    "key_contradicted",
    "tempo_contradicted",
    "metre_contradicted",
    "chart_repeats",
    "chart_not_finished",
    "performer_stands_in",
]
"""Codes stay the same from release to release; programs decide by the code, never by the sentence.

| code | means |
|---|---|
| little_pitch | most of the sound has no pitch: key and chords are guesses |
| gliding_pitch | the pitch settles on no notes, as in speech: key and chords are guesses |
| several_notes | several notes sound at once: chords are estimated from the spectrum |
| no_clear_beat | the beat grid is a guess |
| very_quiet | the band follows a level at which it may not be heard |
| pitch_too_high | notes lie above 2,100 Hz, where pitch is not followed: chords are estimated from the spectrum |
| pitch_too_low | notes lie below 31 Hz and are heard an octave too high |
| hum | the mains hum: left out, rests are silent |
| one_chord | a single chord is heard throughout |
| tempo_uncertain | the tempo may be another: half or double as a rule |
| bars_uncertain | bars may begin on another beat, or have another number of beats |
| cut_short | the file ends early or is damaged: what follows is missing |
| score_simplified | something in a score was left out or read in a simpler way |
| given_part_clashes | a part that is locked or given does not fit the chords |
| metre_simplified | a score's metre is missing, or changes: one metre is counted throughout |
| tempo_assumed | the score names no tempo |
| key_assumed | the score names no key |
| chord_simplified | a given chord has no exact counterpart: the nearest one is played |
| chord_left_out | a given chord holds for no beat |
| score_damaged | a score is damaged or breaks its format: what can be read of it is played |
| key_contradicted | a score's notes contradict its key: the key of the notes is taken |
| tempo_contradicted | a score's notes contradict its tempo: the beats of the notes are taken |
| metre_contradicted | a score's notes contradict its 4/4: the bars of the notes are taken |
| chart_repeats | the chart is shorter than the recording, and begins again |
| chart_not_finished | the recording ends before the chart does |
| performer_stands_in | the notes of an instrument are shaped by the performer of another of its family |
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One thing that the user should know before trusting what was heard."""

    code: DiagnosticCode
    """The warning, for programs."""
    text: str
    """The warning as a sentence, for people."""

    def __post_init__(self) -> None:
        if self.code not in get_args(DiagnosticCode):
            raise ValueError(f"there is no diagnostic {self.code!r}")
