"""The drum kit is fitted to recorded strokes in closed form: modes, noise, the first milliseconds, then levels.

Nothing is drawn at random and nothing descends a gradient, so the same recordings give the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ensemble.data.slakh import MIT_SOUNDFONTS
from ensemble.errors import OutputError
from ensemble.play.kit_file import KIT, TRANSIENT_SAMPLES, DrumCard, KitCard, KitWeights
from ensemble.play.strokes import MADE_AT_HZ
from ensemble.threads import one_thread
from ensemble.train.kit.hits import (
    FITTED,
    FROM_SOUNDFONT,
    HARD_VELOCITY,
    TILT_PAIRS,
    RecordedHit,
    check_licences,
    read_hits,
    read_struck,
)
from ensemble.train.kit.levels import balanced, pivot_hz, tilt_db
from ensemble.train.kit.modes import ModeLimits, find_modes
from ensemble.train.kit.noise import noise_levels_db
from ensemble.types.music import DrumClass, FloatArray

Array = NDArray[np.float64]
LICENCE = "Apache-2.0; fitted to recordings in the public domain (CC0)"
RECIPE = (
    "closed form: matching pursuit of damped sines that share one glide, least squares for their levels, noise in 32 "
    "bands at 20 knots, a transient of 12 ms; levels as loud as the formula's"
)
HIGHEST_TILT_DB = 3.0
KNOWN_FAULTS = (
    "One recorded kit; the crash is what the package calls a splash, the ride what it calls a cymbal.",
    "Either hat was recorded at one strength only: soft strokes on them are the hard one's, darkened as toms are.",
    "Kick, snare and crash were recorded softer rather than gentler: their soft strokes are darkened likewise.",
    "The recordings' room noise below -45 dB is part of the drums.",
    "The first 12 ms are the recording's own beside the modes, the same for all four hands.",
    "Nobody has run a listening test.",
)
FAULTS_OF_SOUNDFONT = (
    "Rim, ride bell, second crash and percussion are a soundfont's, recorded at one strength, as either hat.",
    "A clap's three bursts are smeared into one after 12 ms.",
)


def _limits(
    num_modes: int, low_hz: float, high_hz: float, shortest_s: float, longest_s: float, *, glides: bool = False
) -> ModeLimits:
    return ModeLimits(
        num_modes=num_modes, low_hz=low_hz, high_hz=high_hz, shortest_s=shortest_s, longest_s=longest_s, glides=glides
    )  # fmt: skip


SOUGHT: dict[DrumClass, tuple[float, ModeLimits]] = {
    "kick": (0.7, _limits(16, 30.0, 600.0, 0.010, 0.5, glides=True)),
    "snare": (0.5, _limits(24, 100.0, 1_500.0, 0.015, 0.3, glides=True)),
    "closed_hat": (0.3, _limits(16, 300.0, 14_000.0, 0.020, 0.15)),
    "open_hat": (1.8, _limits(48, 300.0, 14_000.0, 0.100, 1.0)),
    "crash": (2.8, _limits(48, 200.0, 12_000.0, 0.150, 1.5)),
    "ride": (2.0, _limits(48, 200.0, 14_000.0, 0.150, 1.5)),
    "tom": (0.8, _limits(24, 60.0, 1_500.0, 0.015, 0.6, glides=True)),
    "high_tom": (0.7, _limits(24, 80.0, 2_000.0, 0.015, 0.5, glides=True)),
    "low_tom": (1.0, _limits(24, 40.0, 1_200.0, 0.015, 0.7, glides=True)),
    "rim": (0.4, _limits(24, 200.0, 10_000.0, 0.004, 0.2)),
    "ride_bell": (2.4, _limits(48, 200.0, 14_000.0, 0.150, 1.8)),
    "crash_2": (2.8, _limits(48, 200.0, 12_000.0, 0.150, 1.5)),
    "shaker": (0.2, _limits(4, 2_000.0, 12_000.0, 0.005, 0.05)),
    "tambourine": (0.5, _limits(32, 1_000.0, 16_000.0, 0.020, 0.25)),
    "high_conga": (0.6, _limits(20, 80.0, 3_000.0, 0.010, 0.3, glides=True)),
    "low_conga": (0.6, _limits(20, 80.0, 3_000.0, 0.010, 0.3, glides=True)),
    "clap": (0.3, _limits(16, 300.0, 6_000.0, 0.004, 0.1)),
    "woodblock": (0.3, _limits(16, 300.0, 8_000.0, 0.004, 0.15)),
}
"""How long each drum sounds, in seconds, and where its modes are looked for. A cymbal's short modes are noise."""


