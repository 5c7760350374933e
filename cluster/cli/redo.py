"""`ensemble redo`: edits a finished render, and goes back and forth between its versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.json_output import AsJson, print_json, print_result
from cluster.cli.levers import (
    Click,
    Complexity,
    Density,
    Dry,
    Ending,
    Gain,
    Humanize,
    Instrument,
    Intro,
    NamedValues,
    Pan,
    StyleName,
    named,
    numbers,
)
from cluster.cli.placement_options import Actors, Address, Local, PlacementOptions, placed
from cluster.cli.progress import Monitor, show_render, show_stale, show_versions
from ensemble.errors import ConfigError

if TYPE_CHECKING:
    from ensemble.rendering.edits import Edits


def redo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that render wrote.")],
    part: Annotated[NamedValues, typer.Option(metavar="NAME", help="The part that --seed is for.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another take: of --part, else of the whole band.")] = None,
    from_bar: Annotated[int | None, typer.Option("--from", min=1, help="First bar of that other take.")] = None,
    to_bar: Annotated[int | None, typer.Option("--to", min=1, help="Last bar of it.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Chart to play by.")] = None,
    gain: Gain = None,
    pan: Pan = None,
    voice: Annotated[NamedValues, typer.Option(metavar="NAME=VOICE", help="Another voice: a name or a file.")] = None,
    instrument: Instrument = None,
    density: Density = None,
    drop: Annotated[NamedValues, typer.Option(metavar="NAME", help="Leave a part out.")] = None,
    add: Annotated[
        NamedValues,
        typer.Option(metavar="SETTINGS", help="Add a part: name=cello,instrument=cello,role=counter,voice=cello."),
    ] = None,
    lock: Annotated[NamedValues, typer.Option(metavar="NAME", help="A part that stays what it is from now on.")] = None,
    unlock: Annotated[NamedValues, typer.Option(metavar="NAME", help="A part that is written again.")] = None,
    midi: Annotated[NamedValues, typer.Option(metavar="NAME=FILE", help="Play the notes of a MIDI file.")] = None,
    style: StyleName = None,
    complexity: Complexity = None,
    humanize: Humanize = None,
    intro: Intro = None,
    ending: Ending = None,
    click: Click = False,
    dry: Dry = False,
    take: Annotated[int | None, typer.Option(min=1, help="A take that --another is for.")] = None,
    another: Annotated[bool, typer.Option("--another", help="Let --take go on with the next best recording.")] = False,
    extend: Annotated[
        float | None, typer.Option(min=0.1, max=600, help="Continue the leader for so many seconds after its end.")
    ] = None,
    top_k: Annotated[int | None, typer.Option(min=1, max=16, help="Number of continuations, with --extend.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done again.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Go back to the version that was edited last.")] = False,
    version: Annotated[int | None, typer.Option(min=1, help="Go to this version.")] = None,
    history: Annotated[bool, typer.Option("--history", help="List the versions.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html, after the mix.")] = True,
    local: Local = False,
    address: Address = None,
    actors: Actors = None,
    block_frames: Annotated[int, typer.Option(min=1, help="Block length in frames, as of the render.")] = 50,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Go on where files were changed by hand, another release rendered, or a render was broken off.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Edit a finished render: only what changes is played again, and every version can be had back."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.manifest import MANIFEST
        from ensemble.output.staging import MEMORY
        from ensemble.rendering import redo as redoing
        from ensemble.rendering.history import History

        if history:
            versions, current = History(folder).versions, History(folder).current()
            listed = [one.model_dump() | {"is_current": one == current} for one in versions]
            print_result(as_json, listed, lambda: show_versions(listed))
            return
        if undo or version is not None:
            manifest = (
                redoing.undo(folder, force=force) if version is None else redoing.switch(folder, version, force=force)
            )
        else:
            edits = _edits(
                parts=part, seed=seed, from_bar=from_bar, to_bar=to_bar, gain_db=numbers("--gain", gain),
                pan=numbers("--pan", pan), density=numbers("--density", density), voice=named("--voice", voice),
                instrument=named("--instrument", instrument), midi=named("--midi", midi), drop=drop, lock=lock,
                unlock=unlock, add=None if add is None else [part_to_add(one) for one in add], chart=_chart(chart),
                style=style, complexity=complexity, humanize=humanize, intro=intro, ending=ending, click=click, dry=dry,
                another=_another(take, another=another), extend_s=extend, takes=top_k,
            )  # fmt: skip
            if dry_run:
                found = redoing.dry_run(folder, edits)
                print_result(as_json, found._asdict(), lambda: show_stale(found))
                return
            if (folder / MANIFEST).exists() and not (folder / MEMORY).exists():
                monitor.say("nothing is remembered of this render, so everything is played again")
            from ensemble.events import Events
            from ensemble.perform import Pace

            manifest = redoing.redo(
                folder, edits, force=force, pace=Pace(block_frames=block_frames), report=report,
                band_factory=placed(monitor, PlacementOptions(local=local, address=address, actors=actors)),
                events=Events(progress=monitor.progress),
            )  # fmt: skip
    if as_json:
        print_json({"out": str(folder), "manifest": manifest.model_dump(mode="json")})
    else:
        show_render(str(folder), manifest, report=(folder / "report.html").is_file())


def _edits(**given: Any) -> Edits:
    """The edits that the options ask for."""
    from ensemble.config import parse
    from ensemble.rendering.edits import Edits

    return parse(Edits, {name: value for name, value in given.items() if value is not None}, "the edits")


def _another(take: int | None, *, another: bool) -> list[int] | None:
    if (take is not None) != another:
        raise ConfigError("--take", "and --another go together", "say which take is to go on otherwise")
    return None if take is None else [take]


def part_to_add(settings: str) -> dict[str, Any]:
    """A part's settings, as YAML has them in braces, but with `=`: `name=cello,role=counter,range_midi=[36,76]`."""
    from ensemble.settings.reading import from_yaml

    try:
        added, _ = from_yaml("{" + re.sub(r"(^|,)\s*(\w+)\s*=", r"\1 \2: ", settings) + "}", "--add")
    except ConfigError as error:
        problem = f"{settings!r} is no list of settings ({error.problem})"
        raise ConfigError("--add", problem, "write name=cello,role=counter") from error
    return dict(added)


def _chart(path: Path | None) -> str | None:
    from ensemble.chart.files import read_chart
    from ensemble.chart.text import write_chart

    return None if path is None else write_chart(read_chart(path))
