"""What a performer learns from: takes of one instrument as notes, and level and bend in each of their frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.notes import segment
from ensemble.conduct.shaping import (
    ACCENT_DB_PER_VELOCITY,
    PLAIN_VELOCITY,
    NoteRuns,
    WrittenNote,
    early_ms,
    lay_out,
)
from ensemble.data.inspect_notes import read_notes
from ensemble.data.readers import recognise
from ensemble.data.takes import RecordedPart, Split
from ensemble.errors import AudioError, DataError
from ensemble.events import OnProgress, unheard
from ensemble.listen.listener import Listener
from ensemble.train.recordings import TrainingRecording, read_recording
from ensemble.types.instruments import InstrumentSpec, instrument
from ensemble.types.music import SILENCE_DB, AudioClip

Floats = NDArray[np.float64]

LISTENED_RATE_HZ = 16_000
FAINTEST_DB = -45.0
"""Below the phrase; what is softer counts as this."""
_PHRASE_S = 1.5
"""Half the width of the window in which notes make a phrase."""
_PEAK_FRAMES = 30
_MOST_BEND_CENTS = 120.0
_WHY_TWO = "a performer learns from what leads from note to note"
_FORCE_DB = 6.0
"""A velocity makes a note at most so much louder than its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedTake:
    """One recorded part."""

    piece: str
    """Name of the piece."""
    written: tuple[WrittenNote, ...]
    """Its notes as a score would have them: forces count against those around."""
    runs: NoteRuns
    """The same, laid out."""
    level_db: Floats
    """Loudness against the line that leads from note to note; its mean power over the notes is 0 dB.  [frames]"""
    cents: Floats
    """Deviation from the written pitch; NaN where no note or no pitch is.  [frames]"""
    licence: str
    """Of the recording."""

    @property
    def num_frames(self) -> int:
        """Length."""
        return len(self.level_db)


def read_takes(
    root: Path, name: str, split: Split, on_progress: OnProgress = unheard, say: Callable[[str], None] = unheard
) -> list[PlayedTake]:
    """Read the takes of an instrument in one split of a data set, as far as they can be used.

    Args:
        root: the data set.
        name: of the instrument.
        split: of the set.
        on_progress: called after every take.
        say: told of a take that cannot be used.

    Raises:
        ConfigError: the instrument is unknown.
        DataError: the folder has no known layout.
    """
    spec = instrument(name)
    takes = [one for one in recognise(root).read(root).takes if one.instrument == name and one.split == split]
    played = []
    for done, take in enumerate(takes, start=1):
        try:
            played.append(read_take(take, spec))
        except (AudioError, DataError) as error:
            say(f"left out: {error}")
        on_progress("read", done, len(takes))
    return played


def read_take(take: RecordedPart, spec: InstrumentSpec) -> PlayedTake:
    """Read one take: its labels where it has some, else its sound and its list of notes, else what is heard of it.

    Raises:
        AudioError, DataError: it cannot be used; it has fewer than two notes; it sounds several at once.
    """
    where = str(take.audio or take.piece)
    if spec.family == "drums":
        raise DataError(where, "is a drummer's", "drums are not learned from curves")
    recording = read_recording(take, LISTENED_RATE_HZ)
    f0_hz = np.where(recording.is_voiced, recording.f0_hz, np.nan).astype(np.float64)
    loudness = recording.loudness_db.astype(np.float64)
    notes = sorted(_notes_of(take, recording))
    for start_s, stop_s, midi, velocity, _ in notes:
        if not (0.0 <= start_s < stop_s < np.inf and 0 <= midi <= 127 and 1 <= velocity <= 127):
            what = f"has a note of pitch {midi} and velocity {velocity} from {start_s} to {stop_s} s"
            raise DataError(where, what, "mend its list of notes")
    if len(notes) < 2:
        raise DataError(where, "has fewer than two notes", _WHY_TWO)
    if any(later[0] < one[1] - 0.05 for one, later in pairwise(notes)):
        raise DataError(where, "sounds several notes at once", "a performer learns from single lines")
    force_db = _forces(np.array([one[0] for one in notes]), [one[3] for one in notes])
    early_s = early_ms(spec) / 1000.0  # so that a note that is played early begins where this one does
    written = tuple(
        WrittenNote(
            start_s + early_s, stop_s, pitch, PLAIN_VELOCITY + round(force / ACCENT_DB_PER_VELOCITY), bar_place=place
        )
        for (start_s, stop_s, pitch, _, place), force in zip(notes, force_db.tolist(), strict=True)
    )
    runs = lay_out(take.part, written, spec, len(loudness), 0, 0.0)
    if len(runs.start) < 2:
        raise DataError(where, "has fewer than two notes while it sounds", _WHY_TWO)
    return PlayedTake(
        piece=take.piece, written=written, runs=runs, level_db=_levels(runs, loudness), cents=_cents(runs, f0_hz),
        licence=take.licence,
    )  # fmt: skip


_Listed = tuple[float, float, int, int, float]
"""Start and stop (s), pitch (MIDI), velocity, place in the bar."""


