"""What `ensemble index` prints: what was added, what the library holds, what could follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from cluster.cli.progress import OUT, show_rows

if TYPE_CHECKING:
    from ensemble.retrieve.library.indexer import IndexReport
    from ensemble.retrieve.maintenance import LibraryStats, Repair
    from ensemble.retrieve.search.search import Found
    from ensemble.types.continuation import Term


def show_report(uri: str, report: IndexReport) -> None:
    """What an indexing run did."""
    show_rows("skipped", [(one.path, one.reason) for one in report.skipped])
    also = [f"{count} {name}" for name, count in (("moved", report.moved), ("replaced", report.replaced)) if count]
    OUT.print(
        f"{uri}: {report.added} recordings added ({report.chunks} chunks, {report.music_s / 60:.1f} min of music in "
        f"{report.wall_s:.1f} s, {report.times_realtime:.0f} times real time), "
        f"{', '.join([f'{report.kept} kept', *also, f'{len(report.skipped)} skipped'])}"
    )


def show_stats(stats: LibraryStats) -> None:
    """What a library holds, and whether it is whole."""
    found = stats.comparison
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("store", stats.uri)
    table.add_row("ledger", f"{stats.ledger}, {stats.described_bytes / 2**20:.1f} MiB of descriptions")
    table.add_row("recordings", f"{stats.recordings}, {stats.minutes:.1f} min")
    table.add_row("rows", f"{found.store_rows} in the store, {found.ledger_rows} in the ledger")
    for licence, count in stats.licences.items():
        table.add_row("licence", f"{licence}: {count}")
    if found.foreign:
        table.add_row("others'", f"rows of {len(found.foreign)} recordings that this ledger never knew")
    OUT.print(table)
    show_rows("not playable", [(one.path, one.reason) for one in stats.unplayable])
    if found.is_whole:
        OUT.print("whole: every row is where it should be")
        return
    wrong = f"{len(found.missing)} recordings lack rows, {len(found.stray)} should not be there"
    OUT.print(Text(f"NOT whole: {wrong}; run: ensemble index repair --index {stats.uri}", style="yellow"))


def show_repair(uri: str, repair: Repair) -> None:
    """What a repair did."""
    before = repair.before
    show_rows("given up", [(one.path, one.reason) for one in repair.given_up])
    if repair.is_rebuilt:
        OUT.print("the store could not be used and was made anew")
    OUT.print(
        f"{uri}: {len(before.missing)} recordings put back, {len(before.stray)} dropped, {repair.described} described "
        f"again, {repair.adopted} taken up, {len(repair.given_up)} given up; {before.store_rows} rows before"
    )


def show_candidates(leader: Path, found: Found) -> None:
    """What could follow, best first, and what was measured at each join."""
    if not found.candidates:
        OUT.print(f"nothing can follow {leader.name}")
    table = Table("", "total", "relevance", "seam", "at s", "semitones", "tempo", "from", box=None, pad_edge=False)
    for rank, one in enumerate(found.candidates, 1):
        score = one.score
        table.add_row(
            str(rank), f"{score.total:.3f}", f"{score.relevance:.3f}", f"{score.seam:.3f}", f"{one.start_s:.2f}",
            f"{one.semitones:+g}", f"{one.tempo_ratio:.3f}", Text(one.recording.title),
        )  # fmt: skip
    OUT.print(table)
    for rank, one in enumerate(found.candidates, 1):
        terms = ", ".join(f"{name} {_term(term)}" for name, term in one.score.terms.items())
        OUT.print(Text(f"{rank}: {terms}", style="dim"))
    level = "any level" if found.level_tolerance_db is None else f"within {found.level_tolerance_db:g} dB"
    refused = ", ".join(f"{count} {reason}" for reason, count in found.vetoed.items()) or "none refused"
    OUT.print(f"{found.num_scored} scored exactly ({level}); {refused}")


def _term(term: Term) -> str:
    """A measure; in brackets, what share of the leader's own transitions are smoother."""
    share = "" if term.percentile is None else f" (p{term.percentile:.0f})"
    return f"{term.value:.2f}{'' if term.unit == '1' else ' ' + term.unit}{share}"
