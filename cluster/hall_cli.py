"""`ensemble up`, `down` and `status`: a Ray that stays, and who plays on it."""

from __future__ import annotations

from typing import Annotated

import typer

from cluster.printing import AsJson, print_json

hall = typer.Typer()


@hall.command("up")
def bring_up(
    band: Annotated[
        list[str] | None, typer.Option(help="Keep this band warm (rock, quartet, a YAML file); rock if absent.")
    ] = None,
    num_cpus: Annotated[int | None, typer.Option(min=1, help="Cores to use; all if absent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Keep a local Ray and a warm band between renders, with the dashboard on; `ensemble down` ends it."""
    from cluster.keeping import up
    from cluster.monitor import Monitor
    from ensemble.config import load_band

    with Monitor(quiet=as_json) as monitor:
        bands = [load_band(name) for name in band or ["rock"]]
        monitor.stage("start Ray")
        ray = up(bands, num_cpus=num_cpus)
    if as_json:
        print_json(ray._asdict())
        return
    typer.echo(f"{'up' if ray.fresh else 'was up'}: {ray.address}, warm: {', '.join(one.name for one in bands)}")
    typer.echo(f"Ray dashboard: {ray.dashboard} (its token: ~/.ray/auth_token, or RAY_AUTH_TOKEN)")


@hall.command("down")
def bring_down(as_json: AsJson = False) -> None:
    """End what `ensemble up` started."""
    from cluster.keeping import down

    was_there = down()
    if as_json:
        print_json({"was_up": was_there})
    else:
        typer.echo("down" if was_there else "nothing was up")


@hall.command()
def status(
    address: Annotated[str, typer.Option(help="The Ray to ask.", envvar="RAY_ADDRESS")] = "auto",
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who is playing on a Ray, where, and how fast."""
    from cluster.status_monitor import show_status
    from cluster.watching import watching

    with watching(address) as look:
        if as_json:
            print_json(look())
        else:
            show_status(look, watch=watch)
