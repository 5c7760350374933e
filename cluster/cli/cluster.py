"""`ensemble up`, `down`, `submit` and `status`: a Ray that stays, jobs for it, and who plays on it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.json_output import AsJson, print_json, print_result
from cluster.cli.progress import ERR, Monitor
from cluster.cli.render import playing
from cluster.cli.status_view import show_status
from ensemble.errors import ConfigError

cluster_commands = typer.Typer()


@cluster_commands.command("up")
def bring_up(
    band: Annotated[
        list[str] | None, typer.Option(help="Band to keep ready: rock, quartet or a YAML file (default: rock).")
    ] = None,
    num_cpus: Annotated[int | None, typer.Option(min=1, help="Cores to use (default: all).")] = None,
    as_json: AsJson = False,
) -> None:
    """Start a local Ray that stays, with a band ready and the dashboard on; `ensemble down` ends it."""
    from cluster.sessions.keep_alive import up
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


@cluster_commands.command("down")
def bring_down(as_json: AsJson = False) -> None:
    """Stop what `ensemble up` started."""
    from cluster.sessions.keep_alive import down

    was_there = down()
    print_result(as_json, {"was_up": was_there}, lambda: typer.echo("down" if was_there else "no Ray was running"))


@cluster_commands.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def submit(
    command: Annotated[list[str], typer.Argument(metavar="render ...", help="The render, as you would type it here.")],
    address: Annotated[
        str | None,
        typer.Option(envvar="RAY_API_SERVER_ADDRESS", help="The cluster's dashboard (default: that of `ensemble up`)."),
    ] = None,
    fetch: Annotated[Path | None, typer.Option(metavar="DIR", help="Copy the result into this folder.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the job to its end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Render on a cluster as a Ray job. Your files are sent along; the result is written to --out."""
    from cluster.sessions.jobs import control
    from cluster.sessions.jobs import fetch as bring
    from cluster.sessions.jobs import submit as send
    from cluster.sessions.keep_alive import kept_for

    if command[0] != "render":
        raise ConfigError(command[0], "is not submitted", "submit a render: `ensemble submit render LEADER --out DIR`")
    if fetch is not None and not wait:
        raise ConfigError("--fetch", "waits for the result", "leave out --no-wait")
    parameters = typer.main.get_command(playing).commands["render"].make_context("render", command[1:]).params  # type: ignore[attr-defined]
    say = (lambda _line: None) if as_json else typer.echo  # --json must stay JSON
    with ExitStack() as stack:  # the job itself uses a Ray that is kept, once it has begun
        known = kept_for(stack) if address is None else None
        place = address or (known.dashboard if known else "")
        if not place:
            cure = "give http://HOST:8265, or `ensemble up`"
            raise ConfigError("--address", "is absent, and no Ray is kept here", cure)
        job = send(command[1:], parameters, place, say, is_followed=wait)
    if fetch is not None:
        bring(str(parameters["out"]), fetch)
    if as_json:
        print_json({"job": job, "address": place, "out": str(parameters["out"])})
    elif not wait:
        typer.echo(f"job {job}: `{control('logs --follow', job, place)}`")


@cluster_commands.command()
def status(
    address: Annotated[str, typer.Option(help="Address of the Ray.", envvar="RAY_ADDRESS")] = "auto",
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every second until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which actors play on a Ray, where, and how fast."""
    from cluster.sessions.keep_alive import kept
    from cluster.watch.watching import watching

    ray = kept()
    with watching(address, lambda refusal: ERR.print(f"not shown: {refusal}")) as look:
        if as_json:
            print_json(look())
        else:
            if ray is not None and ray.idle_s and address in ("auto", ray.address):
                typer.echo(f"the Ray at {ray.address} ends once it is idle for {ray.idle_s:g} s, or by `ensemble down`")
            show_status(look, watch=watch)
