"""A whole set of composed tracks: restartable, track by track, with its splits frozen by hash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.clock import FRAME_RATE_HZ, SAMPLE_RATES_HZ
from ensemble.data import slakh
from ensemble.data.compose.fluidsynth import check_renderer
from ensemble.data.compose.labels import read_labels
from ensemble.data.compose.orchestra import PLAYERS, programs_needed, song_programs
from ensemble.data.compose.piece import LENGTH_S, STYLES
from ensemble.data.compose.soundfont_file import programs_of
from ensemble.data.compose.track import ComposeRequest, digest, make_track, track_name
from ensemble.data.programs import DRUMS_PROGRAM, instrument_of_program
from ensemble.data.takes import SPLITS
from ensemble.errors import AudioError, DataError
from ensemble.events import OnProgress, unheard
from ensemble.files.replace import write_whole
from ensemble.threads import one_thread
from ensemble.types.choices import offer

ENOUGH_TRACKS = 7
"""So many tracks give every instrument something in each split; measured for 20 seeds of both styles."""
SOUNDING_DB = -60.0
"""Loudness above which a frame counts as sounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeReport:
    """What a run did and what the folder now holds."""

    root: Path
    made: tuple[str, ...]
    """Tracks composed now."""
    kept: tuple[str, ...]
    """Tracks that were finished before."""
    minutes: dict[str, float]
    """How long each instrument sounds, over every finished track."""
    splits: dict[str, int]
    """Tracks in each split."""
    lacking: tuple[str, ...]
    """Instruments without a track to learn from, to validate or to test with; none from `ENOUGH_TRACKS` on."""


def compose(
    out: Path,
    num_tracks: int,
    *,
    seed: int = 0,
    style: str = "house",
    sample_rate: int = 48_000,
    soundfonts: Sequence[Path] = (),
    held_out: Path | None = None,
    instruments: Sequence[str] = (),
    jobs: int = 1,
    length_s: tuple[float, float] = LENGTH_S,
    on_progress: OnProgress = unheard,
) -> ComposeReport:
    """Compose a data set into a folder; what is already there and finished is kept.

    A track depends on the seed, the style and its number alone. The same arguments give the same MIDI, and with the
    same version of FluidSynth the same labels and sound.

    Args:
        out: the data set's folder; made if need be.
        num_tracks: how many, numbered from 1.
        seed: of the set.
        style: house; other: other modes, loops, chords and metres, for a second held-out set; or songs: whole chords,
            to learn listening from.
        sample_rate: of the sound, one of the project's rates.
        soundfonts: SF2 or SF3 with General MIDI, which play the tracks by turns; the Debian package's when absent.
        held_out: one more, which plays every fourth track: these test, and no other does.
        instruments: names from `orchestra.PLAYERS`, who play in every track; drawn for each track when absent.
        jobs: tracks made at once.
        length_s: shortest and longest piece.
        on_progress: told how many tracks are done, and of how many.

    Returns:
        what was made, and the minutes per instrument.

    Raises:
        DataError: FluidSynth or a soundfont is missing, the one held out plays other tracks, an argument makes no
            sense, the folder holds another composition, a held-out piece is not what `splits.json` froze, or the disk
            is full (finished tracks stay).
    """
    _check_arguments(num_tracks, style, sample_rate, jobs, length_s)
    _check_instruments(instruments, style)
    playing = tuple(check_renderer(one) for one in soundfonts) or (check_renderer(None),)
    left_out = None if held_out is None else check_renderer(held_out)
    _check_sounds(instruments, style, [*playing, *filter(None, [left_out])])
    if left_out and any(left_out.samefile(one) for one in playing):
        raise DataError(str(held_out), "plays pieces to learn from, too", "hold out a soundfont that plays no other")
    request = ComposeRequest(
        seed=seed, style=style, sample_rate=sample_rate, length_s=length_s, instruments=tuple(instruments),
        soundfonts=playing, held_out=held_out,
    )  # fmt: skip
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(str(out), f"the folder cannot be made ({error.strerror})", "choose another place") from error
    numbers = range(1, num_tracks + 1)
    kept = [number for number in numbers if _is_finished(out / track_name(number), request.stamp(number))]
    missing = [number for number in numbers if number not in kept]
    done = len(kept)
    with one_thread(), ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting = [pool.submit(_make, out, number, request) for number in missing]
        try:
            for finished in as_completed(waiting):
                finished.result()
                done += 1
                on_progress("compose", done, num_tracks)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    splits = freeze_splits(out)
    return ComposeReport(
        root=out,
        made=tuple(track_name(number) for number in missing),
        kept=tuple(track_name(number) for number in kept),
        minutes=minutes_per_instrument(out),
        splits={name: len(pieces) for name, pieces in splits.items()},
        lacking=_lacking(out),
    )


