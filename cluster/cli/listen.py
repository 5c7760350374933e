"""`ensemble listen`, and the options that say of a recording what is not heard right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.progress import Monitor, show_heard
from ensemble.errors import ConfigError, OutputError, printable
from ensemble.files.replace import write_whole

if TYPE_CHECKING:
    from ensemble.listen.overrides import Overrides

FirstDownbeat = Annotated[
    float | None, typer.Option(min=0, metavar="SECONDS", help="When bar 1 begins, instead of where it is detected.")
]
HalfTime = Annotated[bool, typer.Option("--half-time", help="Count beats half as fast as they are detected.")]
DoubleTime = Annotated[bool, typer.Option("--double-time", help="Count beats twice as fast as they are detected.")]
Expansion = Annotated[
    str | None,
    typer.Option(help="Expansion list that a kern score's sections follow: its name, or 'written' for none."),
]


def listen(
    leader: Annotated[Path, typer.Argument(help="A recording, or a melody (.krn, .mid).")],
    expansion: Expansion = None,
    first_downbeat: FirstDownbeat = None,
    half_time: HalfTime = False,
    double_time: DoubleTime = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Also write it all to this JSON file.")] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Also write a chart to this new file: correct it, and give it to render.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is detected in a recording: tempo, beats, key, chords, tuning, pitch and loudness."""
    with Monitor(quiet=as_json) as monitor:
        monitor.stage("listen")
        from ensemble.api.leaders import listen as heard_of
        from ensemble.chart.text import write_chart
        from ensemble.clock import FRAME_RATE_HZ
        from ensemble.listen.charted import chart_of
        from ensemble.listen.to_json import heard_as_json
        from ensemble.scores.score import is_score

        overrides = overrides_of(half_time=half_time, double_time=double_time, first_downbeat_s=first_downbeat)
        if expansion is not None and not is_score(leader):
            raise ConfigError("--expansion", "is for kern scores", "leave it out")
        heard = heard_of(leader, overrides=overrides, expansion=expansion)
    if chart is not None:
        if chart.exists():
            raise OutputError(str(chart), "exists already", "name another file")
        _write(chart, write_chart(chart_of(heard, printable(leader.stem))))
    if out is not None:
        _write(out, json.dumps(heard_as_json(heard), allow_nan=False) + "\n")
    if as_json:
        print_json(heard_as_json(heard))
    else:
        written = [path for path in (chart, out) if path is not None]
        show_heard(leader, heard.frames.num_frames / FRAME_RATE_HZ, heard, written)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another file") from error


def overrides_of(
    chords: Path | None = None, chart: Path | None = None, *, half_time: bool, double_time: bool,
    **given: float | str | None,
) -> Overrides:  # fmt: skip
    """The values that replace detected ones.

    Raises:
        ConfigError: two of them contradict each other, or a file cannot be read.
    """
    from ensemble.chart.files import read_chart
    from ensemble.chart.text import write_chart
    from ensemble.config import parse
    from ensemble.listen.chords_file import read_chords
    from ensemble.listen.overrides import Overrides

    given["beat_level"] = _beat_level(half_time=half_time, double_time=double_time)
    given["chart"] = None if chart is None else write_chart(read_chart(chart))
    said = parse(Overrides, given, "the recording")
    return said if chords is None else said.model_copy(update={"chords": read_chords(chords)})


def _beat_level(*, half_time: bool, double_time: bool) -> str | None:
    if half_time and double_time:
        raise ConfigError("--half-time", "contradicts --double-time", "give one of them")
    return "half" if half_time else "double" if double_time else None
