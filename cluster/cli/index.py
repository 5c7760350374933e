"""`ensemble index ...`: fill, search, check and repair a library of recordings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.cli.index_view import show_candidates, show_repair, show_report, show_stats
from cluster.cli.json_output import AsJson, print_result
from cluster.cli.placement_options import enter_ray
from cluster.cli.progress import Monitor
from ensemble.errors import StoreError

index = typer.Typer(name="index", help="Fill and repair the store that continuations come from.", no_args_is_help=True)
Index = Annotated[
    str, typer.Option("--index", "-i", metavar="DIR|URI", help="A folder, or a Milvus server (http://host:19530).")
]
OptionalIndex = Annotated[
    str,
    typer.Option("--index", "-i", metavar="DIR|URI", help="A folder, or a server (default: the bundled corpus)."),
]
LedgerFolder = Annotated[
    str,
    typer.Option(
        "--ledger", metavar="DIR", help="Folder of a server's descriptions (default: in the cache directory)."
    ),
]


@index.command()
def add(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Sound files, folders, data sets.")],
    index_at: Index,
    ledger: LedgerFolder = "",
    copy: Annotated[bool, typer.Option("--copy", help="Keep a copy of every recording beside the ledger.")] = False,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the recordings (default: the data set's own).")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of Ray workers (default: one per core).")] = None,
    local: Annotated[bool, typer.Option("--local", help="Work in this process, without Ray.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add recordings. What is there already is kept; run it again to continue after a stop."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.retrieve.find_sources import find_sources
        from ensemble.retrieve.library.opening import LibraryPlace

        place = LibraryPlace.of(index_at, ledger)
        sources = find_sources(paths, licence)
        if local:
            from ensemble.retrieve.index_local import index_sources

            report = index_sources(sources, place, monitor.progress, copies=copy)
        else:
            from cluster.batch.index import index_on_ray

            enter_ray(monitor, None, monitor.stage, dashboard=False)
            report = index_on_ray(sources, place, jobs=jobs, copies=copy, on_progress=monitor.progress)
    print_result(
        as_json,
        asdict(report) | {"index": place.uri, "times_realtime": round(report.times_realtime, 2)},
        lambda: show_report(place.uri, report),
    )
    if not (report.added or report.kept or report.moved):
        reasons = sorted({skip.reason for skip in report.skipped}) or ["no sound file was found"]
        raise StoreError(place.uri, f"nothing was taken in: {'; '.join(reasons[:3])}", "name recordings")


@index.command()
def remove(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders, as they were added.")],
    index_at: Index,
    ledger: LedgerFolder = "",
    as_json: AsJson = False,
) -> None:
    """Remove recordings from the library; the files themselves stay."""
    with Monitor(quiet=as_json, stage="load"):
        from ensemble.retrieve.library.opening import LibraryPlace
        from ensemble.retrieve.maintenance import remove_recordings

        place = LibraryPlace.of(index_at, ledger)
        removed = remove_recordings(paths, place)
    print_result(
        as_json,
        asdict(removed) | {"index": place.uri},
        lambda: typer.echo(f"{place.uri}: {removed.recordings} recordings removed, {removed.rows} rows"),
    )


@index.command()
def stats(index_at: OptionalIndex = "", ledger: LedgerFolder = "", as_json: AsJson = False) -> None:
    """Check the index for missing entries, and whether the recordings are still there."""
    with Monitor(quiet=as_json, stage="load"):
        from ensemble.retrieve.maintenance import library_stats

        found = library_stats(_place(index_at, ledger))
    print_result(as_json, asdict(found) | {"is_whole": found.comparison.is_whole}, lambda: show_stats(found))


@index.command()
def repair(index_at: OptionalIndex = "", ledger: LedgerFolder = "", as_json: AsJson = False) -> None:
    """Restore missing entries, drop those of lost files, rebuild the store if it is damaged or out of date."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.retrieve.maintenance import repair as mend

        place = _place(index_at, ledger)
        done = mend(place, monitor.progress)
    print_result(as_json, asdict(done) | {"index": place.uri}, lambda: show_repair(place.uri, done))


@index.command()
def search(
    leader: Annotated[Path, typer.Argument(help="The recording to continue.")],
    index_at: OptionalIndex = "",
    ledger: LedgerFolder = "",
    top_k: Annotated[int, typer.Option(min=1, help="Number of candidates.")] = 10,
    extend: Annotated[float, typer.Option(min=0.5, help="Seconds of music that a candidate must have left.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Rank what could come next, with every measure of the join."""
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.retrieve.preview import what_could_follow
        from ensemble.retrieve.settings import RetrieveSettings

        settings = RetrieveSettings(uri=index_at, ledger=ledger)
        found = what_could_follow(leader, settings, top_k, min_remaining_s=extend, on_progress=monitor.progress)
    print_result(as_json, asdict(found), lambda: show_candidates(leader, found))


def _place(uri: str, ledger: str) -> Any:
    from ensemble.retrieve.default_library import indexed_corpus
    from ensemble.retrieve.library.opening import LibraryPlace

    return LibraryPlace.of(uri, ledger) if uri else indexed_corpus()
