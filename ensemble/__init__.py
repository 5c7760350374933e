"""A band of neural instruments that listens to a recording and plays along.

    import ensemble
    take = ensemble.render("leader.wav", "out", band="quartet")
    take.mix, take.stems["viola"], take.manifest.heard.key

plays in this process. On Ray:

    from agents import RayBand
    from cluster.sessions.local import local_ray
    with local_ray():
        ensemble.render("leader.wav", "out", band_factory=RayBand)

A finished render is edited, and gone back to, with

    ensemble.redo("out", ensemble.Edits(parts=("drums",), seed=3, gain_db={"bass": 2.0}))
    ensemble.undo("out")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensemble.api.rendered import Render as Render
    from ensemble.api.rendering import redo as redo
    from ensemble.api.rendering import render as render
    from ensemble.api.rendering import transform as transform
    from ensemble.api.rendering import undo as undo
    from ensemble.api.rendering import verify as verify
    from ensemble.chart.chart import Chart as Chart
    from ensemble.chart.files import read_chart as read_chart
    from ensemble.config import BandSettings
    from ensemble.config import load_band as load_band
    from ensemble.errors import EnsembleError as EnsembleError
    from ensemble.listen.overrides import Overrides as Overrides
    from ensemble.plan import Extension as Extension
    from ensemble.play.quantum import Player as Player
    from ensemble.play.quantum import QuantumPlayer as QuantumPlayer
    from ensemble.rendering.edits import Edits as Edits
    from ensemble.rendering.evaluate import evaluate_render
    from ensemble.rendering.levers import Levers as Levers
    from ensemble.rendering.render import resume as resume
    from ensemble.retrieve.library.library import Library as Library
    from ensemble.retrieve.library.opening import open_library as open_library
    from ensemble.retrieve.library.store import Store as Store
    from ensemble.settings.style import Style as Style
    from ensemble.settings.style_file import load_style as load_style

    Band, evaluate = BandSettings, evaluate_render

_FOUND_IN = {
    "Band": "ensemble.config:BandSettings",
    "Chart": "ensemble.chart.chart",
    "Edits": "ensemble.rendering.edits",
    "EnsembleError": "ensemble.errors",
    "Extension": "ensemble.plan",
    "Levers": "ensemble.rendering.levers",
    "Library": "ensemble.retrieve.library.library",
    "Overrides": "ensemble.listen.overrides",
    "Player": "ensemble.play.quantum",
    "QuantumPlayer": "ensemble.play.quantum",
    "Render": "ensemble.api.rendered",
    "Store": "ensemble.retrieve.library.store",
    "Style": "ensemble.settings.style",
    "evaluate": "ensemble.rendering.evaluate:evaluate_render",
    "load_band": "ensemble.config",
    "load_style": "ensemble.settings.style_file",
    "open_library": "ensemble.retrieve.library.opening",
    "read_chart": "ensemble.chart.files",
    "redo": "ensemble.api.rendering",
    "render": "ensemble.api.rendering",
    "resume": "ensemble.rendering.render",
    "transform": "ensemble.api.rendering",
    "undo": "ensemble.api.rendering",
    "verify": "ensemble.api.rendering",
}
"""Where each name lies, and what it is called there if that differs."""
__all__ = ["__version__", "listen", *_FOUND_IN]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Load what is asked for: `import ensemble` stays light."""
    if name == "__version__":
        return import_module("ensemble.machine").ensemble_version()
    if name == "listen":  # a package that can be called
        return import_module("ensemble.listen")
    if name in _FOUND_IN:
        module, _, renamed = _FOUND_IN[name].partition(":")
        return getattr(import_module(module), renamed or name)
    raise AttributeError(name)


def __dir__() -> list[str]:
    return sorted(__all__)
