"""From what data sets call their instruments to the catalogue's names: General MIDI programs, words in any spelling.

None is an honest answer: a bass clarinet is not in the catalogue, and a synthesizer's bass is not an electric bass.
"""

from __future__ import annotations

import re
import unicodedata

DRUMS_PROGRAM = 128
"""Slakh's number for a kit."""
_PROGRAMS: tuple[tuple[range, str], ...] = (
    (range(4), "piano"),
    (range(4, 6), "electric_piano"),
    (range(19, 20), "organ"),  # of pipes: stops of a drawbar organ sound half and three halves of a key's pitch
    (range(24, 25), "nylon_guitar"),
    (range(25, 26), "steel_guitar"),
    (range(26, 32), "electric_guitar"),
    (range(32, 33), "double_bass"),
    (range(33, 38), "electric_bass"),
    (range(40, 41), "violin"),
    (range(41, 42), "viola"),
    (range(42, 43), "cello"),
    (range(43, 44), "double_bass"),  # the same instrument, bowed
    (range(56, 57), "trumpet"),
    (range(57, 58), "trombone"),
    (range(60, 61), "horn"),
    (range(66, 67), "tenor_sax"),
    (range(68, 69), "oboe"),
    (range(70, 71), "bassoon"),
    (range(71, 72), "clarinet"),
    (range(73, 74), "flute"),
    (range(DRUMS_PROGRAM, DRUMS_PROGRAM + 1), "drums"),
)
_SPELLINGS: dict[str, str] = {
    spelling: word
    for word, spellings in {
        "electric": "el elec electr elektrische e",
        "acoustic": "ac acou akustische classical nylon spanish folk",
        "guitar": "gtr git guit gitarre guitare guitarra chitarra",
        "bass": "bs basse basso bajo",
        "contrabass": "cb db kontrabass contrabasse contrabasso upright standup",
        "violin": "vn vln vl violine violino violon geige fiddle",
        "viola": "va vla bratsche",
        "cello": "vc vlc violoncello violoncelle cellos celli",
        "flute": "fl flauto querfloete querflote querflöte flöte floete flûte",
        "clarinet": "cl clar klarinette clarinette clarinetto",
        "oboe": "ob oboi hautbois",
        "bassoon": "bn fagott fagotto basson",
        "horn": "hn waldhorn corno cor",
        "trombone": "tbn posaune",
        "trumpet": "tpt trp tp trompete trompette tromba",
        "sax": "saxophone saxofon saxophon",
        "piano": "pno pf klavier grand pianoforte",
        "drum": "drumset drumkit drumkits kit schlagzeug batterie",
        "synth": "synthesizer synthesiser syn synthetic",
    }.items()
    for spelling in spellings.split()
}
_RULES: tuple[tuple[str, str | None], ...] = (
    *((words, None) for words in ("synth", "steel drum", "taiko")),
    ("drum", "drums"),
    *((words, None) for words in ("bass clarinet", "bass flute", "alto flute", "pan flute")),
    *((words, None) for words in ("bass trombone", "bass trumpet", "english horn", "muted trumpet", "piccolo")),
    *((words, None) for words in ("bass viola", "viola gamba", "toy")),
    *((f"{register} sax", None) for register in ("soprano", "sopranino", "alto", "baritone", "bari", "bass")),
    ("electric piano", "electric_piano"),
    ("contrabass", "double_bass"),
    ("double bass", "double_bass"),
    ("acoustic bass guitar", "electric_bass"),
    ("acoustic bass", "double_bass"),
    ("bass", "electric_bass"),
    ("acoustic guitar steel", "steel_guitar"),
    ("acoustic guitar", "nylon_guitar"),
    ("guitar", "electric_guitar"),
    *((name, name) for name in ("violin", "viola", "cello", "flute", "oboe", "clarinet", "bassoon", "trumpet")),
    *((name, name) for name in ("horn", "trombone", "piano")),
    *((f"{which} organ", "organ") for which in ("church", "pipe")),
    ("sax", "tenor_sax"),
)
"""The first rule decides whose words are all there."""


def instrument_of_program(program: int) -> str | None:
    """The catalogue's name for a General MIDI program, 0..127, or 128 for drums; None where nothing fits."""
    return next((name for programs, name in _PROGRAMS if program in programs), None)


def instrument_of_words(label: str) -> str | None:
    """The catalogue's name for what somebody called an instrument: 'Violins', 'el. bass', 'Acoustic Guitar (nylon)'.

    A guitar of which nothing more is said is taken for an electric one, a bass for an electric bass, a saxophone for a
    tenor; None where nothing fits.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", label)).casefold()
    words = {_word(word) for word in re.findall(r"[^\W\d_]+", spaced)}
    return next((name for rule, name in _RULES if words.issuperset(rule.split())), None)


def _word(word: str) -> str:
    """One word in the one spelling that the rules know."""
    singular = word.removesuffix("s") if len(word) > 3 and not word.endswith("ss") else word
    return _SPELLINGS.get(word, _SPELLINGS.get(singular, singular))
