"""Who plays in a track, and what the sampled instruments need to sound played: the facts the composer adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.types.instruments import CATALOGUE, InstrumentSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestraPlayer:
    """One instrument of the composer's orchestra.

    instrument: a name from the catalogue. label, family_label: what Slakh's metadata calls it and its family.
    release_cents: shortening of the soundfont's release, in timecents (-1200 halves it). filter_cents: how far the
    low-pass closes for a note 30 dB below the loudest. attack_skip_samples: how much of the sample's slow attack a
    slurred or fast note leaves out. tilt_db_per_octave: how much a note gains per octave above its fundamental for each
    dB of loudness above neutral_db, and loses below it (calibrated so that the centroid rises by 3 to 5 % per dB).
    vibrato_share, scoop_share: of its notes. fastest_s: the shortest note that it is given.
    """

    instrument: str
    label: str
    family_label: str
    release_cents: int = -3600
    filter_cents: int = -2400
    attack_skip_samples: int = 0
    tilt_db_per_octave: float = 0.25
    neutral_db: float = -38.0
    vibrato_share: float = 0.0
    scoop_share: float = 0.0
    fastest_s: float = 0.09

    @property
    def spec(self) -> InstrumentSpec:
        """The catalogue's entry: range, program, family."""
        return CATALOGUE[self.instrument]

    @property
    def is_drums(self) -> bool:
        """Whether it is the kit."""
        return self.spec.family == "drums"

    @property
    def is_plucked(self) -> bool:
        """Whether a note's level is decided at its onset."""
        return self.spec.family == "plucked"


ORCHESTRA: tuple[OrchestraPlayer, ...] = (
    OrchestraPlayer(instrument="violin", label="Violin", family_label="Strings", release_cents=-4800,
           attack_skip_samples=5000, tilt_db_per_octave=0.38, vibrato_share=0.5, scoop_share=0.3, fastest_s=0.1),
    OrchestraPlayer(instrument="viola", label="Viola", family_label="Strings", release_cents=-4800,
           attack_skip_samples=5000, tilt_db_per_octave=0.42, vibrato_share=0.5, scoop_share=0.3, fastest_s=0.1),
    OrchestraPlayer(instrument="cello", label="Cello", family_label="Strings", release_cents=-4800,
           attack_skip_samples=5000, tilt_db_per_octave=0.36, vibrato_share=0.5, scoop_share=0.3, fastest_s=0.11),
    OrchestraPlayer(instrument="flute", label="Flute", family_label="Pipe", attack_skip_samples=4000,
           tilt_db_per_octave=0.95, neutral_db=-39.0, vibrato_share=0.4, scoop_share=0.2, fastest_s=0.085),
    OrchestraPlayer(instrument="clarinet", label="Clarinet", family_label="Reed", attack_skip_samples=1200,
           tilt_db_per_octave=0.2, neutral_db=-31.0, vibrato_share=0.15, scoop_share=0.3, fastest_s=0.085),
    OrchestraPlayer(instrument="trumpet", label="Trumpet", family_label="Brass", tilt_db_per_octave=0.3,
           vibrato_share=0.4, scoop_share=0.3, fastest_s=0.085),
    OrchestraPlayer(instrument="nylon_guitar", label="Acoustic Guitar (nylon)", family_label="Guitar",
           release_cents=-7200, tilt_db_per_octave=0.45, neutral_db=-43.0, scoop_share=0.06, vibrato_share=0.15,
           fastest_s=0.1),
    OrchestraPlayer(instrument="electric_bass", label="Electric Bass (finger)", family_label="Bass",
           tilt_db_per_octave=0.85, neutral_db=-46.0, scoop_share=0.08, fastest_s=0.13),
    OrchestraPlayer(instrument="drums", label="Drums", family_label="Drums"),
)  # fmt: skip
TRACKS_PER_ROUND = 3
"""Within a round of three tracks every instrument plays in exactly two, so all get equal shares."""


def players_of(seed: int, number: int) -> tuple[OrchestraPlayer, ...]:
    """Six of the nine, a fresh draw every round; lowest instrument last but for the drums, which close the score.

    Args:
        seed: of the data set.
        number: of the track, from 1.
    """
    turn, place = divmod(number - 1, TRACKS_PER_ROUND)
    order = np.random.default_rng([seed, turn, 9]).permutation(len(ORCHESTRA))
    thirds = np.split(order, TRACKS_PER_ROUND)
    absent = set(thirds[place].tolist())
    present = [player for index, player in enumerate(ORCHESTRA) if index not in absent]
    return tuple(sorted(present, key=lambda player: (player.is_drums, -player.spec.range_midi[0])))
