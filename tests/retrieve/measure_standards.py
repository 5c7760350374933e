"""Prints the numbers of `ensemble/retrieve/search/standards.py` from audio files: python measure_standards.py FILE...

They were measured on twenty mixes and eight single parts of `ensemble data compose`, each as rendered and once more
with another soundfont, transposed and at another tempo. Whoever changes them counts `DESCRIPTORS_VERSION` up.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ensemble.audio.files import read_clip
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.retrieve.search.feature_layout import LOWEST_DB, SEAM_S
from ensemble.retrieve.search.outline import RunningMeans, SpectralOutline, spectral_outline

STEP_S, STRETCH_S = 0.5, 2.0


def measure(outlines: Sequence[SpectralOutline]) -> dict[str, np.ndarray]:
    """Means and standard deviations over all moments at which something sounds."""
    found: dict[str, list[np.ndarray]] = {}
    for course in outlines:
        at_s = np.arange(STRETCH_S, course.duration_s, STEP_S)
        sounding = (
            RunningMeans((course.level_db > LOWEST_DB).astype(np.float32)[None]).over(at_s - SEAM_S, at_s)[0] > 0.5
        )
        at_s = at_s[sounding]
        for name, frames in (("chroma", course.chroma), ("cepstra", course.cepstra)):
            means, squares = RunningMeans(frames), RunningMeans(np.square(frames))
            short = means.over(at_s - SEAM_S / 4, at_s)
            long = means.over(at_s - STRETCH_S, at_s)
            deviation = np.sqrt(np.maximum(squares.over(at_s - STRETCH_S, at_s) - np.square(long), 0.0))
            for key, values in (("short", short), ("long", long), ("deviation", deviation)):
                rows = (values - values.mean(axis=0)).reshape(1, -1) if name == "chroma" else values
                found.setdefault(f"{name}_{key}", []).append(rows)
        level = np.maximum(course.level_db, LOWEST_DB)[None]
        for key, length_s in (("contour", 4.0), ("seam_level", SEAM_S)):
            parts = np.stack(
                [RunningMeans(level).over(at_s - (k + 1) * length_s / 4, at_s - k * length_s / 4)[0] for k in range(4)]
            )
            found.setdefault(key, []).append((parts - parts.mean(axis=0)).reshape(1, -1))
    joined = {key: np.concatenate(values, axis=1) for key, values in found.items()}
    return {
        f"{key}_{what}": getattr(values, what)(axis=1) for key, values in joined.items() for what in ("mean", "std")
    }


def main() -> None:
    """Listen to the files and print."""
    outlines = []
    for path in map(Path, sys.argv[1:]):
        clip = at_analysis_rate(read_clip(path))
        outlines.append(spectral_outline(clip, Listener().listen(clip)))
    for key, values in measure(outlines).items():
        sys.stdout.write(f"{key} {np.round(values, 3).tolist()}\n")


if __name__ == "__main__":
    main()
