"""The catalogue of instruments: what each can play, and how its notes begin, sound and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ensemble.errors import ConfigError
from ensemble.types.choices import offer

Family = Literal["plucked", "bowed", "blown", "keyed", "drums"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """One instrument."""

    name: str
    """Name in the catalogue and in band files."""
    family: Family
    """How the sound is made: plucked, bowed, blown, keyed or drums."""
    program: int
    """General MIDI program, 0..127; for drums, the number of the kit."""
    range_midi: tuple[int, int]
    """Lowest and highest comfortable note."""
    voices: int = 1
    """Notes that can sound at once."""
    attack_ms: float = 20.0
    """Time from a note's onset to its full level."""
    release_ms: float = 60.0
    """Time from a note's end to silence."""
    decay_db_per_s: float = 0.0
    """How fast a held note fades; 0 where it is sustained."""
    vibrato_hz: float = 0.0
    """Rate of the vibrato."""
    vibrato_cents: float = 0.0
    """Depth of the vibrato once it has settled."""
    brightness: float = 1.0
    """Exponent p of the naive voice's spectrum: harmonic k has the amplitude k^-p."""
    noise_db: float = -40.0
    """Level of breath, bow or fret noise relative to the harmonics."""

    @property
    def fades(self) -> bool:
        """Whether a held note fades from its onset on, as what is plucked or struck does."""
        return self.decay_db_per_s > 0


def _plucked(
    name: str, program: int, low: int, high: int, voices: int, decay: float, brightness: float
) -> InstrumentSpec:
    return InstrumentSpec(
        name=name, family="plucked", program=program, range_midi=(low, high), voices=voices,
        attack_ms=4.0, release_ms=60.0, decay_db_per_s=decay, brightness=brightness, noise_db=-46.0,
    )  # fmt: skip


def _bowed(name: str, program: int, low: int, high: int, vibrato_cents: float) -> InstrumentSpec:
    return InstrumentSpec(
        name=name, family="bowed", program=program, range_midi=(low, high), attack_ms=70.0, release_ms=120.0,
        vibrato_hz=5.6, vibrato_cents=vibrato_cents, brightness=1.1, noise_db=-34.0,
    )  # fmt: skip


def _blown(name: str, program: int, low: int, high: int, vibrato_cents: float, brightness: float) -> InstrumentSpec:
    return InstrumentSpec(
        name=name, family="blown", program=program, range_midi=(low, high), attack_ms=35.0, release_ms=70.0,
        vibrato_hz=5.0, vibrato_cents=vibrato_cents, brightness=brightness, noise_db=-32.0,
    )  # fmt: skip


CATALOGUE: dict[str, InstrumentSpec] = {
    instrument.name: instrument
    for instrument in (
        _plucked("electric_bass", 33, 28, 55, voices=1, decay=6.0, brightness=1.4),
        _plucked("double_bass", 32, 28, 55, voices=1, decay=12.0, brightness=1.6),
        _plucked("nylon_guitar", 24, 40, 76, voices=6, decay=10.0, brightness=1.3),
        _plucked("steel_guitar", 25, 40, 76, voices=6, decay=8.0, brightness=1.1),
        _plucked("electric_guitar", 27, 40, 79, voices=6, decay=6.0, brightness=1.1),
        _bowed("violin", 40, 55, 93, vibrato_cents=18.0),
        _bowed("viola", 41, 48, 84, vibrato_cents=16.0),
        _bowed("cello", 42, 36, 72, vibrato_cents=14.0),
        _blown("flute", 73, 60, 93, vibrato_cents=12.0, brightness=2.2),
        _blown("oboe", 68, 58, 91, vibrato_cents=10.0, brightness=0.9),
        _blown("clarinet", 71, 50, 86, vibrato_cents=0.0, brightness=1.5),
        _blown("bassoon", 70, 34, 72, vibrato_cents=8.0, brightness=1.1),
        _blown("trumpet", 56, 54, 82, vibrato_cents=8.0, brightness=0.9),
        _blown("horn", 60, 41, 77, vibrato_cents=0.0, brightness=1.6),
        _blown("trombone", 57, 40, 72, vibrato_cents=8.0, brightness=1.0),
        _blown("tenor_sax", 66, 44, 75, vibrato_cents=14.0, brightness=1.1),
        InstrumentSpec(
            name="piano", family="keyed", program=0, range_midi=(28, 96), voices=6, attack_ms=4.0, release_ms=90.0,
            decay_db_per_s=9.0, brightness=1.5, noise_db=-50.0,
        ),
        InstrumentSpec(
            name="electric_piano", family="keyed", program=4, range_midi=(31, 96), voices=6, attack_ms=4.0,
            release_ms=90.0, decay_db_per_s=7.0, brightness=1.9, noise_db=-52.0,
        ),
        InstrumentSpec(
            name="organ", family="keyed", program=19, range_midi=(36, 96), voices=6, attack_ms=12.0, release_ms=60.0,
            brightness=1.4, noise_db=-50.0,
        ),
        InstrumentSpec(name="drums", family="drums", program=0, range_midi=(35, 81), voices=0),
    )
}  # fmt: skip


def instrument(name: str) -> InstrumentSpec:
    """Look up an instrument.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in CATALOGUE:
        raise ConfigError("instrument", f"{name!r} is unknown", offer(name, sorted(CATALOGUE)))
    return CATALOGUE[name]
