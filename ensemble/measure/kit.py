"""How near a fitted drum kit comes to recorded strokes, and whether it keeps time and stays clean.

Conventions: a recorded stroke is scaled to a peak of 1 and compared with the kit's at its velocity, brought to the same
energy over the first 0.15 s. The distance is `train.player.losses.multi_scale_distance`, unweighted, linear and
logarithmic added up, over the recording's length, the mean of the kit's variants of a stroke; beside it stand the
formula's stroke, white noise under the recording's own envelope (its RMS under a Hann window of 5 ms) and silence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.measure.fidelity import worst_click
from ensemble.play.fitted_kit import FittedKit
from ensemble.play.kit_file import KIT
from ensemble.play.noise import noise_key
from ensemble.play.percussion import DrumKit, PercussionPlayer
from ensemble.play.strokes import MADE_AT_HZ, NUM_VARIANTS, VELOCITY_STEPS
from ensemble.play.strokes import stroke as formula_stroke
from ensemble.threads import one_thread
from ensemble.train.kit.fit import all_hits
from ensemble.train.kit.hits import ENERGY_S, HELD_OUT, RecordedHit, read_hits
from ensemble.train.player.losses import multi_scale_distance
from ensemble.types.music import DRUM_CLASSES, Cue, DrumClass, FloatArray, Hit

ENVELOPE_S = 0.005
HEARD_SHARE = 0.05
"""Of a stroke's peak: an onset is where it is first reached."""
FULL_LEVEL_DB = 0.0
Array = NDArray[np.float64]


def evaluate_kit(path: Path, folder: Path, soundfont: Path | None = None) -> dict[str, Any]:
    """Measure a kit.

    Args:
        path: of the kit.
        folder: with the recordings, as for fitting.
        soundfont: likewise; without it only what was recorded is compared.

    Returns:
        hits: for every recording its drum, whether the kit was fitted to it, the distances `mss`, `mss_formula`,
        `mss_noise`, `mss_silence`, and `noise_ratio`, the first over the third; and the figures of `cleanliness`.

    Raises:
        VoiceError: the kit cannot be used.
        DataError: a recording cannot.
    """
    weights = KIT.read(path)
    kit = FittedKit(weights).stroke
    fitted = {drum: hits for drum, hits in all_hits(folder, soundfont).items() if drum in weights.card.drums}
    held_out = {drum: read_hits(folder, drum, names) for drum, names in HELD_OUT.items()}
    with one_thread():
        hits = [
            _compared(kit, hit) | {"fitted": strokes is fitted}
            for strokes in (fitted, held_out)
            for of_drum in strokes.values()
            for hit in of_drum
        ]
        return {"voice": "drums", "path": str(path), "hits": hits, **cleanliness(kit)}


def keep_figures(path: Path, figures: dict[str, Any]) -> None:
    """Write a kit's figures on its card.

    Raises:
        VoiceError: the kit cannot be used.
        VoiceError: the card cannot be written.
    """
    kit = KIT.read(path)
    baselines: dict[str, dict[str, float]] = {"formula": {}, "noise": {}, "silence": {}}
    metrics = {name: round(one, 4) for name, one in figures.items() if isinstance(one, float)}
    for hit in figures["hits"]:
        name = hit["hit"] if hit["fitted"] else f"held out {hit['hit']}"
        metrics[f"mss {name}"] = round(hit["mss"], 4)
        for baseline, values in baselines.items():
            values[f"mss {name}"] = round(hit[f"mss_{baseline}"], 4)
    card = kit.card.model_copy(update={"metrics": metrics, "baselines": baselines})
    KIT.write(path, type(kit)(card=card, tensors=kit.tensors))


def _compared(kit: DrumKit, hit: RecordedHit) -> dict[str, Any]:
    truth = hit.samples / np.abs(hit.samples).max()
    step = round(hit.velocity * VELOCITY_STEPS)

    def distance_of(strokes: DrumKit) -> float:
        variants = (strokes(hit.drum, step, variant, MADE_AT_HZ) for variant in range(NUM_VARIANTS))
        return float(np.mean([distance(_matched(one, truth), truth) for one in variants]))

    figures = {
        "mss": distance_of(kit),
        "mss_formula": distance_of(formula_stroke),
        "mss_noise": distance(enveloped_noise(truth), truth),
        "mss_silence": distance(np.zeros_like(truth), truth),
    }
    ratio = figures["mss"] / figures["mss_noise"]
    return {"drum": hit.drum, "hit": hit.name, "velocity": hit.velocity, **figures, "noise_ratio": ratio}