def _notes_of(take: RecordedPart, recording: TrainingRecording) -> Iterator[_Listed]:
    columns = [] if take.labels is None else _listed_in(take.labels)
    if columns:
        places = _bar_places(take.notes, len(columns[0]))
        for start_s, stop_s, midi, velocity, place in zip(*(one.tolist() for one in columns), places, strict=True):
            yield start_s, stop_s, midi, velocity, place
    elif take.notes is not None:
        for start_s, stop_s, midi in zip(*(one.tolist() for one in read_notes(take.notes)), strict=True):
            yield start_s, stop_s, midi, PLAIN_VELOCITY, -1.0
    else:
        sound = AudioClip(samples=recording.samples[None], sample_rate=recording.sample_rate)
        for note in segment(Listener().listen(sound)):
            yield note.start / FRAME_RATE_HZ, note.stop / FRAME_RATE_HZ, round(note.pitch_midi), PLAIN_VELOCITY, -1.0


def _listed_in(labels: Path) -> list[NDArray[np.generic]]:
    """Start, stop, pitch and velocity of the notes of a label file; nothing where it has none."""
    wanted = ("note_onset_s", "note_stop_s", "note_midi", "note_velocity")
    with np.load(labels, allow_pickle=False) as archive:
        return [archive[name] for name in wanted] if set(wanted) <= set(archive.files) else []


def _bar_places(path: Path | None, num_notes: int) -> list[float]:
    """Where in the bar the notes of a MIDI file begin, by time and pitch; below 0 where that is not to be had."""
    unknown = [-1.0] * num_notes
    if path is None or path.suffix != ".mid":
        return unknown
    bar_ticks, found = 0.0, []
    document = mido.MidiFile(path)
    tick = 0
    for message in mido.merge_tracks(document.tracks):
        tick += message.time
        if message.type == "time_signature":
            bar_ticks = 4.0 * document.ticks_per_beat * message.numerator / message.denominator
        elif message.type == "note_on" and message.velocity and bar_ticks:
            found.append((tick, message.note, tick % bar_ticks / bar_ticks))
    return [place for *_, place in sorted(found)] if len(found) == num_notes else unknown


def _forces(start_s: Floats, velocities: list[int]) -> Floats:
    """By how much each note's velocity makes it louder than those around; SoundFonts say 40 log10.  [notes]"""
    level = 40.0 * np.log10(np.array(velocities) / 127.0)
    return np.clip(level - _smooth(start_s, start_s, level), -_FORCE_DB, _FORCE_DB)


def _smooth(at_s: Floats, places_s: Floats, values: Floats) -> Floats:
    """A line through values, by a bell-shaped window.  [places] -> [at]"""
    smooth = np.empty(len(at_s))
    for index, here_s in enumerate(at_s.tolist()):
        near = slice(*np.searchsorted(places_s, [here_s - 4 * _PHRASE_S, here_s + 4 * _PHRASE_S]))
        near = near if near.stop > near.start else slice(0, None)
        distance = (places_s[near] - here_s) / _PHRASE_S
        weight = np.exp(-0.5 * (distance**2 - (distance**2).min()))
        smooth[index] = (weight * values[near]).sum() / weight.sum()
    return smooth


def _levels(runs: NoteRuns, loudness: Floats) -> Floats:
    """Loudness against the phrase and each note's force."""
    force_db, sounding = np.zeros(len(loudness)), np.zeros(len(loudness), np.bool_)
    peaks = np.empty(len(runs.start))
    for at, (start, stop, silent) in enumerate(zip(runs.start, runs.stop, runs.silent, strict=True)):
        force_db[start:silent] = runs.force_db[at]
        sounding[start:stop] = True
        peaks[at] = loudness[start : min(stop, start + _PEAK_FRAMES)].max() - runs.force_db[at]
    frames_s = np.arange(len(loudness)) / FRAME_RATE_HZ
    every = np.unique(np.append(np.arange(0, len(loudness), 10), len(loudness) - 1))
    line = np.interp(frames_s, frames_s[every], _smooth(frames_s[every], runs.start / FRAME_RATE_HZ, peaks))
    level = np.maximum(loudness - line - force_db, FAINTEST_DB)
    power = 10.0 ** (level[sounding & (loudness > SILENCE_DB)] / 10.0)
    return np.asarray(level - 10.0 * np.log10(power.mean()), np.float64)


def _cents(runs: NoteRuns, f0_hz: Floats) -> Floats:
    cents = np.full(len(f0_hz), np.nan)
    for start, stop, pitch in zip(runs.start, runs.stop, runs.pitch_midi, strict=True):
        inside = 1200.0 * np.log2(f0_hz[start:stop] / 440.0) - 100.0 * (pitch - 69.0)
        cents[start:stop] = np.where(np.abs(inside) < _MOST_BEND_CENTS, inside, np.nan)
    known = np.isfinite(cents)
    return cents - (np.median(cents[known]) if known.any() else 0.0)  # how the instrument was tuned


def licence_of(takes: Iterable[PlayedTake]) -> str:
    """The licences of some takes."""
    return "; ".join(sorted({take.licence for take in takes}))
