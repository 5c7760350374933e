"""Who plays: the instruments of the composer, and what the sampled ones need to sound played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ensemble.data.programs import DRUMS_PROGRAM
from ensemble.types.instruments import CATALOGUE, InstrumentSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestraPlayer:
    """One instrument of the composer."""

    spec: InstrumentSpec
    """Its range, program of General MIDI and family."""
    release_cents: int = -3600
    """Shortening of the soundfont's release, in timecents: -1200 halves it."""
    filter_cents: int = -2400
    """How far the low-pass closes for a note 30 dB below the loudest."""
    attack_skip_samples: int = 0
    """How much of the sample's slow attack a slurred or fast note leaves out."""
    tilt_db_per_octave: float = 0.25
    """Gain per octave above the fundamental for each dB of loudness above `neutral_db`; how far the spectral centroid
    rises depends on the sound: by 2.9 % per dB in the bassoon, 2.5 in the oboe, 2.0 in the horn."""
    neutral_db: float = -38.0
    """The loudness at which the tilt changes nothing."""
    vibrato_share: float = 0.0
    """Of its long notes, those with vibrato."""
    scoop_share: float = 0.0
    """Of its notes, those that begin below their pitch."""
    fastest_s: float = 0.09
    """The shortest note that it is given."""
    tune_midi: tuple[int, int] | None = None
    """Where its melodies lie when it plays alone; None where it never does."""
    other_program: int = 0
    """Its nearest relative in General MIDI: plays a second take where there is no second soundfont."""

    @property
    def instrument(self) -> str:
        """Its name."""
        return self.spec.name

    @property
    def label(self) -> str:
        """What the data set's metadata calls it, such as `Nylon Guitar`."""
        return self.spec.name.replace("_", " ").title()

    @property
    def is_drums(self) -> bool:
        """Whether it is the kit."""
        return self.spec.family == "drums"

    @property
    def is_plucked(self) -> bool:
        """Whether a note's level is decided at its onset."""
        return self.spec.fades


def _bowed(name: str, tilt: float, fastest_s: float, tune_midi: tuple[int, int] | None, other: int) -> OrchestraPlayer:
    return OrchestraPlayer(
        spec=CATALOGUE[name], release_cents=-4800, attack_skip_samples=5000, tilt_db_per_octave=tilt, vibrato_share=0.5,
        scoop_share=0.3, fastest_s=fastest_s, tune_midi=tune_midi, other_program=other,
    )  # fmt: skip


ORCHESTRA: tuple[OrchestraPlayer, ...] = (
    _bowed("violin", 0.38, 0.1, (60, 86), 41),
    _bowed("viola", 0.42, 0.1, None, 40),
    _bowed("cello", 0.36, 0.11, (43, 67), 41),
    OrchestraPlayer(
        spec=CATALOGUE["flute"], attack_skip_samples=4000, tilt_db_per_octave=0.95, neutral_db=-39.0, vibrato_share=0.4,
        scoop_share=0.2, fastest_s=0.085, tune_midi=(64, 88), other_program=74,
    ),
    OrchestraPlayer(
        spec=CATALOGUE["clarinet"], attack_skip_samples=1200, tilt_db_per_octave=0.2, neutral_db=-31.0,
        vibrato_share=0.15, scoop_share=0.3, fastest_s=0.085, tune_midi=(55, 82), other_program=68,
    ),
    OrchestraPlayer(
        spec=CATALOGUE["trumpet"], tilt_db_per_octave=0.3, vibrato_share=0.4, scoop_share=0.3, fastest_s=0.085,
        tune_midi=(58, 80), other_program=57,
    ),
    OrchestraPlayer(
        spec=CATALOGUE["nylon_guitar"], release_cents=-7200, tilt_db_per_octave=0.45, neutral_db=-43.0,
        scoop_share=0.06, vibrato_share=0.15, fastest_s=0.1, tune_midi=(62, 80), other_program=25,
    ),
    OrchestraPlayer(
        spec=CATALOGUE["electric_bass"], tilt_db_per_octave=0.85, neutral_db=-46.0, scoop_share=0.08, fastest_s=0.13,
        tune_midi=(31, 52), other_program=34,
    ),
    OrchestraPlayer(spec=CATALOGUE["drums"]),
)  # fmt: skip
"""Those of the training sets; their order decides who plays in which track."""


def _blown(name: str, tilt: float, neutral_db: float, tune_midi: tuple[int, int], other: int) -> OrchestraPlayer:
    return OrchestraPlayer(
        spec=CATALOGUE[name], tilt_db_per_octave=tilt, neutral_db=neutral_db, vibrato_share=0.3, scoop_share=0.3,
        fastest_s=0.09, tune_midi=tune_midi, other_program=other,
    )  # fmt: skip


def _strung(name: str, tilt: float, neutral_db: float, tune_midi: tuple[int, int], other: int) -> OrchestraPlayer:
    return OrchestraPlayer(
        spec=CATALOGUE[name], release_cents=-7200, tilt_db_per_octave=tilt, neutral_db=neutral_db, scoop_share=0.06,
        vibrato_share=0.1, fastest_s=0.1, tune_midi=tune_midi, other_program=other,
    )  # fmt: skip


