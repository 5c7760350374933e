"""Where a band plays: the options that say so, and the way there."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack, redirect_stdout
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from agents.environment import prepare_environment
from cluster.cli.progress import Monitor
from ensemble.errors import BandError, ConfigError

if TYPE_CHECKING:
    from ensemble.plan import Extension
    from ensemble.rendering.session import BandFactory

Say = Callable[[str], None]
Local = Annotated[bool, typer.Option("--local", help="Play in this process, without Ray.")]
Actors = Annotated[int | None, typer.Option(min=1, help="Number of Ray workers.")]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        help="The Ray to play on: auto, HOST:PORT, ray://HOST:PORT, or local, a new one (default: that of "
        "`ensemble up`, or a new one).",
    ),
]
Spread = Annotated[bool, typer.Option("--spread", help="Spread the band over many nodes instead of few.")]
MixedDevices = Annotated[
    bool, typer.Option("--mixed-devices", help="Allow mixed hardware; output may differ slightly.")
]
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(duration: str) -> float:
    """`90s`, `10m` or `2h` in seconds."""
    if (said := _DURATION.fullmatch(duration)) is None or not float(said[1]):
        raise typer.BadParameter(f"'{duration}' is no duration such as 90s, 10m or 2h.")
    return float(said[1]) * _SECONDS[said[2]]


KeepWarm = Annotated[
    float | None,
    typer.Option(
        "--keep-warm", parser=_seconds, metavar="DURATION",
        help="Leave a Ray with this band ready for the next render, until it was idle for so long: 10m.",
    ),
]  # fmt: skip


class PlacementOptions(NamedTuple):
    """Where a band shall play, as the command line says."""

    local: bool = False
    """In this process, without Ray."""
    address: str | None = None
    """Of a Ray; None for that of `ensemble up`, or a new one."""
    actors: int | None = None
    """At most so many instrument actors."""
    spread: bool = False
    """Over many nodes instead of few."""
    mixed_devices: bool = False
    """Nodes of another kind of machine may be used."""
    keep_warm_s: float | None = None
    """A Ray with the band stays until it was idle for so long; None: none does."""


def placed(monitor: Monitor, where: PlacementOptions, *, dashboard: bool = False) -> BandFactory:
    """Make the function that makes the band of a plan: in this process, or on a Ray that it starts or joins."""
    if where.local and (where.actors or dashboard or where.spread):
        raise ConfigError("--local", "plays without actors or dashboard", "leave out --actors, --spread, --dashboard")
    if where.keep_warm_s and (where.local or where.address is not None):
        raise ConfigError("--keep-warm", "keeps a Ray of this machine", "leave out --local, --address and RAY_ADDRESS")

    def band_of(plan: Any) -> Any:
        prepare_machine(monitor, [plan.request.extension] if plan.must_retrieve else [])
        if where.local:
            from ensemble.band import LocalBand

            return LocalBand(plan)
        prepare_environment()
        from agents.band import RayBand
        from agents.node_check import fingerprint_digest
        from cluster.planner import Strategy, plan_placement

        def enter() -> None:
            if where.keep_warm_s:
                from cluster.sessions.keep_alive import up

                monitor.stage("start Ray")
                up([plan.request.band], idle_s=where.keep_warm_s)
            enter_ray(monitor, where.address, monitor.stage, dashboard=dashboard)
            monitor.stage("place the band")

        strategy = Strategy.SPREAD if where.spread else Strategy.PACK
        planner = partial(
            plan_placement, fingerprint=fingerprint_digest(), strategy=strategy, mixed_devices=where.mixed_devices
        )
        return RayBand(plan, enter=enter, actors=where.actors, planner=planner)

    return band_of


def enter_ray(stack: ExitStack, address: str | None, say: Say, *, dashboard: bool) -> None:
    """Join the Ray that is named or kept until the stack is left; start one where there is none."""
    from cluster.sessions.attach import joined_ray
    from cluster.sessions.keep_alive import kept_for
    from cluster.sessions.local import local_ray

    # Ray prints its own words about lost workers; ours come with the result, and --json must stay JSON.
    stack.enter_context(redirect_stdout(io.StringIO()))
    here = kept_for(stack) if address != "local" else None  # used also where its address is given
    ray = here if address is None else None
    if ray is not None or address not in (None, "local"):
        say("join Ray")
        if ray is None:
            stack.enter_context(joined_ray(str(address)))
            return
        try:
            stack.enter_context(joined_ray(ray.address))
        except BandError as error:
            raise BandError(error.what, error.problem, "`ensemble down`, then `ensemble up`") from error
        return
    say("start Ray")
    url = stack.enter_context(local_ray(dashboard=dashboard))
    if url:
        say(f"Ray dashboard: {url}")


def start_ray(monitor: Monitor, *, num_cpus: int) -> None:
    """Start a Ray of so many cores that ends with the command."""
    from cluster.sessions.local import local_ray

    monitor.enter_context(redirect_stdout(io.StringIO()))  # what Ray prints about lost workers
    monitor.stage("start Ray")
    monitor.enter_context(local_ray(num_cpus=num_cpus))


def prepare_machine(monitor: Monitor, extensions: Iterable[Extension | None]) -> None:
    """Compile the kernels, and index the bundled music if it is searched, here, so that no actor has to."""
    from ensemble.play.warm import compile_kernels, kernels_are_cached

    if not kernels_are_cached():
        monitor.say("compiling the synthesis kernels for this machine, once")
        compile_kernels()
    if any(one is not None and not one.retrieve.uri for one in extensions):
        from ensemble.retrieve.default_library import open_filled
        from ensemble.retrieve.settings import RetrieveSettings

        with open_filled(RetrieveSettings(), monitor.progress):
            pass
