"""`ensemble redo`: edits a finished render, and goes back and forth between its versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json, print_result
from cluster.cli.levers import (
    Click,
    Complexity,
    Density,
    Ending,
    Gain,
    Humanize,
    Instrument,
    NamedValues,
    Pan,
    StyleName,
    named,
    numbers,
)
from cluster.cli.placement_options import Actors, Address, Local, PlacementOptions, placed
from cluster.cli.progress import Monitor, show_render, show_versions
from ensemble.errors import ConfigError

if TYPE_CHECKING:
    from ensemble.rendering.edits import Edits


def redo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that render wrote.")],
    part: Annotated[
        NamedValues, typer.Option(metavar="NAME", help="A part that --seed is for; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another take: of --part, else of the whole band.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Chart to play by.")] = None,
    style: StyleName = None,
    complexity: Complexity = None,
    humanize: Humanize = None,
    ending: Ending = None,
    click: Click = False,
    density: Density = None,
    gain: Gain = None,
    pan: Pan = None,
    voice: Annotated[NamedValues, typer.Option(metavar="NAME=VOICE", help="Another voice: a name or a file.")] = None,
    instrument: Instrument = None,
    drop: Annotated[NamedValues, typer.Option(metavar="NAME", help="Leave a part out.")] = None,
    add: Annotated[
        NamedValues,
        typer.Option(metavar="SETTINGS", help="Add a part: name=cello,instrument=cello,role=counter,voice=cello."),
    ] = None,
    take: Annotated[int | None, typer.Option(min=1, help="A take that --another is for.")] = None,
    another: Annotated[bool, typer.Option("--another", help="Let --take go on with the next best recording.")] = False,
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

            edits = _edits(
                part, seed, chart, voice, drop, add, style=style, complexity=complexity, humanize=humanize,
                ending=ending, click=click, density=numbers("--density", density), gain_db=numbers("--gain", gain),
                pan=numbers("--pan", pan), instrument=named("--instrument", instrument),
                another=_another(take, another=another),
            )  # fmt: skip
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
    part: NamedValues, seed: int | None, chart: Path | None, voice: NamedValues, drop: NamedValues, add: NamedValues,
    **levers: Any,
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
    settings = levers | {
        "parts": part, "seed": seed, "voice": named("--voice", voice), "drop": drop,
        "add": None if add is None else [named("--add", one.split(",")) for one in add],
        "chart": None if chart is None else write_chart(read_chart(chart)),
    }  # fmt: skip
    return parse(Edits, {name: value for name, value in settings.items() if value is not None}, "the edits")


def _another(take: int | None, *, another: bool) -> list[int] | None:
    if (take is not None) != another:
        raise ConfigError("--take", "and --another go together", "say which take is to go on otherwise")
    return None if take is None else [take]
