"""The command line `ensemble`: puts the commands of the other modules together."""

from __future__ import annotations

from typing import Annotated

import typer

from cluster.cli.arranger import evaluate_arranger, train_arranger
from cluster.cli.bench import bench
from cluster.cli.chart import chart
from cluster.cli.cluster import cluster_commands
from cluster.cli.conductor import evaluate_conductor, train_conductor
from cluster.cli.data import data
from cluster.cli.drummer import train_drummer
from cluster.cli.evaluate_curves import evaluate_curves
from cluster.cli.evaluate_listening import evaluate_listening
from cluster.cli.evaluate_live import evaluate_live
from cluster.cli.evaluate_render import evaluate_render
from cluster.cli.export import export
from cluster.cli.index import index
from cluster.cli.json_output import AsJson, print_result
from cluster.cli.kit import evaluate_kit, train_kit
from cluster.cli.listen import listen
from cluster.cli.listener import evaluate_listener, train_listener
from cluster.cli.lists import bands, styles, voices
from cluster.cli.live import live_commands
from cluster.cli.performer import evaluate_performer, train_performer
from cluster.cli.player import evaluate, train
from cluster.cli.progress import show_examination
from cluster.cli.redo import redo
from cluster.cli.render import playing
from cluster.cli.report import report
from cluster.cli.studio import studio
from cluster.cli.styles import evaluate_styles
from cluster.cli.transform import transform

app = typer.Typer(
    name="ensemble",
    help="A band of neural instruments that listens to a recording and plays along.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train.command("arranger")(train_arranger)
evaluate.command("arranger")(evaluate_arranger)
train.command("conductor")(train_conductor)
evaluate.command("conductor")(evaluate_conductor)
train.command("listener")(train_listener)
evaluate.command("listener")(evaluate_listener)
train.command("performer")(train_performer)
evaluate.command("performer")(evaluate_performer)
train.command("drummer")(train_drummer)
train.command("kit")(train_kit)
evaluate.command("kit")(evaluate_kit)
evaluate.command("curves")(evaluate_curves)
evaluate.command("listening")(evaluate_listening)
evaluate.command("live")(evaluate_live)
evaluate.command("render")(evaluate_render)
evaluate.command("styles")(evaluate_styles)
app.add_typer(playing)
app.command()(listen)
app.add_typer(live_commands)
app.command()(redo)
app.command()(transform)
app.command()(chart)
app.command()(export)
app.command()(report)
app.command()(studio)
app.command()(bands)
app.command()(styles)
app.add_typer(voices)
app.add_typer(cluster_commands)
app.add_typer(index)
app.add_typer(data)
app.add_typer(train)
app.add_typer(evaluate)
app.add_typer(bench)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check the installation."""
    from cluster.doctor import examine

    findings = examine()
    print_result(as_json, [finding._asdict() for finding in findings], lambda: show_examination(findings))
    if any(finding.verdict == "missing" for finding in findings):
        raise typer.Exit(1)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from ensemble.machine import ensemble_version

        typer.echo(f"ensemble {ensemble_version()}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
