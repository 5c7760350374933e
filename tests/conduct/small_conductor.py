"""An untrained conductor of fixed weights, large enough to say different things to different followers."""

from __future__ import annotations

import numpy as np

from ensemble.conduct.conductor_file import CONDUCTOR, ConductorCard, ConductorWeights


def small_conductor(seed: int = 0, spread: float = 0.3, **facts: object) -> ConductorWeights:
    settings = {"width": 16, "heads": 2, "layers": 2, "window": 24} | facts
    card = ConductorCard(
        instruments=("cello", "drums", "electric_bass", "flute"),
        roles=("bass", "counter", "drums"),
        balance_db={"cello": -3.0, "bowed": -3.0},
        margin_db=(0.5, 1.0),
        **settings,
    )
    rng = np.random.Generator(np.random.Philox(seed))
    tensors = {}
    for name, shape in CONDUCTOR.shapes(card).items():
        tensors[name] = (spread * rng.standard_normal(shape)).astype(np.float32)
        if "norm.weight" in name:
            tensors[name] += 1.0
    for name in ("family.weight", "instrument.weight", "role.weight"):
        tensors[name][0] = 0.0
    return ConductorWeights(card=card, tensors=tensors)
