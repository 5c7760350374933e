"""A band of neural instruments that listens to a recording and plays along.

    from ensemble import render
    manifest = render("leader.wav", "out", band="quartet")

plays in this process. On Ray:

    from agents import RayBand
    from cluster.sessions.local import local_ray
    with local_ray():
        render("leader.wav", "out", band_factory=RayBand)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ensemble.rendering.render import render as render

__all__ = ["render"]


def __getattr__(name: str) -> Any:
    """Load `render` when it is asked for: `import ensemble` stays light."""
    if name == "render":
        from ensemble.rendering.render import render as function

        return function
    raise AttributeError(name)