def _make(out: Path, number: int, request: ComposeRequest) -> None:
    try:
        make_track(out, number, request)
    except (OSError, AudioError) as error:
        problem = error.problem if isinstance(error, AudioError) else f"cannot be written ({error.strerror})"
        cure = "make room and start again: finished tracks are kept"
        raise DataError(str(out / track_name(number)), problem, cure) from error


def _check_arguments(num_tracks: int, style: str, sample_rate: int, jobs: int, length_s: tuple[float, float]) -> None:
    if style not in STYLES:
        raise DataError("style", f"{style!r} is unknown", offer(style, STYLES))
    if sample_rate not in SAMPLE_RATES_HZ:
        known = ", ".join(map(str, SAMPLE_RATES_HZ))
        raise DataError("sample rate", f"{sample_rate} Hz is not one of the project's", f"choose one of {known}")
    if num_tracks < 1 or jobs < 1:
        raise DataError("tracks and jobs", f"{num_tracks} and {jobs} are not both 1 or more", "ask for at least one")
    if not 2.0 <= length_s[0] <= length_s[1] <= 600.0:
        raise DataError("length", f"{length_s} s is not a range within 2..600 s", "give shortest and longest")


def _check_instruments(instruments: Sequence[str], style: str) -> None:
    if instruments and style == "songs":
        raise DataError("instruments", "are drawn for songs", "leave them out, or choose house or other")
    for name in instruments:
        if name not in PLAYERS:
            raise DataError("instrument", f"{name!r} is not one of the composer's", offer(name, sorted(PLAYERS)))
    if len(set(instruments)) < len(instruments):
        raise DataError("instruments", "one is named twice", "name each once")
    if instruments and all(PLAYERS[name].is_drums for name in instruments):
        raise DataError("instruments", "drums alone are no piece", "add an instrument with a pitch")


def _check_sounds(instruments: Sequence[str], style: str, soundfonts: Sequence[Path]) -> None:
    """A soundfont without an instrument would play it with another one's sound."""
    needed = song_programs() if style == "songs" else programs_needed(instruments)
    for soundfont in soundfonts:
        if lacking := needed - programs_of(soundfont):
            program = min(lacking)
            what = "kit" if program == DRUMS_PROGRAM else f"program {program} of General MIDI"
            name = instrument_of_program(program) or "what songs are played with"
            problem = f"has no {name.replace('_', ' ')} ({what})"
            raise DataError(str(soundfont), problem, "give another soundfont, or say who plays by --instrument")


def _is_finished(track: Path, stamp: dict[str, object]) -> bool:
    """Whether the track is there, whole.

    Raises:
        DataError: it is there, but composed from another request.
    """
    if not track.exists():
        return False
    try:
        found = json.loads((track / "composer.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(str(track), "was not written by the composer", "choose an empty folder") from error
    before = {"instruments": [], "is_held_out": False, "soundfont_bytes": stamp["soundfont_bytes"]}
    found = before | found  # of sets from before these were written
    differing = [key for key, value in stamp.items() if found.get(key) != value]
    if differing:
        raise DataError(str(track), f"is another composition ({differing[0]} differs)", "choose an empty folder")
    return True


def freeze_splits(out: Path) -> dict[str, dict[str, str]]:
    """Write `splits.json`: every finished piece under its split, with the hash that freezes it.

    Raises:
        DataError: a piece that was frozen before has changed.
    """
    path = out / "splits.json"
    frozen: dict[str, str] = {}
    if path.is_file():
        for pieces in json.loads(path.read_text(encoding="utf-8")).values():
            frozen |= pieces
    splits: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    for name, split in sorted({take.piece: take.split for take in slakh.read(out).takes}.items()):
        found = digest(out / name)
        if frozen.get(name, found) != found:
            raise DataError(str(out / name), "has changed since splits.json froze it", "compose into another folder")
        splits[split][name] = found
    write_whole(path, json.dumps(splits, indent=1).encode() + b"\n")
    return splits


def _lacking(out: Path) -> tuple[str, ...]:
    splits: dict[str, set[str]] = {}
    for take in slakh.read(out).takes:
        if take.instrument is not None:  # a voice for it could not be trained anyway
            splits.setdefault(take.instrument, set()).add(take.split)
    return tuple(sorted(name for name, found in splits.items() if len(found) < len(SPLITS)))


def minutes_per_instrument(out: Path) -> dict[str, float]:
    """Minutes in which each instrument sounds, over every finished track."""
    minutes: dict[str, float] = {}
    for path in sorted(out.glob("Track*/composer.json")):
        for part in json.loads(path.read_text(encoding="utf-8"))["parts"]:
            labels = read_labels(path.parent / "labels" / f"{part['stem']}.npz")
            sounding = int(np.count_nonzero(labels["loudness_db"] > SOUNDING_DB)) / FRAME_RATE_HZ / 60
            minutes[part["instrument"]] = minutes.get(part["instrument"], 0.0) + sounding
    return dict(sorted(minutes.items()))
