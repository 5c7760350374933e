"""The evaluation of a voice on a data set: its takes, a tracker, the figures and the pictures."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.data.takes import Split
from ensemble.errors import DataError, OutputError
from ensemble.measure.contenders import Sounds, evaluate
from ensemble.measure.fidelity import crepe_tracker, swift_tracker
from ensemble.play.voice_file import VOICE, VoiceCard
from ensemble.threads import one_thread
from ensemble.train.player.material import takes_of
from ensemble.train.prepared import read_prepared
from ensemble.train.recordings import TrainingRecording

PICTURE_S = 6.0
_FLOOR_DB = -90.0


def evaluate_voice(
    path: Path, data: Path, split: Split, *, max_pieces: int = 12, pictures: Path | None = None
) -> dict[str, Any]:
    """Measure one voice; see `contenders.evaluate` for the figures.

    Args:
        path: of the voice, or the name of a shipped one.
        data: a data set of a known layout.
        split: which part of it.
        max_pieces: the first so many takes of the instrument.
        pictures: a folder for one spectrogram per voice, of the first piece.

    Returns:
        The figures; what could not be measured is None. `tracker` says who tracked the pitch again,
        `sources_held_out` which sources of these pieces, such as soundfonts, sound in none of the train split.

    Raises:
        DataError: nothing to measure on.
        VoiceError: the voice cannot be used.
    """
    path = VOICE.path_of(str(path))
    card = VOICE.read(path).card
    takes = takes_of(data, card.instrument, split)
    pieces, _, skips = read_prepared(takes[:max_pieces], card.trained_sample_rate)
    if not pieces:
        raise DataError(str(data), f"nothing in its {split} split can be used: {skips[0].reason}")
    has_crepe = importlib.util.find_spec("torchcrepe") is not None
    shown: list[Path] = []

    def draw(truth: TrainingRecording, sounds: Sounds) -> None:
        if pictures is not None and not shown:
            shown.append(pictures / f"{card.instrument}.png")
            draw_spectrograms(shown[0], truth, sounds)

    with one_thread():
        figures = evaluate(path, pieces, crepe_tracker if has_crepe else swift_tracker, on_sounds=draw)
    figures["sources_held_out"] = sorted({one.source for one in takes if one.source} - _learned_sources(data, card))
    figures |= {"tracker": "torchcrepe (tiny)" if has_crepe else "swift-f0", "skipped": len(skips)}
    return {name: None if isinstance(one, float) and not math.isfinite(one) else one for name, one in figures.items()}


def _learned_sources(data: Path, card: VoiceCard) -> set[str | None]:
    try:
        return {take.source for take in takes_of(data, card.instrument, "train")}
    except DataError:  # a set to test with alone
        return set()


def draw_spectrograms(path: Path, truth: TrainingRecording, sounds: Sounds) -> None:
    """The truth and everybody else's version of its first seconds, one above the other.

    Raises:
        OutputError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rate = truth.sample_rate
    first = int(np.argmax(truth.loudness_db > _FLOOR_DB / 2)) * rate // 100
    part = slice(first, first + round(PICTURE_S * rate))
    rows = {"truth": truth.samples} | {name: sound for name, sound in sounds.items() if name != "silence"}
    figure = Figure(figsize=(10.0, 2.2 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, sound) in zip(figure.subplots(len(rows), 1, sharex=True), rows.items(), strict=True):
        with np.errstate(divide="ignore"):  # a silent frame lies at minus infinity: the darkest colour
            axes.specgram(
                sound[part], NFFT=2048, Fs=rate, noverlap=2048 - rate // 200, scale_by_freq=False, vmin=_FLOOR_DB,
                vmax=-20.0, cmap="magma",
            )  # fmt: skip
        axes.set(ylim=(0.0, min(12_000.0, rate / 2)), ylabel=f"{name}\nHz")
    axes.set_xlabel("s")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=90)
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another folder") from error
