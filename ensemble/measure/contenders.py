"""Who is compared: the voice, and what it must beat or cannot beat, each playing the curves of a held-out piece."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.clock import hop_samples
from ensemble.measure import fidelity
from ensemble.measure.fidelity import Distances, Tracker
from ensemble.measure.patches import patches, told_apart
from ensemble.play.controls import ControlModel
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.naive import NaiveVoice
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.oscillator import harmonic_bank
from ensemble.play.pitched import KernelSynthesizer, PitchedPlayer
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VOICE, VoiceWeights
from ensemble.play.voice_kernel import NeuralVoice
from ensemble.train.player.analysis import analyse, frame_hnr_db, known_median, window_samples
from ensemble.train.player.stiffness import measure_inharmonicity
from ensemble.train.recordings import TrainingRecording
from ensemble.types.instruments import instrument
from ensemble.types.music import SILENCE_DB, Cue, FloatArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

REST_S = 1.0
"""Silence after every piece, in which nothing may sound."""
_SILENT_FRAMES = 7
Sounds = dict[str, FloatArray]


def with_rest(truth: TrainingRecording) -> TrainingRecording:
    """A recording and a rest after it, so that every piece has a silence."""
    num_frames = round(REST_S * 100)
    hop = len(truth.samples) // truth.num_frames
    return replace(
        truth,
        samples=np.pad(truth.samples, (0, num_frames * hop)),
        f0_hz=np.pad(truth.f0_hz, (0, num_frames), mode="edge"),
        loudness_db=np.pad(truth.loudness_db, (0, num_frames), constant_values=SILENCE_DB),
        is_voiced=np.pad(truth.is_voiced, (0, num_frames)),
    )


def play(voice: ControlModel, f0_hz: FloatArray, loudness_db: FloatArray, sample_rate: int) -> FloatArray:
    """Play curves as a band's player would.  [frames] -> [frames * hop]"""
    player = PitchedPlayer(voice, KernelSynthesizer(), sample_rate, seed=0, part="evaluated")
    cue = Cue(
        part="evaluated",
        start_frame=0,
        f0_hz=f0_hz[None],
        level_db=np.zeros((1, len(f0_hz)), np.float32),
        loudness_db=loudness_db,
        is_last=True,
    )
    samples: FloatArray = player.play(cue, player.start())[0].clip.samples[0]
    return samples


def play_elsewhere(voice: ControlModel, f0_hz: FloatArray, loudness_db: FloatArray, sample_rate: int) -> FloatArray:
    """The same in quanta that are joined at other places: after a little silence, which is cut off."""
    silence = (_SILENT_FRAMES, 0)
    asked_db = np.pad(loudness_db, silence, constant_values=SILENCE_DB)
    return play(voice, np.pad(f0_hz, silence), asked_db, sample_rate)[_SILENT_FRAMES * hop_samples(sample_rate) :]


def resynthesised(truth: TrainingRecording, inharmonicity: Inharmonicity | None = None) -> FloatArray:
    """The recording taken apart into harmonics and noise and put together again: as near as this synthesizer comes."""
    analysis = analyse(truth, inharmonicity)
    amplitudes = analysis.harmonics.astype(np.float32)
    magnitudes = analysis.noise.astype(np.float32)
    amplitudes, magnitudes = (np.concatenate([levels, levels[-1:]]) for levels in (amplitudes, magnitudes))
    f0_hz = np.append(truth.f0_hz, truth.f0_hz[-1])
    phases = np.zeros(1 if inharmonicity is None else (1, amplitudes.shape[1]))
    sound, _ = harmonic_bank(
        f0_hz[None, :-1], f0_hz[None, 1:], amplitudes[None], phases, truth.sample_rate, inharmonicity
    )
    return sound + filtered_noise(magnitudes, noise_key(0, "evaluated"), 0, truth.sample_rate)


def contenders(voice: VoiceWeights, truth: TrainingRecording, inharmonicity: Inharmonicity | None = None) -> Sounds:
    """The voice, naive, untrained, silence, and the truth re-analysed (with its own inharmonicity), on one piece."""
    spec = instrument(voice.card.instrument)
    on = partial(play, f0_hz=truth.f0_hz, loudness_db=truth.loudness_db, sample_rate=truth.sample_rate)
    return {
        "voice": on(NeuralVoice(voice)),
        "naive": on(NaiveVoice(spec)),
        "untrained": on(NeuralVoice(seeded_voice(0, spec.name, voice.card.size))),
        "silence": np.zeros_like(truth.samples),
        "resynthesis": resynthesised(truth, inharmonicity),
    }


