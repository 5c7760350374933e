"""`evaluate render`: measures how a band follows, on finished renders, on new leaders, or on tracks of a data set."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.audio.files import read_clip, write_clip
from ensemble.conduct.intro import with_intro
from ensemble.data import slakh
from ensemble.data.takes import RecordedPart
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.listen.overrides import with_overrides
from ensemble.manifest import MANIFEST, Manifest
from ensemble.measure.cases import RenderCase, TrueNotes, band_of_take, case_of, read_notes
from ensemble.measure.following import as_document
from ensemble.measure.harmony_fit import TimedNote
from ensemble.measure.note_shapes import shapes_of_stem, spread_of
from ensemble.rendering.leader import take_up
from ensemble.rendering.render import render
from ensemble.takes import AS_GIVEN, as_recorded
from ensemble.types.music import AudioClip

RATE_HZ = 16_000
"""Sample rate of renders that are made to be measured: enough for onsets and notes."""
VOICE = "naive"


def evaluate_render(
    sources: Sequence[Path],
    *,
    band: str,
    data: Path | None = None,
    max_tracks: int = 6,
    max_s: float = 30.0,
    on_progress: OnProgress = unheard,
) -> dict[str, Any]:
    """Measure how a band follows.

    Args:
        sources: folders that `render` filled, and recordings or scores, which are rendered first.
        band: the band for those; a shipped band or a YAML file.
        data: a data set in Slakh's layout: its melodies are the leaders, and its other stems are compared.
        max_tracks: how many of its tracks are used, from the first.
        max_s: how many seconds of each are used.
        on_progress: called with the leader's name, the number of cases done and the number of all.

    Returns:
        See `following.as_document`.

    Raises:
        EnsembleError: a source cannot be used.
    """
    tracks = _tracks(data, max_tracks) if data is not None else []
    cases: list[RenderCase] = []
    total = len(sources) + len(tracks)
    for source in sources:
        on_progress(source.name, len(cases), total)
        if (source / MANIFEST).is_file():
            cases.append(case_of_render(source))
        else:
            cases.append(_followed(source, band))
    for takes in tracks:
        on_progress(takes[0].piece, len(cases), total)
        cases.append(_followed_track(takes, band, max_s))
    if not cases:
        raise DataError("evaluate render", "has nothing to measure", "name renders or recordings, or --data SET")
    return as_document(_distinct(cases))


def case_of_render(folder: Path, true_notes: TrueNotes | None = None) -> RenderCase:
    """Read a finished render; its leader is listened to again.

    Args:
        folder: the folder that `render` filled.
        true_notes: the notes of the recording that the leader is taken from, where they are known.

    Raises:
        VerifyError: the folder holds no render, or its leader has changed.
        AudioError: a stem cannot be read.
        DataError: a part cannot be read.
    """
    manifest = Manifest.read(folder / "manifest.json")
    lead = take_up(folder, manifest.plan, manifest.source)
    request = manifest.plan.request
    recorded = as_recorded(lead.clip, manifest.plan.intro_frames)
    heard = with_overrides(lead.known or Listener().listen(at_analysis_rate(recorded)), request.overrides)
    heard = with_intro(heard, request.band, manifest.plan.intro_frames or 0)
    band = band_of_take(folder / AS_GIVEN, request.band.followers)
    return case_of(manifest.source, lead.clip, heard, band, true_notes or TrueNotes())


def note_shapes_of_render(folder: Path) -> dict[str, Any]:
    """How the notes of every pitched stem of a render move; see `measure.note_shapes`.

    Raises:
        VerifyError: the folder holds no render.
        AudioError, DataError: a stem or a part cannot be read.
    """
    found = {}
    for follower in Manifest.read(folder / MANIFEST).plan.request.band.followers:
        if follower.role != "drums":
            take = folder / AS_GIVEN
            notes = read_notes(take / "parts" / f"{follower.name}.mid")
            shapes = shapes_of_stem(take / "stems" / f"{follower.name}.wav", notes)
            spreads = {field: spread_of(values) for field, values in shapes._asdict().items()}
            found[follower.name] = {"instrument": follower.instrument, "notes": len(shapes.decay_db_per_s)} | spreads
    return found


def _followed(source: Path, band: str, true_notes: TrueNotes | None = None) -> RenderCase:
    """Render a leader into a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="ensemble-evaluate-") as folder:
        render(source, Path(folder) / "out", band=band, sample_rate=RATE_HZ, voice=VOICE)
        return case_of_render(Path(folder) / "out", true_notes)


def _distinct(cases: Sequence[RenderCase]) -> list[RenderCase]:
    """Number the cases whose names occur more than once."""
    names = [case.name for case in cases]
    return [
        replace(case, name=f"{case.name} ({number + 1})") if names.count(case.name) > 1 else case
        for number, case in enumerate(cases)
    ]


def _tracks(data: Path, max_tracks: int) -> list[list[RecordedPart]]:
    """The first tracks that have a melody and a second pitched stem, each as its stems with the leader first."""
    by_piece: dict[str, list[RecordedPart]] = {}
    for take in slakh.read(data).takes:
        if take.notes is not None and take.audio is not None:
            by_piece.setdefault(take.piece, []).append(take)
    tracks = [ordered for takes in by_piece.values() if (ordered := _leader_first(takes))]
    if not tracks:
        raise DataError(str(data), "has no track with a tune, a bass and their notes", "compose one with data compose")
    return tracks[:max_tracks]


def _leader_first(takes: list[RecordedPart]) -> list[RecordedPart]:
    """Sort stems: the melody first, where the composer's record names it; else from the highest to the lowest."""
    pitched = [take for take in takes if take.instrument != "drums"]
    if len(pitched) < 2:
        return []
    audio = pitched[0].audio
    record = audio.parent.parent / slakh.COMPOSER_FILE if audio is not None else Path()
    if record.is_file():
        parts = json.loads(record.read_text(encoding="utf-8"))["parts"]
        tune = {part["stem"] for part in parts if part["role"] == "tune"}
        pitched.sort(key=lambda take: take.part not in tune)
    else:
        pitched.sort(key=lambda take: -_height(take))
    return pitched


def _height(take: RecordedPart) -> float:
    notes = read_notes(take.notes) if take.notes else ()
    return float(np.median([note.pitch_midi for note in notes])) if notes else 0.0


def _followed_track(takes: list[RecordedPart], band: str, max_s: float) -> RenderCase:
    """Render the melody of a track, and take the true notes from its stems."""
    leader, *others = takes
    assert leader.audio is not None  # noqa: S101  `_tracks` took none without
    clip = read_clip(leader.audio)
    excerpt = AudioClip(samples=clip.samples[:, : round(max_s * clip.sample_rate)], sample_rate=clip.sample_rate)
    bass = min(others, key=_height)
    inner = [note for take in others if take is not bass and take.notes for note in read_notes(take.notes)]
    true_notes = TrueNotes(
        leader=_until(read_notes(leader.notes) if leader.notes else (), max_s),
        others={"bass": _until(read_notes(bass.notes) if bass.notes else (), max_s), "pad": _until(inner, max_s)},
    )
    with tempfile.TemporaryDirectory(prefix="ensemble-evaluate-") as folder:
        path = Path(folder) / f"{leader.piece}-{leader.part}.wav"
        write_clip(path, excerpt)
        return _followed(path, band, true_notes)


def _until(notes: Sequence[TimedNote], end_s: float) -> tuple[TimedNote, ...]:
    return tuple(note for note in notes if note.start_s < end_s)
