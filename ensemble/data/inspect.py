"""Look a data set through before anything is learned from it: what there is, what is passed over, what looks wrong.

Files are read once, as streams, one piece at a time; nothing in the data set is touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from ensemble.data.inspect_alignment import is_another, late_ms
from ensemble.data.inspect_facts import Inspection, SoundFacts, TakeFacts, doubts_of_piece
from ensemble.data.inspect_notes import OTHER_STROKES, WrittenNotes, compare, read_notes
from ensemble.data.inspect_sound import hear_file
from ensemble.data.readers import recognise
from ensemble.data.takes import RecordedPart, Skip
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.threads import one_thread
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import FloatArray

LENGTH_TOLERANCE_S = 0.25
"""A stem that is shorter or longer than its piece by more was exported from elsewhere, or is cut short."""
Heard = tuple[TakeFacts, FloatArray]


def inspect(root: Path, *, on_progress: OnProgress = unheard, max_seconds_per_take: float | None = None) -> Inspection:
    """Recognise a data set and measure every take.

    Args:
        root: its folder.
        on_progress: told the stage, how many takes are done, and of how many.
        max_seconds_per_take: hear pitch, tuning and polyphony in so many sounding seconds of each take, spread over
            it; None in all of it. Lengths, levels, clipping, silence and alignment always come from the whole file.

    Raises:
        DataError: no such folder, no layout that is known, or no take in it. A set whose takes all turn out to be
            unusable is no error here: `Inspection.is_usable` is False, and `skips` says why.
    """
    reader = recognise(root)
    dataset = reader.read(root)
    heard: list[TakeFacts] = []
    skips = list(dataset.skips)
    sounding = sorted((take for take in dataset.takes if take.audio), key=lambda take: (take.piece, take.part))
    done = 0
    with one_thread():
        for _, piece in groupby(sounding, key=lambda take: take.piece):
            takes = list(piece)
            facts, passed = _piece(takes, _steps(on_progress, done, len(sounding)), max_seconds_per_take)
            heard += facts
            skips += passed
            done += len(takes)
    return Inspection(
        dataset=dataset.name,
        root=root,
        takes=tuple(heard),
        written=tuple(take for take in dataset.takes if not take.audio),
        skips=tuple(skips),
        doubts=tuple(
            doubt
            for _, piece in groupby(heard, key=lambda facts: facts.take.piece)
            for doubt in doubts_of_piece(list(piece))
        ),
        max_seconds_per_take=max_seconds_per_take,
    )


def _steps(on_progress: OnProgress, done: int, total: int) -> Callable[[int], None]:
    return lambda more: on_progress("inspect", done + more, total)


def _piece(
    takes: list[RecordedPart], on_step: Callable[[int], None], max_pitch_s: float | None
) -> tuple[list[TakeFacts], list[Skip]]:
    """Every take of one piece, and how they lie to each other."""
    heard: list[Heard] = []
    skips: list[Skip] = []
    for number, take in enumerate(takes):
        on_step(number)
        if take.audio is None:
            continue
        is_drums = take.instrument == "drums"
        notes, unread = _notes_of(take)
        try:
            sound, onset, salience = hear_file(
                take.audio,
                max_pitch_s=0.0 if is_drums else max_pitch_s,
                with_salience=notes is not None and not is_drums,
            )
        except DataError as error:
            skips.append(Skip(path=take.audio, reason=error.problem))
            continue
        if sound.sounding_s == 0:
            skips.append(Skip(path=take.audio, reason=f"is silent throughout (peak {sound.peak_dbfs:.0f} dBFS)"))
            continue
        facts = TakeFacts(take=take, sound=sound, unread=unread)
        if notes is not None:
            spec = CATALOGUE.get(take.instrument or "")
            if salience is not None:
                found = compare(salience, notes, spec)
                facts = replace(facts, mismatches=found.mismatches, is_heard_as_line=found.is_heard_as_line)
            elif is_another(onset, notes.onsets(len(onset))):
                facts = replace(facts, mismatches=(OTHER_STROKES,))
            if not facts.mismatches:
                facts = replace(facts, late_to_notes_ms=late_ms(onset, notes.onsets(len(onset))))
        heard.append((facts, onset))
    mix: tuple[SoundFacts, FloatArray] | None = None
    if heard and (path := takes[0].mix) is not None:
        try:
            mix = hear_file(path, max_pitch_s=0.0)[:2]
        except DataError as error:
            skips.append(Skip(path=path, reason=f"{error.problem}: the mix is not compared with its parts"))
    heard, misfits = _of_one_length(heard, mix)
    on_step(len(takes))
    return list(_aligned(heard, mix[1] if mix else None)), skips + misfits


def _notes_of(take: RecordedPart) -> tuple[WrittenNotes | None, str]:
    """What a take should play, if that is known; or why its file cannot be read."""
    if take.notes is None:
        return None, ""
    try:
        return read_notes(take.notes), ""
    except DataError as error:
        return None, error.problem


def _of_one_length(heard: list[Heard], mix: tuple[SoundFacts, FloatArray] | None) -> tuple[list[Heard], list[Skip]]:
    """Only the takes that last as long as the piece: as its mix, or as most of its parts."""
    if not heard:
        return [], []
    lengths = Counter(round(facts.sound.duration_s, 1) for facts, _ in heard)
    piece_s = mix[0].duration_s if mix else max(lengths, key=lambda length: (lengths[length], length))
    fits: list[Heard] = []
    skips: list[Skip] = []
    for facts, onset in heard:
        if abs(facts.sound.duration_s - piece_s) <= LENGTH_TOLERANCE_S:
            fits.append((facts, onset))
        elif facts.take.audio is not None:
            reason = f"lasts {facts.sound.duration_s:.2f} s where its piece lasts {piece_s:.2f} s"
            skips.append(
                Skip(path=facts.take.audio, reason=f"is cut short, {reason}" if facts.sound.faults else reason)
            )
    return fits, skips


def _aligned(heard: list[Heard], mix_onset: FloatArray | None) -> Iterator[TakeFacts]:
    """Every take against the mix, and against the sum of the others."""
    num_frames = max((len(onset) for _, onset in heard), default=0)
    total = np.zeros(num_frames, dtype=np.float32)
    for _, onset in heard:
        total[: len(onset)] += onset
    for facts, onset in heard:
        others = total.copy()
        others[: len(onset)] -= onset
        yield replace(
            facts,
            late_to_mix_ms=late_ms(onset, mix_onset) if mix_onset is not None else None,
            late_to_others_ms=late_ms(onset, others) if len(heard) > 1 else None,
        )
