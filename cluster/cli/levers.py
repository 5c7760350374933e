"""The options by which a band plays otherwise than its file says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ensemble.errors import ConfigError

if TYPE_CHECKING:
    from ensemble.rendering.levers import Levers

NamedValues = list[str] | None

StyleName = Annotated[
    str | None, typer.Option(help="How the band plays: a style that `ensemble styles` lists, or a YAML file.")
]
Complexity = Annotated[
    float | None, typer.Option(min=0, max=1, help="Ghost notes, fills, passing notes: 0 none, 0.5 usual, 1 many.")
]
Humanize = Annotated[
    float | None, typer.Option(min=0, max=1, help="How far notes stray: 0 not at all, 0.5 usual, 1 twice as far.")
]
Intro = Annotated[
    Literal["none", "count-1", "count-2", "last-4"] | None,
    typer.Option(help="Before the leader: one or two bars counted in, or the last four bars."),
]
Ending = Annotated[
    Literal["leader", "stop", "ring", "ritard"] | None,
    typer.Option(help="The last chord ends with the leader, at once, rings on, or a bar more slows down."),
]
Click = Annotated[bool, typer.Option("--click", help="A click plays along.")]
Dry = Annotated[bool, typer.Option("--dry", help="Mix without the band's room and effects.")]
Density = Annotated[NamedValues, typer.Option(metavar="NAME=0..1", help="How many notes a part plays: drums=0.2.")]
Gain = Annotated[NamedValues, typer.Option(metavar="NAME=DB", help="Louder or softer by so much: bass=+2.")]
Pan = Annotated[NamedValues, typer.Option(metavar="NAME=PAN", help="From -1 (left) to 1 (right).")]
Instrument = Annotated[NamedValues, typer.Option(metavar="NAME=INSTRUMENT", help="Another instrument: rhythm=piano.")]


def levers_of(
    *, density: NamedValues, gain: NamedValues, pan: NamedValues, instrument: NamedValues, **given: Any
) -> Levers:
    """The changes that the options ask for.

    Raises:
        ConfigError: an option cannot be read.
    """
    from ensemble.config import parse
    from ensemble.rendering.levers import Levers

    given |= {
        "density": numbers("--density", density), "gain_db": numbers("--gain", gain), "pan": numbers("--pan", pan),
        "instrument": named("--instrument", instrument),
    }  # fmt: skip
    return parse(Levers, {name: value for name, value in given.items() if value is not None}, "the band")


def named(option: str, given: Sequence[str] | None) -> dict[str, str] | None:
    """`NAME=VALUE` for each.

    Raises:
        ConfigError: one is written otherwise.
    """
    if given is None:
        return None
    wrong = next((one for one in given if "=" not in one), None)
    if wrong is not None:
        raise ConfigError(option, f"{wrong!r} does not say NAME=VALUE", f"write {option} bass=...")
    return {name.strip(): value.strip() for name, value in (one.split("=", 1) for one in given)}


def numbers(option: str, given: Sequence[str] | None) -> dict[str, float] | None:
    """`NAME=NUMBER` for each.

    Raises:
        ConfigError: one is written otherwise.
    """
    found = named(option, given)
    try:
        return None if found is None else {name: float(value) for name, value in found.items()}
    except ValueError as error:
        raise ConfigError(option, str(error), f"write {option} bass=1.5") from error
