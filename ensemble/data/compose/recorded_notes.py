"""Recordings of single notes, a folder for each instrument, become a soundfont that `data compose` plays.

    violin/A4.wav  violin/C#5.wav  tonejs-instrument-trumpet-mp3/As3.mp3  nylon guitar/E2 soft.flac

The folder's name says the instrument, in any usual spelling; the file's name the key (C4 is the middle one, `s` and `#`
are sharps, `b` is a flat). Several recordings of one key are its dynamics: the loudest plays the highest velocities.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from ensemble.audio.files import read_clip
from ensemble.data.compose.orchestra import PLAYERS, OrchestraPlayer
from ensemble.data.compose.soundfont_file import SampledInstrument, SampledNote, write_soundfont
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, folders, is_file, is_folder, visible
from ensemble.data.programs import instrument_of_words
from ensemble.data.takes import Skip
from ensemble.errors import AudioError, DataError, OutputError
from ensemble.events import OnProgress, unheard
from ensemble.listen.pitch import ANALYSIS_RATE_HZ, track_pitch
from ensemble.types.music import FloatArray

LONGEST_S = 20.0
MEASURED_S = 3.0
"""So much of a note tells its pitch."""
MEASURED_MIDI = (28, 95)
"""Keys whose pitch is measured; beyond them the name is believed."""
FURTHEST_CENTS = 60
"""A note that sounds further from its name, octaves aside, is passed over."""
ONSET_DB = -40.0
"""A note begins where it first comes within this of its peak."""
PRE_ROLL_S = 0.002
RELEASE_S = 0.1
"""Heard from a key's release to silence."""
FADES_DB = 6.0
"""Plucked or struck notes fall by at least this from their second eighth to their seventh, in the median."""
LOOP = (0.4, 0.8)
"""Of a held note, what is repeated."""
CROSSFADE_S = 0.1
BEHIND_LOOP = 8
"""Samples of the next round that a synthesizer may read, SoundFont 2.04 section 7.10."""
MOST_LAYERS = 16
"""Recordings of one key that are used."""
MOST_SAMPLES = 2**29
"""Of all notes together: a file of one GiB."""
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_KEY = re.compile(r"(?<![A-Za-z])([A-G])([#sb♯♭]?)(-?\d)(?!\d)")


