"""What voices make of real singing and playing: pitch and loudness of recordings, mapped to each voice and sounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.audio.files import prepared_clip
from ensemble.audio.recording import opened
from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.melody import transform
from ensemble.conduct.transfer import is_sung, transfer_to
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, visible
from ensemble.data.readers import check_set
from ensemble.errors import AudioError, DataError
from ensemble.events import OnProgress, unheard
from ensemble.listen.listener import Listener
from ensemble.listen.loudness import loudness_db
from ensemble.listen.pitch import ANALYSIS_RATE_HZ
from ensemble.measure import fidelity
from ensemble.measure.contenders import play, play_elsewhere
from ensemble.play.voice_file import VOICE, VoiceWeights
from ensemble.play.voice_kernel import NeuralVoice
from ensemble.train.player.analysis import median_hnr_db
from ensemble.train.recordings import TrainingRecording
from ensemble.types.instruments import instrument
from ensemble.types.music import SILENCE_DB, AudioClip, FloatArray, Heard

LEAST_FRAMES = 200
"""A recording in which less is sung is passed over."""
SLIP_CENTS = (1150.0, 1250.0)
REST_FRAMES, ENTRY_FRAMES = 10, 15
"""A note that follows so long a rest begins where it first comes within `RISEN_DB` of the loudest of so many frames."""
RISEN_DB = 6.0
_PLAYED_DB = -60.0
_OVER_RECORDINGS: dict[str, Callable[[np.ndarray], np.floating]] = {
    "click_ratio": np.max, "burst_db": np.max, "octave_slips": np.mean, "noise_share": np.median, "peak": np.max,
    "onset_ms": np.max,
}  # fmt: skip


def evaluate_curves(
    folder: Path, voices: Sequence[str], max_s: float = 30.0, on_progress: OnProgress = unheard
) -> dict[str, Any]:
    """Measure voices on the curves of recordings.

    Args:
        folder: of recordings.
        voices: names of shipped or added ones, or paths.
        max_s: how many seconds of each recording.
        on_progress: told the recording, how many are done, and of how many.

    Returns:
        `voices`, by name, each with `recordings`, and over these `click_ratio` (the worst, see `fidelity.worst_seam`),
        `burst_db` (how far the 95th percentile of the level against the curve given lies above its median, the worst),
        `octave_slips` (share of steady frames that are heard an octave off), `noise_share` (of the power, the median),
        `peak` (1 is full scale), `onset_ms` (see `onset_error_ms`, the worst); and `passed_over`, the recordings that
        could not be used, each with the reason.

    Raises:
        DataError: the folder has no recording in which something is sung.
        VoiceError: a voice cannot be used.
    """
    check_set(folder)
    loaded = {name: VOICE.load(name) for name in voices}
    suffixes = (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES)
    paths = [path for path in visible(folder) if path.suffix.lower() in suffixes]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in loaded}
    passed_over: dict[str, str] = {}
    for number, path in enumerate(paths):
        on_progress(path.name, number, len(paths))
        try:
            heard = _heard(path, max_s)
        except AudioError as error:
            passed_over[path.name] = error.problem
            continue
        if is_sung(heard.frames).sum() < LEAST_FRAMES:
            passed_over[path.name] = "hardly a pitch is sung or played alone in it"
            continue
        for name, voice in loaded.items():
            found[name].append(_figures(heard, voice))
    if not any(found.values()):
        raise DataError(str(folder), "has no recording in which a line is sung or played", "name another folder")
    return {"voices": {name: _together(figures) for name, figures in found.items()}, "passed_over": passed_over}


def _heard(path: Path, max_s: float) -> Heard:
    with opened(path) as recording:
        clip = prepared_clip(recording.clip(), ANALYSIS_RATE_HZ)
    samples = np.ascontiguousarray(clip.samples[:, : round(max_s * ANALYSIS_RATE_HZ)])
    return Listener().listen(AudioClip(samples=samples, sample_rate=ANALYSIS_RATE_HZ))


def _figures(heard: Heard, voice: VoiceWeights) -> dict[str, float]:
    """What one voice makes of one line."""
    num_frames, rate = heard.frames.num_frames, voice.card.trained_sample_rate
    transfer = transfer_to(heard, voice.card.learned) if voice.card.learned is not None else None
    part = transform("line", heard, instrument(voice.card.instrument).range_midi, num_frames, transfer)
    f0_hz, plays = part.f0_hz[0], part.f0_hz[0] > 0
    asked_db = np.where(plays, heard.frames.loudness_db + part.level_db[0], SILENCE_DB).astype(np.float32)
    sound = play(NeuralVoice(voice), f0_hz, asked_db, rate)
    line = TrainingRecording(
        name="line", samples=sound, sample_rate=rate, f0_hz=f0_hz, loudness_db=asked_db, is_voiced=plays, licence="",
    )  # fmt: skip
    inside = plays & (asked_db > _PLAYED_DB)
    played_db = loudness_db(sound, rate, num_frames)
    against_db = (played_db - asked_db)[inside]
    steady = fidelity.steady_frames(line)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.abs(1200 * np.log2(fidelity.swift_tracker(sound, rate, num_frames) / f0_hz))[steady]
    noise_db = -median_hnr_db(sound, line, voice.card.inharmonicity)
    return {
        "click_ratio": fidelity.worst_seam(sound, play_elsewhere(NeuralVoice(voice), f0_hz, asked_db, rate), rate),
        "burst_db": float(np.subtract(*np.percentile(against_db, (95, 50)))) if len(against_db) else float("nan"),
        "octave_slips": float(np.mean((away > SLIP_CENTS[0]) & (away < SLIP_CENTS[1]))) if len(away) else 0.0,
        "noise_share": float(1 / (1 + 10 ** (-noise_db / 10))),
        "peak": float(np.abs(sound).max()),
        "onset_ms": onset_error_ms(played_db, asked_db),
    }


def onset_error_ms(played_db: FloatArray, asked_db: FloatArray) -> float:
    """How far notes after a rest begin from where they were asked to: the median; nan where none does.

    Args:
        played_db: loudness as `loudness_db` measures it.  [frames]
        asked_db: likewise, `SILENCE_DB` in rests.  [frames]
    """
    sounding = np.flatnonzero(asked_db > SILENCE_DB)
    first = sounding[np.diff(sounding, prepend=-REST_FRAMES - 1) > REST_FRAMES]
    entries = [slice(max(at - REST_FRAMES // 2, 0), at + ENTRY_FRAMES) for at in first]
    away = [_rise_frame(played_db[at]) - _rise_frame(asked_db[at]) for at in entries]
    return float(np.median(np.abs(away))) * 1000 / FRAME_RATE_HZ if away else float("nan")


def _rise_frame(level_db: FloatArray) -> float:
    """Where a level first comes within `RISEN_DB` of its highest, between frames."""
    wanted = float(level_db.max()) - RISEN_DB
    at = int(np.argmax(level_db >= wanted))
    if at == 0:
        return 0.0
    below, above = float(level_db[at - 1]), float(level_db[at])
    return at - 1 + (wanted - below) / (above - below)


def _together(figures: Sequence[dict[str, float]]) -> dict[str, float | None]:
    """The worst, the mean or the median over the recordings in which there is one; None where there is in none."""
    found: dict[str, float | None] = {"recordings": len(figures)}
    for name, over in _OVER_RECORDINGS.items():
        values = np.array([one[name] for one in figures if np.isfinite(one[name])])
        found[name] = round(float(over(values)), 4) if len(values) else None
    return found
