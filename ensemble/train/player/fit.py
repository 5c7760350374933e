"""Train a voice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch.utils.data import default_collate

from ensemble.errors import ConfigError, DataError
from ensemble.events import unheard
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_file import VOICE, VoiceCard, VoiceWeights
from ensemble.settings.transfer import SHARES, VoiceRange
from ensemble.train.checkpoints import CHECKPOINT, kept_card
from ensemble.train.pace import OnStep
from ensemble.train.player.analysis import VOICED_DB, Analysis, analyse
from ensemble.train.player.crops import PlayerCrop, SynthDataset
from ensemble.train.player.material import PlayerMaterial
from ensemble.train.player.settings import TrainPlayerSettings
from ensemble.train.player.stiffness import measure_inharmonicity
from ensemble.train.player.task import PlayerTask
from ensemble.train.recordings import TrainingRecording
from ensemble.train.trainer import FitResult, Team, check_folder, fit
from ensemble.types.instruments import instrument

_SOFT_HEAD = -4.0
"""Of the network's harmonic head: 80 dB below the loudest that it can ask for."""
_METRICS = ("held_out", "loudness_error_db", "hnr_error_db", "step")


def fit_player(
    settings: TrainPlayerSettings,
    material: PlayerMaterial,
    out: Path,
    *,
    folder: Path = Path(),
    resume: bool = False,
    on_step: OnStep = unheard,
    team: Team | None = None,
) -> FitResult:
    """Train, and keep the best voice in `out` as `voice.safetensors` with its card.

    Args:
        settings: of the run.
        material: recordings, already split by piece.
        out: the run's folder; made if absent. See `fit` for what else lies there.
        folder: where a relative path of `settings.start` begins.
        resume: go on from the checkpoint that is there; without one, begin.
        on_step: called after every step and every audit.
        team: other workers.

    Raises:
        DataError: nothing to learn from, or nothing held out.
        ConfigError, OutputError, VoiceError: see `check_folder` and `fit`.
    """
    for split, recordings in (("training", material.train), ("validation", material.held_out)):
        if not recordings:
            raise DataError(f"the {split} split", "holds no take of this instrument", "compose or record more pieces")
    identity = material.identity
    check_folder(out, settings, identity, resume=resume)
    voice = _kept_voice(out / CHECKPOINT, settings, material) or _starting_voice(settings, material, folder)
    inharmonicity, material = voice.card.inharmonicity, material.at_fundamental(voice.card.fundamental)

    crops = SynthDataset(
        material.train,
        _analyses(material.train, material, inharmonicity),
        crop_frames=settings.crop_frames,
        warmup_frames=settings.warmup_frames,
        seed=settings.seed,
        changes=settings.augment,
    )
    held_out = _held_out_batch(settings, material, inharmonicity)
    return fit(
        PlayerTask(settings, voice), crops, held_out, out, data=identity, model=VOICE, card=voice.card,
        metrics=lambda row: {name: round(row[name], 4) for name in _METRICS}, half_on_gpu=True,
        on_step=on_step, team=team,
    )  # fmt: skip


def _kept_voice(checkpoint: Path, settings: TrainPlayerSettings, material: PlayerMaterial) -> VoiceWeights | None:
    """The card of a run that goes on; Lightning fills in the weights. None where no checkpoint tells it."""
    card = kept_card(checkpoint, VoiceCard, material.command)
    if card is None:
        return None
    return VoiceWeights(card=card, tensors=seeded_voice(settings.seed, card.instrument, card.size).tensors)


def _starting_voice(settings: TrainPlayerSettings, material: PlayerMaterial, folder: Path) -> VoiceWeights:
    voice = _first_weights(settings, folder)
    minutes = sum(recording.num_frames for recording in material.train) / 6000.0
    learned, known = f"{minutes:.1f} min in {len(material.train)} takes: {material.provenance}", voice.card
    goes_on = settings.start is not None
    measured = measure_inharmonicity(material.train) if instrument(settings.instrument).fades else None
    if known.fundamental != 1.0 and (measured or known.inharmonicity):
        raise ConfigError(
            "fundamental", "goes with partials that are whole multiples", "leave it out for stiff strings"
        )
    card = known.model_copy(
        update={
            "learned": _range(material),
            "inharmonicity": measured or known.inharmonicity,
            "trained_sample_rate": settings.sample_rate,
            "training_data": f"{known.training_data}; then {learned}" if goes_on else learned,
            "licence": f"{known.licence}; then {material.licence}" if goes_on else material.licence,
            "recipe": f"{settings.loss}, seed {settings.seed}" + (f", from {settings.start}" if goes_on else ""),
            "command": material.command,
            "baselines": {},
            "known_faults": (),
            "storage": "float16",
            "weights_sha256": "",
        }
    )
    return VoiceWeights(card=card, tensors=voice.tensors)