def fit_kit(
    folder: Path,
    out: Path,
    soundfont: Path | None = None,
    *,
    command: str = "",
    on_drum: Callable[[DrumClass, int], None] | None = None,
) -> KitCard:
    """Fit a kit to the recordings of `hits.FITTED` and a soundfont's strokes, and write it with its card.

    Args:
        folder: with the recordings.
        out: path of the kit, ending in .safetensors; the card goes beside it.
        soundfont: has the strokes of `hits.FROM_SOUNDFONT`; without it these stay the formula's.
        command: for the card.
        on_drum: told every drum before it is fitted, and its number.

    Returns:
        The card as written, without metrics (see `measure.kit`).

    Raises:
        DataError: a recording or the soundfont is missing or damaged, or a recording not free.
        OutputError: the kit is not named like one.
        VoiceError: it cannot be written.
    """
    if out.suffix != ".safetensors":
        raise OutputError(str(out), "is not named like a kit", "let it end in .safetensors")
    began = time.process_time()
    used = tuple(dict.fromkeys(name for names in (*FITTED.values(), *TILT_PAIRS) for name in names))
    check_licences(folder, used)
    hits = all_hits(folder, soundfont)
    darkening_db = usual_tilt_db([read_hits(folder, "tom", pair) for pair in TILT_PAIRS])
    tensors: dict[str, FloatArray] = {}
    drums: dict[DrumClass, DrumCard] = {}
    with one_thread():
        for number, drum in enumerate(hits):
            if on_drum is not None:
                on_drum(drum, number)
            found = fit_drum(hits[drum], *SOUGHT[drum], darkening_db)
            tensors |= {f"{drum}/{name}": one for name, one in found.items()}
            drums[drum] = DrumCard(
                layers=len(hits[drum]),
                modes=len(found["mode_hz"]),
                duration_s=SOUGHT[drum][0],
                hits=tuple(hit.name for hit in hits[drum]),
            )
        card = KitCard(
            drums=drums,
            training_data=f"CC0 strokes from Debian's sonic-pi-samples: {', '.join(used)}{_played_by(soundfont)}",
            licence=LICENCE + _licence_of(soundfont),
            recipe=RECIPE,
            command=command,
            known_faults=KNOWN_FAULTS if soundfont is None else (*FAULTS_OF_SOUNDFONT, *KNOWN_FAULTS),
        )
        kit = balanced(KitWeights(card=card, tensors=tensors))
    card = card.model_copy(update={"training_minutes": round((time.process_time() - began) / 60.0, 2)})
    return KIT.write(out, KitWeights(card=card, tensors=kit.tensors))


def all_hits(folder: Path, soundfont: Path | None) -> dict[DrumClass, tuple[RecordedHit, ...]]:
    """The strokes that a kit is fitted to, by drum; see `fit_kit`."""
    recorded = {drum: read_hits(folder, drum, names) for drum, names in FITTED.items()}
    if soundfont is None:
        return recorded
    return recorded | {drum: (read_struck(soundfont, drum),) for drum in FROM_SOUNDFONT}


def _played_by(soundfont: Path | None) -> str:
    return "" if soundfont is None else f"; by {soundfont.name}: {', '.join(FROM_SOUNDFONT)}"


def _licence_of(soundfont: Path | None) -> str:
    if soundfont is None:
        return ""
    known = "MIT; see NOTICE" if soundfont.name.startswith(MIT_SOUNDFONTS) else "whose licence is yours to know"
    return f", percussion to those of {soundfont.stem} ({known})"


def fit_drum(
    hits: Sequence[RecordedHit], duration_s: float, limits: ModeLimits, darkening_db: float
) -> dict[str, FloatArray]:
    """One drum's tensors, at the energy of the strokes.

    Args:
        hits: softest first.
        duration_s: of the drum's sound.
        limits: where its modes are looked for.
        darkening_db: what a soft stroke is to be darker by, as in `tilt_db`; what the strokes themselves lack of it is
            written down as the drum's tilt.
    """
    num_samples = round(duration_s * MADE_AT_HZ)
    strokes = [hit.samples[:num_samples] for hit in hits]
    modes = find_modes(strokes, limits)
    rests = [one - modes.sounded(layer, len(one)) for layer, one in enumerate(strokes)]
    own_db = _own_tilt_db(hits) if len(hits) > 1 else 0.0
    found = {
        "velocity": np.array([hit.velocity for hit in hits]),
        "gain": np.ones(1),
        "contrast": np.zeros(1),
        "tilt_db": np.clip([darkening_db - own_db], 0.0, HIGHEST_TILT_DB),
        "pivot_hz": np.array([pivot_hz(strokes[-1])]),
        "glide": np.array([glide.share for glide in modes.glides]),
        "glide_s": np.array([glide.time_s for glide in modes.glides]),
        "mode_hz": modes.hz,
        "mode_cosine": modes.cosine,
        "mode_sine": modes.sine,
        "mode_decay_s": modes.decay_s,
        "noise_db": np.stack([noise_levels_db(rest, num_samples) for rest in rests]),
        "transient": np.stack([rest[:TRANSIENT_SAMPLES] for rest in rests]),
    }
    return {name: np.ascontiguousarray(one, np.float32) for name, one in found.items()}


def usual_tilt_db(pairs: Sequence[Sequence[RecordedHit]]) -> float:
    """The median of what pairs of a soft and a hard stroke say about how much darker the soft one is."""
    return float(np.median([_own_tilt_db(pair) for pair in pairs]))


def _own_tilt_db(hits: Sequence[RecordedHit]) -> float:
    halvings = float(np.log2(HARD_VELOCITY / hits[0].velocity))
    return tilt_db(hits[0].samples, hits[-1].samples, halvings)
