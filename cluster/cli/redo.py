"""`ensemble redo`: edits a finished render, and goes back and forth between its versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json, print_result
from cluster.cli.placement_options import Actors, Address, Local, PlacementOptions, placed
from cluster.cli.progress import Monitor, show_render, show_versions
from ensemble.errors import ConfigError

if TYPE_CHECKING:
    from ensemble.rendering.edits import Edits

NamedValues = list[str] | None


def redo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that render wrote.")],
    part: Annotated[
        NamedValues, typer.Option(metavar="NAME", help="A part that --seed is for; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another take: of --part, else of the whole band.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Chart to play by.")] = None,
    gain: Annotated[NamedValues, typer.Option(metavar="NAME=DB", help="Louder or softer by so much: bass=+2.")] = None,
    pan: Annotated[NamedValues, typer.Option(metavar="NAME=PAN", help="From -1 (left) to 1 (right).")] = None,
    voice: Annotated[NamedValues, typer.Option(metavar="NAME=VOICE", help="Another voice: a name or a file.")] = None,
    instrument: Annotated[
        NamedValues, typer.Option(metavar="NAME=INSTRUMENT", help="Another instrument: bass=double_bass.")
    ] = None,
    drop: Annotated[NamedValues, typer.Option(metavar="NAME", help="Leave a part out.")] = None,
    add: Annotated[
        NamedValues,
        typer.Option(metavar="SETTINGS", help="Add a part: name=cello,instrument=cello,role=counter,voice=cello."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Go back to the version that was edited last.")] = False,
    version: Annotated[int | None, typer.Option(min=1, help="Go to this version.")] = None,
    history: Annotated[bool, typer.Option("--history", help="List the versions.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html, after the mix.")] = True,
    local: Local = False,
    address: Address = None,
    actors: Actors = None,
    block_frames: Annotated[int, typer.Option(min=1, help="Block length in frames, as of the render.")] = 50,
    force: Annotated[
        bool, typer.Option("--force", help="Go on where files were changed by hand, or another release rendered.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Edit a finished render: only what changes is played again, and every version can be had back."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.rendering.history import History

        if history:
            versions, current = History(folder).versions, History(folder).current()
            listed = [one.model_dump() | {"is_current": one == current} for one in versions]
            print_result(as_json, listed, lambda: show_versions(listed))
            return
        if undo or version is not None:
            from ensemble.rendering.redo import switch
            from ensemble.rendering.redo import undo as go_back

            manifest = go_back(folder) if version is None else switch(folder, version)
        else:
            from ensemble.events import Events
            from ensemble.perform import Pace
            from ensemble.rendering.redo import redo as play_again

            edits = _edits(part, seed, chart, gain, pan, voice, instrument, drop, add)
            band_factory = placed(monitor, PlacementOptions(local=local, address=address, actors=actors))
            manifest = play_again(
                folder, edits, force=force, band_factory=band_factory, pace=Pace(block_frames=block_frames),
                events=Events(progress=monitor.progress), report=report,
            )  # fmt: skip
    if as_json:
        print_json({"out": str(folder), "manifest": manifest.model_dump(mode="json")})
    else:
        show_render(str(folder), manifest, report=report)


def _edits(
    part: NamedValues, seed: int | None, chart: Path | None, gain: NamedValues, pan: NamedValues, voice: NamedValues,
    instrument: NamedValues, drop: NamedValues, add: NamedValues,
) -> Edits:  # fmt: skip
    """The edits that the options ask for.

    Raises:
        ConfigError: an option cannot be read, or two of them do not go together.
    """
    from ensemble.chart.files import read_chart
    from ensemble.chart.text import write_chart
    from ensemble.config import parse
    from ensemble.rendering.edits import Edits

    if part and seed is None:
        raise ConfigError("--part", "says whose another take is wanted", "add --seed N")
    settings = {
        "parts": part, "seed": seed, "gain_db": _numbers("--gain", gain), "pan": _numbers("--pan", pan),
        "voice": _named("--voice", voice), "instrument": _named("--instrument", instrument), "drop": drop,
        "add": None if add is None else [_named("--add", one.split(",")) for one in add],
        "chart": None if chart is None else write_chart(read_chart(chart)),
    }  # fmt: skip
    return parse(Edits, {name: value for name, value in settings.items() if value is not None}, "the edits")


def _named(option: str, given: Sequence[str] | None) -> dict[str, Any] | None:
    """`NAME=VALUE` for each."""
    if given is None:
        return None
    wrong = [one for one in given if "=" not in one]
    if wrong:
        raise ConfigError(option, f"{wrong[0]!r} does not say NAME=VALUE", f"write {option} bass=...")
    return {name.strip(): value.strip() for name, value in (one.split("=", 1) for one in given)}


def _numbers(option: str, given: Sequence[str] | None) -> dict[str, float] | None:
    found = _named(option, given)
    try:
        return None if found is None else {name: float(value) for name, value in found.items()}
    except ValueError as error:
        raise ConfigError(option, str(error), f"write {option} bass=1.5") from error
