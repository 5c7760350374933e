"""Texts that people write, made at random: charts in three forms, bands, lists of leaders, chords, beats and notes."""

from __future__ import annotations

import numpy as np

from ensemble.chart.chordpro import write_chordpro
from ensemble.chart.text import parse_chart
from ensemble.settings.reading import configs_dir
from tests.chart.test_files import RISING_SUN, SCARBOROUGH, ST_JAMES, ireal
from tests.chart.test_text import random_chart

Generator = np.random.Generator
CHORDS = ("C", "Am7", "F#m", "Bb/D", "N", "Ebmaj7", "G:min")
HARTE = ("C:maj", "A:min7", "N", "X", "F#:hdim7/b3", "Bb:maj(9)", "D:7/3")


def made_chart(rng: Generator) -> bytes:
    """A chart in the project's own form."""
    return random_chart(int(rng.integers(10**6))).encode()


def made_chordpro(rng: Generator) -> bytes:
    """A chart in ChordPro, half of them with words under the chords."""
    song = write_chordpro(parse_chart(made_chart(rng).decode()))
    verse = "{start_of_verse}\nA[G]mazing [G7]grace, how [C]sweet the [G]sound\n{end_of_verse}\n{capo: 2}\n"
    return (song if rng.random() < 0.5 else "{title: Grace}\n{time: 3/4}\n" + verse * int(rng.integers(1, 5))).encode()


def made_ireal(rng: Generator) -> bytes:
    """A link to a song as iReal Pro shares it."""
    music, key = rng.choice([RISING_SUN, ST_JAMES, SCARBOROUGH]), rng.choice(["C", "A-", "Eb", "F#-"])
    return ireal("A Song", str(key), str(music) * int(rng.integers(1, 3)), tempo=int(rng.integers(0, 200))).encode()


def made_band(rng: Generator) -> bytes:
    """A band that comes with the package, or one with settings and an alias."""
    shipped = sorted((configs_dir() / "bands").glob("*.yaml"))
    if rng.random() < 0.5:
        return shipped[rng.integers(len(shipped))].read_bytes()
    gain_db, pan = rng.uniform(-20, 10), rng.uniform(-1, 1)
    return (
        f"name: duo\nfollowers:\n  - &low {{name: low, instrument: cello, role: bass, gain_db: {gain_db:.1f}}}\n"
        f"  - {{<<: *low, name: high, instrument: flute, role: counter, range_midi: [60, 90], pan: {pan:.2f}}}\n"
        "mix:\n  target_lufs: -14\n  ceiling_dbtp: -1.0\n"
    ).encode()


def made_style(rng: Generator) -> bytes:
    """A style that comes with the package."""
    shipped = sorted((configs_dir() / "styles").glob("*.yaml"))
    return shipped[rng.integers(len(shipped))].read_bytes()


def made_leaders(rng: Generator) -> bytes:
    """A list of leaders, some with settings of their own."""
    lines = [f"- take-{number}.wav" for number in range(rng.integers(1, 9))]
    lines += [f"- {{leader: ./süß-{n}.krn, name: song {n}, band: quartet, seed: {n}}}" for n in range(rng.integers(4))]
    return "\n".join(lines).encode()


def made_chords(rng: Generator) -> bytes:
    """Chords by seconds, by beats or by spans."""
    times, form = np.cumsum(rng.uniform(0.1, 4, 12)), rng.integers(3)
    rows = [
        (f"{start:.3f} {stop:.3f} {chord}", f"{start:.2f} {chord}", f"{place + 1} {chord}")[form]
        for place, (start, stop, chord) in enumerate(zip(times[:-1], times[1:], rng.choice(CHORDS, 11), strict=True))
    ]
    return "\n".join(["# as they were played", *rows]).encode()


def made_harte(rng: Generator) -> bytes:
    """Chords as researchers write them down."""
    times = np.cumsum(rng.uniform(0.1, 4, 12))
    rows = zip(times[:-1], times[1:], rng.choice(HARTE, 11), strict=True)
    return "\n".join(f"{start:.3f}\t{stop:.3f}\t{chord}" for start, stop, chord in rows).encode()


def made_beats(rng: Generator) -> bytes:
    """Beats with their places in bars of three or four."""
    times, length = np.cumsum(rng.uniform(0.4, 0.6, rng.integers(1, 60))), int(rng.integers(3, 5))
    return "\n".join(f"{time_s:.3f} {place % length + 1}" for place, time_s in enumerate(times)).encode()


def made_notes(rng: Generator) -> bytes:
    """Onset, pitch in Hz and length of notes, as data sets list them."""
    rows = zip(np.cumsum(rng.uniform(0, 1, 30)), rng.uniform(50, 2_000, 30), rng.uniform(0, 2, 30), strict=True)
    return "\n".join(f"{start:.3f}\t{hz:.3f}\t{length:.3f}" for start, hz, length in rows).encode()