PLAYERS: dict[str, OrchestraPlayer] = {
    player.instrument: player
    for player in (
        *ORCHESTRA,
        _blown("oboe", 0.9, -18.0, (60, 84), 69),
        _blown("bassoon", 1.2, -38.0, (40, 64), 68),
        _blown("horn", 0.35, -40.0, (48, 72), 61),
        _blown("trombone", 0.3, -38.0, (46, 68), 58),
        _blown("tenor_sax", 0.3, -38.0, (50, 74), 65),
        _strung("double_bass", 0.6, -46.0, (31, 52), 35),
        _strung("steel_guitar", 0.45, -43.0, (62, 79), 24),
        _strung("electric_guitar", 0.45, -43.0, (60, 79), 26),
        _strung("piano", 0.4, -42.0, (55, 84), 1),
        _strung("electric_piano", 0.5, -42.0, (52, 79), 5),
        OrchestraPlayer(spec=CATALOGUE["organ"], fastest_s=0.09, tune_midi=(55, 79), other_program=20),
    )
}
"""All that a set can be asked for by name."""


def _alone(like: str, name: str, program: int, other: int, tune_midi: tuple[int, int]) -> OrchestraPlayer:
    spec = replace(CATALOGUE[like], name=name, program=program)
    return OrchestraPlayer(spec=spec, tune_midi=tune_midi, other_program=other)


_ACCOMPANIMENT: dict[str, dict[str, tuple[int, ...]]] = {
    "nylon_guitar": {"guitar": (24, 25, 26, 27, 28, 29, 30, 104, 105)},
    "piano": {"piano": (0, 1, 2, 3), "electric_piano": (4, 5, 6, 7, 11, 12, 46)},
    "violin": {"organ": (16, 17, 18, 19, 21), "strings": (48, 49, 50, 51, 89, 91), "choir": (52, 53, 54, 61, 62, 90)},
    "electric_bass": {"bass_guitar": (32, 33, 34, 35, 36, 38, 39)},
    "trumpet": {"tune": (0, 22, 40, 42, 52, 53, 54, 56, 65, 66, 68, 71, 73, 75, 80, 81, 24, 26)},
}
"""Programs of General MIDI by the instrument that they are handled like and by what they do in a song."""


def song_players(rng: np.random.Generator) -> dict[str, OrchestraPlayer]:
    """Who plays a song, by role: two who sound the chords, a bass, a tune and the kit, of any sound of General MIDI."""

    def drawn(like: str, what: str) -> OrchestraPlayer:
        program = int(rng.choice(_ACCOMPANIMENT[like][what]))
        spec = replace(CATALOGUE[like], name=what, program=program)
        return OrchestraPlayer(spec=spec, vibrato_share=0.4 * (what == "tune"), scoop_share=0.2 * (what == "tune"))

    struck, held = ("nylon_guitar", "guitar"), ("violin", ("organ", "strings", "choir")[rng.integers(3)])
    keyed = ("piano", ("piano", "electric_piano")[rng.integers(2)])
    first, second = [(struck, held), (keyed, held), (struck, keyed), (keyed, struck)][rng.integers(4)]
    return {
        "tune": drawn("trumpet", "tune"), "chords": drawn(*first), "more_chords": drawn(*second),
        "bass": drawn("electric_bass", "bass_guitar"), "drums": ORCHESTRA[-1],
    }  # fmt: skip


def song_programs() -> frozenset[int]:
    """What a soundfont must have to play songs: programs of General MIDI, and `DRUMS_PROGRAM`."""
    drawn = (programs for sounds in _ACCOMPANIMENT.values() for programs in sounds.values())
    return frozenset(program for programs in drawn for program in programs) | {DRUMS_PROGRAM}


def programs_needed(instruments: Sequence[str]) -> frozenset[int]:
    """What a soundfont must have to play these names from `PLAYERS`, or where none is given all of `ORCHESTRA`."""
    players = [PLAYERS[name] for name in instruments] or ORCHESTRA
    return frozenset(DRUMS_PROGRAM if player.is_drums else player.spec.program for player in players)


SOLOISTS: dict[str, OrchestraPlayer] = {
    player.instrument: player
    for player in (
        ORCHESTRA[6],
        _alone("nylon_guitar", "steel_guitar", 25, 24, (62, 79)),
        _alone("electric_guitar", "jazz_guitar", 26, 24, (60, 79)),
        _alone("electric_guitar", "electric_guitar", 27, 26, (60, 79)),
        _alone("piano", "piano", 0, 1, (62, 84)),
        *(player for player in ORCHESTRA[:6] if player.tune_midi),
        _alone("tenor_sax", "saxophone", 65, 66, (55, 77)),
        ORCHESTRA[7],
    )
}
"""Those that play alone, by name; their order decides which one a song is drawn for."""
TRACKS_PER_ROUND = 3
"""Within a round of three tracks every instrument plays in exactly two, so all get equal shares."""


def players_of(seed: int, number: int, instruments: tuple[str, ...] = ()) -> tuple[OrchestraPlayer, ...]:
    """Who plays in a track; lowest instrument last but for the drums, which close the score.

    Args:
        seed: of the data set.
        number: of the track, from 1.
        instruments: names from `PLAYERS`; where none is given, six of the nine, a fresh draw every round.
    """
    turn, place = divmod(number - 1, TRACKS_PER_ROUND)
    order = np.random.default_rng([seed, turn, 9]).permutation(len(ORCHESTRA))
    absent = np.split(order, TRACKS_PER_ROUND)[place]
    drawn = [player for index, player in enumerate(ORCHESTRA) if index not in absent]
    present = [PLAYERS[name] for name in instruments] or drawn
    return tuple(sorted(present, key=lambda player: (player.is_drums, -player.spec.range_midi[0])))
