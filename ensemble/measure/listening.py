"""How well the listener hears a folder of recordings with references, beside a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.audio.files import prepared_clip, printable, read_clip
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, visible
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.listen.causal_network import CausalListener
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.measure.annotations import kinds_in, read_annotation
from ensemble.measure.bootstrap import interval
from ensemble.measure.calibration import Statement, calibration_error, statements_of
from ensemble.measure.listening_baseline import baseline
from ensemble.measure.listening_scores import FIGURES, annotation_of, score
from ensemble.threads import one_thread

Scores = dict[str, float | None]


def evaluate_listening(
    folder: Path, on_progress: OnProgress = unheard, causal: CausalListener | None = None
) -> dict[str, Any]:
    """Listen to every recording of a folder that has a reference, and compare.

    Args:
        folder: recordings, each with any of the files that `annotations` describes beside it; `TABLE.md` may name
            their kinds.
        on_progress: told the recording's name, how many are done, and of how many.
        causal: is asked about chords in place of the chord network, to be measured beside it.

    Returns:
        The mean of each of `FIGURES` over the recordings that have a reference for it, None where none has;
        `calibration_error` of everything that is said with a confidence;
        `intervals` with the 95 % of each mean, recordings drawn again; `counts`; `kinds`, `baseline` and `recordings`
        with the same figures, by kind, of `listening_baseline`, and by recording; and `causal`, those of the
        listener that asks the causal one.

    Raises:
        DataError: a reference is damaged, or there is none.
        AudioError: a recording cannot be read.
    """
    if not folder.is_dir():
        raise DataError(printable(folder), "is no folder", "name a folder of recordings with references")
    kinds = kinds_in(folder)
    sounds = [path for path in visible(folder) if path.suffix.lower() in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES)]
    known = [(path, reference) for path in sounds if (reference := read_annotation(path)) is not None]
    if not known:
        raise DataError(
            printable(folder), "holds no recording with a reference", "lay NAME.beats, NAME.lab or others beside it"
        )
    ours: dict[str, Scores] = {}
    others: dict[str, Scores] = {}
    causals: dict[str, Scores] = {}
    said: dict[str, list[Statement]] = {}
    for done, (path, reference) in enumerate(known):
        on_progress(f"listening to {printable(path.stem)}", done, len(known))
        with one_thread():
            clip = read_clip(path)
            clip = at_analysis_rate(prepared_clip(clip, clip.sample_rate))
            heard = Listener().listen(clip)
            said[path.stem] = statements_of(heard, reference)
            ours[path.stem] = score(reference, annotation_of(heard)) | _calibration(said[path.stem])
            others[path.stem] = score(reference, baseline(clip))
            if causal is not None:
                causals[path.stem] = score(reference, annotation_of(Listener(causal.chord_probability).listen(clip)))
    by_kind = {
        kind: [name for name in ours if kinds.get(name) == kind]
        for kind in sorted({kinds[name] for name in ours if name in kinds})
    }

    def means_of(names: Iterable[str]) -> dict[str, Any]:
        names = list(names)
        return _means([ours[name] for name in names]) | _calibration([one for name in names for one in said[name]])

    return means_of(ours) | {
        "counts": {name: len(_values(ours.values(), name)) for name in FIGURES},
        "intervals": {name: _interval(_values(ours.values(), name)) for name in FIGURES},
        "kinds": {kind: means_of(names) for kind, names in by_kind.items()},
        "baseline": _means(others.values()),
        "causal": _means(causals.values()),
        "recordings": {
            name: {"kind": kinds.get(name)} | figures | {"baseline": others[name], "causal": causals.get(name)}
            for name, figures in ours.items()
        },
    }


def _calibration(said: Sequence[Statement]) -> Scores:
    return {"calibration_error": calibration_error(said)}


def _values(scores: Iterable[Scores], name: str) -> list[float]:
    return [value for one in scores if (value := one[name]) is not None]


def _means(scores: Iterable[Scores]) -> dict[str, Any]:
    scores = list(scores)
    found = {name: _values(scores, name) for name in FIGURES}
    return {name: round(float(np.mean(values)), 4) if values else None for name, values in found.items()}


def _interval(values: Sequence[float]) -> list[float] | None:
    return list(interval(np.array(values))) if values else None
