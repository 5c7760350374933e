"""Plain classes that Ray turns into actors, and `RayBand`, which places and calls them.

`from agents import RayBand` is the way in; Ray is imported only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.band import RayBand as RayBand

__all__ = ["RayBand"]


def __getattr__(name: str) -> Any:
    """Import Ray only when it is needed, after its environment is set."""
    if name == "RayBand":
        from agents.environment import prepare_environment

        prepare_environment()
        from agents import band

        return band.RayBand
    raise AttributeError(name)