class _Recorded(NamedTuple):
    """A recording that can be used."""

    note: SampledNote
    octaves: int
    """How many octaves above its name it was heard; a tracker may be wrong about that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundfontReport:
    """What became of a folder of notes."""

    path: Path
    notes: dict[str, int]
    """Recordings that each instrument got."""
    skips: tuple[Skip, ...]
    """What was passed over, and why."""


def make_soundfont(root: Path, out: Path, on_progress: OnProgress = unheard) -> SoundfontReport:
    """Make a soundfont of recorded notes.

    Each note begins at its attack, is tuned by its measured pitch and, where its instrument is bowed or blown, its
    middle is repeated while a key is held.

    Args:
        root: a folder with one folder per instrument.
        out: the SF2 file.
        on_progress: told how many folders are read, and of how many.

    Raises:
        DataError: there is no note to be used.
        OutputError: the file cannot be written.
    """
    if not root.is_dir():
        raise DataError(str(root), "there is no such folder", "give a folder with one folder of notes per instrument")
    skips: list[Skip] = []
    instruments: dict[str, SampledInstrument] = {}
    found = sorted(folders(root), key=_is_vague)
    for done, folder in enumerate(found):
        on_progress("notes", done, len(found))
        player = PLAYERS.get(instrument_of_words(folder.name) or "")
        if player is None or player.is_drums:
            skips.append(Skip(path=folder, reason="is not named after one of the composer's pitched instruments"))
        elif player.instrument in instruments:
            skips.append(Skip(path=folder, reason=f"is another {player.instrument}"))
        else:
            recorded = list(_notes(folder, player, skips))
            if reason := _unfit(recorded, player):
                skips.append(Skip(path=folder, reason=reason))
                continue
            release_s = RELEASE_S * 2 ** (-player.release_cents / 1200)  # the composer shortens it by so much
            instruments[player.instrument] = SampledInstrument(
                name=player.instrument, program=player.spec.program, release_s=release_s,
                notes=tuple(_layered([one.note for one in recorded])),
            )  # fmt: skip
            num_samples = sum(len(note.samples) for one in instruments.values() for note in one.notes)
            if num_samples > MOST_SAMPLES:
                raise DataError(
                    str(root), "holds more sound than a soundfont should", "take fewer notes, or shorter ones"
                )
    if not instruments:
        reasons = sorted({skip.reason for skip in skips})
        cure = "name folders after instruments, and files after keys, such as violin/A4.wav"
        raise DataError(str(root), "; ".join(["holds no note that can be used", *reasons[:2]]), cure)
    try:
        write_soundfont(out, out.stem, tuple(instruments.values()))
    except (OSError, ValueError) as error:
        raise OutputError(
            str(out), f"cannot be written ({getattr(error, 'strerror', error)})", "choose another place"
        ) from error
    counts = {name: len(one.notes) for name, one in sorted(instruments.items())}
    return SoundfontReport(path=out, notes=counts, skips=tuple(skips))


def key_of(name: str) -> int | None:
    """The MIDI note that a name tells: `A4` 69, `Cs3` and `C#3` 49, `violin_Bb2_ff` 46; None where it tells none."""
    found = _KEY.findall(name)
    if not found:
        return None
    letter, accidental, octave = found[-1]
    shift = {"": 0, "b": -1, "♭": -1}.get(accidental, 1)
    key = _SEMITONES[letter] + shift + 12 * (int(octave) + 1)
    return key if 0 <= key <= 127 else None


def _is_vague(folder: Path) -> bool:
    """Whether a folder's name leaves out a word of its instrument's: a nylon guitar goes before an acoustic one."""
    name = instrument_of_words(folder.name) or ""
    return not all(word in folder.name.casefold() for word in name.split("_"))


def _unfit(recorded: Sequence[_Recorded], player: OrchestraPlayer) -> str:
    """Why the notes of a folder cannot be used; empty where they can."""
    if not recorded:
        return "holds no note that can be used"
    if player.is_plucked and np.median([_fall_db(one.note.samples) for one in recorded]) < FADES_DB:
        return f"holds its notes, and those of a {player.instrument} fade"
    octaves = round(float(np.median([one.octaves for one in recorded])))
    if octaves and sum(one.octaves == octaves for one in recorded) > len(recorded) / 2:
        return f"is named {octaves:+d} octaves off: its notes sound there (C4 is the middle one)"
    return ""


def _notes(folder: Path, player: OrchestraPlayer, skips: list[Skip]) -> Iterator[_Recorded]:
    for path in visible(folder):
        suffix = path.suffix.lower()
        if is_folder(path):
            skips.append(Skip(path=path, reason="is a folder in a folder; put its notes beside the others"))
        elif suffix in FOREIGN_SUFFIXES:
            skips.append(Skip(path=path, reason=f"{path.suffix} is not decoded here; convert it to WAV or FLAC"))
        if not is_file(path) or suffix not in AUDIO_SUFFIXES:
            continue
        key = key_of(path.stem)
        if key is None:
            skips.append(Skip(path=path, reason="is not named after a key"))
            continue
        try:
            clip = read_clip(path)
        except AudioError as error:
            skips.append(Skip(path=path, reason=error.problem))
            continue
        loudest = int(np.argmax(np.square(clip.samples).sum(axis=1)))  # one channel: the mean of two may beat
        recorded = _recorded(clip.samples[loudest], clip.sample_rate, key, player)
        if isinstance(recorded, _Recorded):
            yield recorded
        else:
            skips.append(Skip(path=path, reason=recorded))


def _recorded(recording: FloatArray, sample_rate: int, key: int, player: OrchestraPlayer) -> _Recorded | str:
    """A recording from its attack on, tuned, with a loop where it is held; or why it is not used."""
    peak = float(np.abs(recording).max(initial=0.0))
    if peak == 0.0:
        return "is silent"
    first = int(np.argmax(np.abs(recording) > peak * 10 ** (ONSET_DB / 20)))
    samples = recording[max(first - round(PRE_ROLL_S * sample_rate), 0) :][: round(LONGEST_S * sample_rate)]
    octaves, cents = divmod(_cents(samples, sample_rate, key) + 600, 1200)
    cents -= 600
    if abs(cents) > FURTHEST_CENTS:
        return f"sounds {cents / 100:+.1f} semitones from its name"
    loop = None
    if not player.is_plucked:
        samples, loop = looped(samples, sample_rate, 440 * 2 ** ((key - 69 + cents / 100) / 12))
    note = SampledNote(midi=key, cents=cents, sample_rate=sample_rate, samples=samples, loop=loop)
    return _Recorded(note, octaves)


def _cents(samples: FloatArray, sample_rate: int, key: int) -> int:
    """How far a note sounds above its key; 0 where no pitch is found."""
    if not MEASURED_MIDI[0] <= key <= MEASURED_MIDI[1]:
        return 0
    slow = soxr.resample(samples[: round(MEASURED_S * sample_rate)], sample_rate, ANALYSIS_RATE_HZ).astype(np.float32)
    f0_hz = track_pitch(slow, len(slow) * 100 // ANALYSIS_RATE_HZ).f0_hz
    if not np.any(f0_hz > 0):
        return 0
    return round(1200 * float(np.log2(np.median(f0_hz[f0_hz > 0]) / 440)) - 100 * (key - 69))


def _fall_db(samples: FloatArray) -> float:
    """From a note's second eighth to its seventh, in dB."""
    eighths = np.square(samples[: len(samples) // 8 * 8], dtype=np.float64).reshape(8, -1).mean(axis=1) + 1e-12
    return float(10 * np.log10(eighths[1] / eighths[6]))


def looped(samples: FloatArray, sample_rate: int, f0_hz: float) -> tuple[FloatArray, tuple[int, int]]:
    """Make the middle of a held note fit to be repeated.

    The loop's end is moved, by at most a period, to where the sound is most like that before its start; over the last
    `CROSSFADE_S` before it the one fades into the other.

    Args:
        samples: [samples].
        sample_rate: in Hz.
        f0_hz: the note's pitch.

    Returns:
        the sound up to the loop's end with `BEHIND_LOOP` samples more, and where the loop begins and ends.
    """
    begin, end = (round(share * len(samples)) for share in LOOP)
    fade = min(round(CROSSFADE_S * sample_rate), begin, end - begin)
    before = samples[begin - fade : begin].astype(np.float64)
    ends = range(end, min(end + round(sample_rate / f0_hz) + 1, len(samples)))
    likeness = [float(before @ samples[at - fade : at]) for at in ends]
    end = ends[int(np.argmax(likeness))] if likeness else end
    rise = np.linspace(0, 1, fade, dtype=np.float32)
    joined = samples[:end].copy()
    joined[end - fade :] = (1 - rise) * samples[end - fade : end] + rise * samples[begin - fade : begin]
    return np.concatenate([joined, samples[begin : begin + BEHIND_LOOP]]), (begin, end)


def _layered(notes: Sequence[SampledNote]) -> Iterator[SampledNote]:
    """Spread the recordings of each key over the velocities, softest first."""
    for _, group in groupby(sorted(notes, key=lambda note: (note.midi, _power(note))), key=lambda note: note.midi):
        found = list(group)
        layers = found[:: -(-len(found) // MOST_LAYERS)]
        borders = np.linspace(0, 128, len(layers) + 1).round().astype(int).tolist()
        for at, note in enumerate(layers):
            yield replace(note, velocities=(borders[at], borders[at + 1] - 1))


def _power(note: SampledNote) -> float:
    return float(np.square(note.samples[: note.sample_rate]).mean())
