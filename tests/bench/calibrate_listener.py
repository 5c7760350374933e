"""Fit the listener's calibration: `python -m tests.bench.calibrate_listener FIT... --check CHECK...`.

Every folder holds recordings with references, as `ensemble evaluate listening` takes them. Prints for each subject the
slope and the offset of the log odds that fit best on top of what is shipped in `ensemble/listen/calibration.py`, with
the expected calibration error before and after, on what was fitted and on what was not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ensemble.audio.files import prepared_clip, read_clip
from ensemble.data.listing import AUDIO_SUFFIXES, visible
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.measure.annotations import read_annotation
from ensemble.measure.calibration import Statement, calibration_error, statements_of
from ensemble.threads import one_thread

Array = NDArray[np.float64]
PRIOR = 4.0
"""The fit is drawn towards no change as by so much evidence: some subjects have few statements."""


def statements_in(folder: Path) -> list[Statement]:
    """All statements of the listener on the recordings of a folder; those of one recording weigh 1 in all."""
    found: list[Statement] = []
    for path in visible(folder):
        reference = read_annotation(path) if path.suffix in AUDIO_SUFFIXES else None
        if reference is None:
            continue
        with one_thread():
            clip = read_clip(path)
            heard = Listener().listen(at_analysis_rate(prepared_clip(clip, clip.sample_rate)))
        said = statements_of(heard, reference)
        totals = {one.subject: sum(other.weight for other in said if other.subject == one.subject) for one in said}
        found += [one._replace(weight=one.weight / totals[one.subject]) for one in said]
    return found


def log_odds(confidence: Array) -> Array:
    """Of probabilities, which are kept a little away from 0 and 1."""
    kept = np.clip(confidence, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(kept / (1 - kept)))


def fitted(statements: list[Statement]) -> tuple[float, float]:
    """Slope and offset of the log odds. Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999."""
    confidence, is_right, weight = np.array([one[1:] for one in statements], np.float64).T
    odds = log_odds(confidence)

    def loss(line: Array) -> float:
        sure = line[0] * odds + line[1]
        wrong = np.logaddexp(0.0, np.where(is_right > 0, -sure, sure))
        return float((weight * wrong).sum() + PRIOR * ((line[0] - 1.0) ** 2 + 0.1 * line[1] ** 2))

    slope, offset = minimize(loss, np.array([1.0, 0.0])).x
    return float(slope), float(offset)


def mapped(statements: list[Statement], line: tuple[float, float]) -> list[Statement]:
    """The same, with other confidences."""
    sure = log_odds(np.array([one.confidence for one in statements]))
    confidence = 1 / (1 + np.exp(-(line[0] * sure + line[1])))
    return [one._replace(confidence=float(value)) for one, value in zip(statements, confidence, strict=True)]


def main(arguments: list[str]) -> None:
    """Fit on the folders before `--check`, and measure there and on those after it."""
    split = arguments.index("--check")
    learned, checked = (
        [one for name in names for one in statements_in(Path(name))]
        for names in (arguments[:split], arguments[split + 1 :])
    )
    for subject in sorted({one.subject for one in learned}):
        ours, theirs = ([one for one in some if one.subject == subject] for some in (learned, checked))
        line = fitted(ours)
        errors = [calibration_error(some) for some in (ours, mapped(ours, line), theirs, mapped(theirs, line))]
        print(
            f"{subject}: slope {line[0]:.2f}, offset {line[1]:+.2f}; error fitted {errors[0]} -> {errors[1]}, "
            f"checked {errors[2]} -> {errors[3]}, {len(ours)} and {len(theirs)} statements"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
