"""A band of neural instruments that listens to a recording and plays along.

    from ensemble import render
    manifest = render("leader.wav", "out", band="quartet")

plays in this process. On Ray:

    from agents import RayBand
    from cluster.sessions.local import local_ray
    with local_ray():
        render("leader.wav", "out", band_factory=RayBand)

A finished render is edited, and gone back to, with

    from ensemble import Edits, redo, undo
    redo("out", Edits(parts=("drums",), seed=3, gain_db={"bass": 2.0}))
    undo("out")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensemble.rendering.edits import Edits as Edits
    from ensemble.rendering.redo import redo as redo
    from ensemble.rendering.redo import undo as undo
    from ensemble.rendering.render import render as render

__all__ = ["Edits", "redo", "render", "undo"]
_MODULES = {"Edits": "edits", "redo": "redo", "render": "render", "undo": "redo"}


def __getattr__(name: str) -> Any:
    """Load what is asked for: `import ensemble` stays light."""
    if name in _MODULES:
        return getattr(import_module(f"ensemble.rendering.{_MODULES[name]}"), name)
    raise AttributeError(name)