def evaluate(
    path: Path,
    pieces: Sequence[TrainingRecording],
    tracker: Tracker,
    *,
    tracked_s: float = 30.0,
    on_sounds: Callable[[TrainingRecording, Sounds], None] | None = None,
) -> dict[str, Any]:
    """Measure one voice on held-out pieces.

    Args:
        path: of the voice.
        pieces: at one rate.
        tracker: for the outliers of pitch.
        tracked_s: seconds of each piece that it listens to.
        on_sounds: given every piece and how everybody played it.

    Returns:
        The figures that are promised, by name; baselines' figures under `baselines`, intervals under `intervals`.

    Raises:
        VoiceError: the voice cannot be used.
    """
    voice = VOICE.read(path)
    stretched = voice.card.inharmonicity
    true_stretch = None if stretched is None else measure_inharmonicity(pieces)  # other strings may play these
    measured: dict[str, list[Distances]] = {}
    per_piece: list[dict[str, float]] = []
    cut: dict[str, list[Tensor]] = {"truth": [], "voice": [], "naive": []}
    for piece in pieces:
        truth = with_rest(piece)
        sounds = contenders(voice, truth, true_stretch)
        for name, sound in sounds.items():
            measured.setdefault(name, []).append(fidelity.distances(sound, truth))
        for name, kept in cut.items():
            kept.append(patches(sounds.get(name, truth.samples), truth.samples, truth.sample_rate))
        elsewhere = play_elsewhere(NeuralVoice(voice), truth.f0_hz, truth.loudness_db, truth.sample_rate)
        per_piece.append(
            _figures(sounds, truth, tracker, tracked_s)
            | _noisiness(sounds["voice"], truth, stretched, true_stretch)
            | {"click_ratio": fidelity.worst_seam(sounds["voice"], elsewhere, truth.sample_rate)}
        )
        if on_sounds is not None:
            on_sounds(truth, sounds)
    means = {name: _means(found) for name, found in measured.items()}
    worst = {name: float(max(one[name] for one in per_piece)) for name in ("silence_db", "click_ratio", "click_truth")}
    usual = {name: float(np.nanmean([one[name] for one in per_piece])) for name in per_piece[0] if name not in worst}
    slope, slope_truth = usual.pop("slope"), usual.pop("slope_truth")
    intervals = {
        f"{name}_ratio": fidelity.ratio_interval(
            [getattr(one, name) for one in measured["voice"]], [getattr(one, name) for one in measured["naive"]]
        )
        for name in ("mss", "log_mel")
    }
    return {
        "voice": voice.card.instrument,
        "path": str(path),
        "pieces": len(pieces),
        "mss": means["voice"]["mss"],
        "mss_naive": means["naive"]["mss"],
        "mss_ratio": means["voice"]["mss"] / means["naive"]["mss"],
        "log_mel_ratio": means["voice"]["log_mel"] / means["naive"]["log_mel"],
        "loudness_error_db": means["voice"]["loudness_error_db"],
        "brightness_slope_ratio": slope / slope_truth if slope_truth else float("nan"),
        **{name: round(value, 5) for name, value in (usual | worst).items()},
        "brightness_slope_truth": slope_truth,
        "two_sample_auc": told_apart(cut["truth"], cut["voice"]),
        "two_sample_auc_naive": told_apart(cut["truth"], cut["naive"]),
        "baselines": {name: figures for name, figures in means.items() if name != "voice"},
        "intervals": intervals,
    }


def _noisiness(
    heard: FloatArray, truth: TrainingRecording, stretched: Inharmonicity | None, true_stretch: Inharmonicity | None
) -> dict[str, float]:
    """Each by its own multiples of the pitch; held: where the window of the analysis lies within a note."""
    window = window_samples(truth.f0_hz[truth.is_voiced], truth.sample_rate)
    held = fidelity.steady_frames(truth, math.ceil(0.5 * window / hop_samples(truth.sample_rate)))
    true_db, heard_db = frame_hnr_db(truth.samples, truth, true_stretch), frame_hnr_db(heard, truth, stretched)
    return {
        "hnr_error_db": abs(known_median(heard_db) - known_median(true_db)),
        "hnr_held_error_db": abs(known_median(heard_db[held]) - known_median(true_db[held])),
        "hnr_truth_db": known_median(true_db),
    }


def _figures(sounds: Sounds, truth: TrainingRecording, tracker: Tracker, tracked_s: float) -> dict[str, float]:
    rate, heard = truth.sample_rate, sounds["voice"]
    outliers = {name: sounds[name] for name in ("voice", "naive")} | {"truth": truth.samples}
    rates = {name: fidelity.outlier_rate(sound, truth, tracker, tracked_s) for name, sound in outliers.items()}
    return {
        "silence_db": fidelity.loudest_silence_db(heard, rate, truth.loudness_db <= SILENCE_DB),
        "slope": fidelity.brightness_slope(heard, truth),
        "slope_truth": fidelity.brightness_slope(truth.samples, truth),
        "click_truth": fidelity.worst_click(truth.samples, rate),
        "f0_outlier_rate": rates["voice"],
        "f0_outlier_naive": rates["naive"],
        "f0_outlier_truth": rates["truth"],
        "peak": float(np.abs(heard).max()),
    }


def _means(found: Sequence[Distances]) -> dict[str, float]:
    return {
        name: float(np.concatenate([getattr(one, name) for one in found]).mean())
        for name in ("mss", "log_mel", "loudness_error_db")
    }
