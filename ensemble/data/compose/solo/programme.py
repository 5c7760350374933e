"""The programme of the corpus: solo pieces in every key, from 60 to 170 beats a minute, quiet to loud.

Half of it is for guitars, since that is what most leaders play; keys that lie well on one come first there, so that a
leader in any key finds a guitar at most a semitone away.
"""

from __future__ import annotations

from ensemble.data.compose.solo.outline import SoloOrder

SEED = 5
LENGTH_S = 44.0
_KEYS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_ROWS: tuple[tuple[str, str, str, str, float, float, str], ...] = (
    ("Orchard Road", "nylon_guitar", "G major", "4/4", 96, -8, "picking calm arpeggio"),
    ("Slow Ferry", "nylon_guitar", "E minor", "4/4", 72, -10, "arpeggio picking calm"),
    ("Windowsill Waltz", "nylon_guitar", "D major", "3/4", 104, -8, "picking arpeggio"),
    ("Lantern", "nylon_guitar", "A minor", "6/8", 60, -9, "arpeggio calm"),
    ("Letter Home", "nylon_guitar", "C major", "4/4", 88, -9, "calm picking arpeggio"),
    ("Five Stones", "nylon_guitar", "F# minor", "5/4", 132, -7, "arpeggio picking"),
    ("Kitchen Light", "steel_guitar", "G major", "4/4", 120, -4, "strum picking strum"),
    ("Tin Roof", "steel_guitar", "A major", "4/4", 144, -5, "picking strum"),
    ("Gate Swing", "steel_guitar", "E major", "3/4", 156, -3, "strum arpeggio"),
    ("North Platform", "steel_guitar", "B minor", "4/4", 108, -4, "strum arpeggio picking"),
    ("Gravel", "steel_guitar", "D mixolydian", "4/4", 168, -2, "strum picking"),
    ("Corner Shop", "electric_guitar", "G major", "4/4", 118, -4, "funk picking funk"),
    ("Night Bus", "electric_guitar", "E minor", "4/4", 98, -5, "funk arpeggio"),
    ("Overpass", "electric_guitar", "A dorian", "4/4", 134, -3, "picking funk strum"),
    ("After Closing", "jazz_guitar", "Bb major", "4/4", 66, -8, "calm picking"),
    ("Rain on Slate", "piano", "F major", "4/4", 76, -9, "broken block"),
    ("Turning Leaves", "piano", "Ab major", "3/4", 126, -6, "block broken"),
    ("Tide Table", "piano", "Db minor", "6/8", 64, -8, "broken block"),
    ("Long Meadow", "violin", "Eb major", "4/4", 84, -6, "song lament"),
    ("Market Day", "violin", "D dorian", "3/4", 138, -4, "dance song"),
    ("Reeds", "flute", "F minor", "4/4", 114, -6, "song dance"),
    ("Paper Boats", "flute", "B major", "6/8", 80, -7, "dance song"),
    ("Cellar Stairs", "clarinet", "Db major", "4/4", 100, -7, "song dance lament"),
    ("Last Tram", "saxophone", "C minor", "4/4", 92, -5, "song lament"),
    ("Signal Hill", "trumpet", "G minor", "4/4", 128, -4, "dance song"),
    ("Old Harbour", "cello", "F# major", "4/4", 63, -6, "lament song"),
    ("Underfoot", "electric_bass", "E minor", "4/4", 100, -4, "walking running"),
)


def programme() -> tuple[SoloOrder, ...]:
    """The pieces in the order of the corpus."""
    orders = []
    for title, instrument, key, metre, tempo_bpm, level_db, textures in _ROWS:
        tonic, mode = key.split()
        orders.append(
            SoloOrder(
                title=title, seed=SEED, instrument=instrument, textures=tuple(textures.split()),
                tonic=_KEYS.index(tonic), mode=mode, metre=metre, tempo_bpm=tempo_bpm, length_s=LENGTH_S,
                level_db=level_db,
            )
        )  # fmt: skip
    return tuple(orders)
