"""What is installed only on request: the extras of the package, as its metadata lists them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DISTRIBUTION = "ray-ensemble"
EXTRAS = ("train", "gpu", "live", "studio")
"""What a user may ask for; of several that bring a package the first is named."""


class Needed(NamedTuple):
    """A package that ours needs."""

    package: str
    """Its name at the package index, in lower case, with hyphens."""
    extra: str
    """The extra that brings it; empty where everybody has it."""


def needed() -> tuple[Needed, ...]:
    """Every package that this one needs for its users, with the extra that brings it."""
    try:
        asked = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:  # the folder is on the path, and nothing is installed
        return ()
    return tuple(
        Needed(canonicalize_name(one.name), extra)
        for extra in ("", *EXTRAS)
        for one in asked
        if (one.marker.evaluate({"extra": extra}) if one.marker else not extra)
    )


def extra_of(module: str) -> str:
    """The extra that brings a module; empty where none does, or everybody should have it."""
    package = canonicalize_name(module.split(".", maxsplit=1)[0])
    return next((one.extra for one in needed() if one.package == package), "")


def install_line(extra: str) -> str:
    """The command that installs an extra, or, without one, what everybody should have."""
    return f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {DISTRIBUTION}"