def _first_weights(settings: TrainPlayerSettings, folder: Path) -> VoiceWeights:
    """Random weights, or those to go on from.

    Raises:
        ConfigError: another instrument's, of another size, or at a fundamental that `settings` cannot ask of it.
        VoiceError: they cannot be read.
    """
    name = instrument(settings.instrument).name
    if settings.start is None:
        voice = seeded_voice(settings.seed, name, settings.size)
        return replace(voice, card=voice.card.model_copy(update={"fundamental": settings.fundamental or 1.0}))
    voice = VOICE.read(folder / VOICE.path_of(settings.start))
    theirs = voice.card.instrument, voice.card.size
    if theirs != (name, settings.size):
        problem = f"{settings.start} is a voice for the {theirs[0]}, size {theirs[1]}"
        raise ConfigError("start", problem, f"name one for the {name}, size {settings.size}")
    return _lowered(voice, settings.fundamental or voice.card.fundamental)


def _lowered(voice: VoiceWeights, fundamental: float) -> VoiceWeights:
    """The same sound at a fundamental that is a whole number of times lower: its partials become every second, say.

    Raises:
        ConfigError: it is not.
    """
    times = round(voice.card.fundamental / fundamental)
    if abs(times * fundamental - voice.card.fundamental) > 1e-3:
        problem = f"is {fundamental:g}, and the voice has {voice.card.fundamental:g}"
        raise ConfigError("fundamental", problem, "give half of that, or leave it out")
    if times == 1:
        return voice
    weight, bias = voice.tensors["harmonic_head.weight"], voice.tensors["harmonic_head.bias"]
    between = {"harmonic_head.weight": np.zeros_like(weight), "harmonic_head.bias": np.full_like(bias, _SOFT_HEAD)}
    for name, rows in between.items():
        rows[times - 1 :: times] = voice.tensors[name][: len(rows) // times]
    centre_midi = voice.card.f0_centre_midi - 12.0 * math.log2(times)  # so that the network reads what it read before
    card = voice.card.model_copy(update={"fundamental": fundamental, "f0_centre_midi": centre_midi})
    return VoiceWeights(card=card, tensors=voice.tensors | between)


def _range(material: PlayerMaterial) -> VoiceRange | None:
    """Where most of the material lies."""
    voiced = [one.is_voiced & (one.loudness_db > VOICED_DB) for one in material.train]
    f0_hz = np.concatenate([one.f0_hz[at] for one, at in zip(material.train, voiced, strict=True)])
    loudness_db = np.concatenate([one.loudness_db[at] for one, at in zip(material.train, voiced, strict=True)])
    if not len(f0_hz):
        return None
    pitch_midi = 69 + 12 * np.log2(f0_hz.astype(np.float64) / 440)
    low, middle, high = (round(float(one), 1) for one in np.quantile(pitch_midi, SHARES))
    soft, usual, loud = (round(float(one), 1) for one in np.quantile(loudness_db, SHARES))
    return VoiceRange(pitch_midi=(low, middle, high), loudness_db=(soft, usual, loud))


def _analyses(
    recordings: Sequence[TrainingRecording], material: PlayerMaterial, inharmonicity: Inharmonicity | None
) -> list[Analysis]:
    """What was prepared, and else is found now: what is prepared knows of no stretched partials."""
    known = material.analyses if inharmonicity is None else {}
    return [known.get(one.name) or analyse(one, inharmonicity) for one in recordings]


def _held_out_batch(
    settings: TrainPlayerSettings, material: PlayerMaterial, inharmonicity: Inharmonicity | None
) -> PlayerCrop:
    """The crops that every audit listens to: the same ones, unchanged, from all held-out pieces."""
    longest = max(recording.num_frames for recording in material.held_out) - 2
    crops = SynthDataset(
        material.held_out,
        _analyses(material.held_out, material, inharmonicity),
        crop_frames=min(2 * settings.crop_frames, longest),
        warmup_frames=settings.warmup_frames,
        seed=2**32 + settings.seed,
    )
    batch: PlayerCrop = default_collate([crops[item] for item in range(settings.audit_crops)])
    return batch