def _matched(stroke: FloatArray, truth: Array) -> Array:
    """A stroke as long as the recording, and of its energy at first."""
    first = round(ENERGY_S * MADE_AT_HZ)
    cut = np.zeros_like(truth)
    cut[: len(stroke)] = stroke[: len(truth)]
    matched: Array = cut * np.sqrt(np.square(truth[:first]).sum() / np.square(cut[:first]).sum())
    return matched


def distance(sound: Array, truth: Array) -> float:
    """Multi-scale spectral distance between two sounds at 48 kHz; see above."""
    pair = [torch.from_numpy(one[None].astype(np.float32)) for one in (sound, truth)]
    with torch.inference_mode():
        apart = multi_scale_distance(pair[0], pair[1], MADE_AT_HZ, corner_hz=None)
    return float(apart.linear + apart.logarithmic)


def enveloped_noise(truth: Array) -> Array:
    """White noise under the envelope of a recording: what knows when and how loud, but not what.  [samples]"""
    window = scipy.signal.windows.hann(round(ENVELOPE_S * MADE_AT_HZ))
    power = scipy.signal.fftconvolve(np.square(truth), window / window.sum(), mode="same")
    white = np.random.Generator(np.random.Philox(key=noise_key(0, "baseline"))).standard_normal(len(truth))
    noise: Array = white * np.sqrt(np.maximum(power, 0.0))
    return noise


def cleanliness(kit: DrumKit, sample_rate: int = MADE_AT_HZ) -> dict[str, float]:
    """What a drummer must not do, on any kit.

    Returns:
        onset_error_ms: the largest distance of an onset as heard from where it was asked for, every drum at four
        velocities; click_ratio: the worst join of a bar without strokes near its joins (see `audio.clicks`); peak: of
        all drums struck at once, as hard as can be; offset_db: the largest mean of a stroke against its RMS; end_db:
        the largest last sample of a stroke against its peak.
    """
    strokes = [kit(drum, VELOCITY_STEPS, variant, sample_rate) for drum in DRUM_CLASSES for variant in range(4)]
    offsets = [abs(float(one.mean(dtype=np.float64))) / float(np.sqrt(np.mean(np.square(one)))) for one in strokes]
    ends = [float(np.abs(one[-1]) / np.abs(one).max()) for one in strokes]
    at_once = tuple(Hit(time_s=0.1, drum=drum, velocity=1.0, index=i) for i, drum in enumerate(DRUM_CLASSES * 2))
    return {
        "onset_error_ms": max(_onset_errors_ms(kit, sample_rate)),
        "click_ratio": _worst_join(kit, sample_rate),
        "peak": float(np.abs(_played(kit, at_once, 200, sample_rate)).max()),
        "offset_db": float(20.0 * np.log10(max(offsets) + 1e-9)),
        "end_db": float(20.0 * np.log10(max(ends) + 1e-9)),
    }


def _onset_errors_ms(kit: DrumKit, sample_rate: int) -> list[float]:
    """Of every drum at four velocities, alone."""
    errors = []
    for number, (drum, velocity) in enumerate((drum, v) for drum in DRUM_CLASSES for v in (0.25, 0.5, 0.75, 1.0)):
        asked_s = 0.1 + 0.00737 * number
        sound = np.abs(
            _played(kit, (Hit(time_s=asked_s, drum=drum, velocity=velocity, index=number),), 100, sample_rate)
        )
        heard_s = int(np.argmax(sound > HEARD_SHARE * sound.max())) / sample_rate
        errors.append(1000.0 * abs(heard_s - asked_s))
    return errors


def _worst_join(kit: DrumKit, sample_rate: int) -> float:
    """Of a loud bar on all drums, its strokes half a quantum away from the joins."""
    drums: tuple[DrumClass, ...] = ("kick", "closed_hat", "snare", "open_hat", "tom", "ride", "crash")
    bar = tuple(Hit(time_s=0.1 + 0.2 * i, drum=drums[i % 7], velocity=0.9, index=i) for i in range(21))
    num_frames = 5 * FRAME_RATE_HZ
    return worst_click(_played(kit, bar, num_frames, sample_rate), sample_rate)


def _played(kit: DrumKit, hits: tuple[Hit, ...], num_frames: int, sample_rate: int) -> FloatArray:
    player = PercussionPlayer(kit, sample_rate, 0, "drums")
    none = np.zeros((0, num_frames), np.float32)
    loudness = np.full(num_frames, FULL_LEVEL_DB, np.float32)
    cue = Cue(
        part="drums", start_frame=0, f0_hz=none, level_db=none, loudness_db=loudness, hits=hits, is_last=True
    )  # fmt: skip
    samples: FloatArray = player.play(cue, player.start())[0].clip.samples[0]
    return samples
