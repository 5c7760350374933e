"""`ensemble evaluate live`: reads the options, measures, prints the table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from cluster.cli.json_output import AsJson, print_result
from cluster.cli.progress import OUT, Monitor, number
from ensemble.errors import ConfigError


def evaluate_live(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Recordings, each with NAME.beats or NAME.lab beside it.")
    ],
    band: Annotated[str, typer.Option(help="Band: rock, quartet or a YAML file.")] = "rock",
    horizon: Annotated[str, typer.Option(help="How far ahead the band commits: seconds, or 1beat.")] = "0.4",
    count_in: Annotated[
        int, typer.Option(min=0, max=16, help="Beats that the band counts first, at the tempo of the references.")
    ] = 0,
    with_chart: Annotated[
        bool, typer.Option("--with-chart", help="Only those whose references tell bars and chords, each by its chart.")
    ] = False,
    skip_bars: Annotated[
        int, typer.Option(min=0, max=16, help="With --with-chart: so many bars are left out in the middle of each.")
    ] = 0,
    max_s: Annotated[float, typer.Option(min=10, help="Seconds of each recording.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Measure how a band follows recordings as if they were played now: beats, and the notes against the chords.

    Also how often they clash with the leader's, how long the place in a chart is lost, whether the band is in time, how
    soon it rests when the leader stops, and whether a stream gives the same again.
    """
    if skip_bars and not with_chart:
        raise ConfigError("--skip-bars", "leaves out bars of a chart", "give --with-chart, too")
    with Monitor(quiet=as_json, stage="load") as monitor:
        from ensemble.config import load_band
        from ensemble.live.horizon import read_horizon
        from ensemble.live.settings import LiveSettings
        from ensemble.rendering.evaluate_live import evaluate_live as measure

        ahead = read_horizon(horizon)
        live = LiveSettings(horizon_s=ahead.seconds, horizon_beats=ahead.beats, count_in_beats=count_in)
        document = measure(
            folder, load_band(band), live, max_s, monitor.progress, with_chart=with_chart, skipped_bars=skip_bars
        )
    print_result(as_json, document, lambda: _show(document))


HEADINGS = {
    "beats_f": ("beats\nF", ".2f"), "offline_beats_f": ("off-\nline", ".2f"), "beat_error_p50_ms": ("p50\nms", ".0f"),
    "beat_error_p95_ms": ("p95\nms", ".0f"), "lock_s": ("lock\ns", ".1f"),
    "chord_tone_ratio": ("chord\ntones", ".2f"), "root_accuracy": ("roots", ".2f"),
    "lost_bars": ("lost\nbars", ".0f"), "clash_rate": ("clash\nrate", ".3f"),
    "offline_clash_rate": ("off-\nline", ".3f"),
}  # fmt: skip


def _show(document: dict[str, Any]) -> None:
    titles = (Column(title, justify="right", no_wrap=True) for title, _ in HEADINGS.values())
    table = Table("recording", *titles, box=None, pad_edge=False, padding=(0, 0, 0, 1))
    rows = [*document["recordings"].items(), ("mean", document), ("mean of the clear", document["clear"])]
    for name, figures in rows:
        table.add_row(name, *(number(figures.get(figure), form) for figure, (_, form) in HEADINGS.items()))
    OUT.print(table)
    stop = number(document["stop_reaction_bars"], ".1f")
    typer.echo(
        f"in time {document['deadline_hit_rate']:.2%} (left: 99 % {document['horizon_left_p99_ms']:.0f} ms); "
        f"20 dB down {stop} bars after the leader stops; "
        f"played again: {'the same bytes' if document['replay_equal'] else 'OTHER BYTES'}"
    )
