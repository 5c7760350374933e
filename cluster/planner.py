"""Plans a band's placement: from requests, measured cost and the nodes of a cluster to bundles. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from agents.slots import LIGHT_CPUS, Node, PlacementPlan, SlotRequest, gpu_share
from ensemble.config import BUILT_IN_VOICES, FollowerSettings
from ensemble.errors import BandError

REALTIME = 4.0
"""An actor asks for as much of a core as it needs to play so many times faster than real time."""
COST_OF_LINE = {"naive": 1 / 600, "seeded": 1 / 180, "drums": 1 / 900}
"""Core-seconds per second of music of one line at 48 kHz; `ensemble bench` prints the network's as
`instrument_realtime_48k`, a manifest's `busy_s` the others."""
COST_OF_NETWORK = 1 / 180
_EPSILON = 1e-6


class Strategy(StrEnum):
    """How a band is spread over nodes."""

    PACK = "pack"
    """On as few nodes as hold it: the shortest ways."""
    SPREAD = "spread"
    """Over as many nodes as there are: the most cores."""


def plan_placement(
    requests: Sequence[SlotRequest],
    nodes: Sequence[Node],
    free_gpus: float,
    *,
    fingerprint: str,
    strategy: Strategy = Strategy.PACK,
    mixed_devices: bool = False,
) -> PlacementPlan:
    """Give every request its bundle; a `Planner` once the keywords are given.

    Requests for a GPU are granted in order while a device has so much left; later ones play on a CPU.

    Args:
        requests: the actors.
        nodes: of the cluster.
        free_gpus: GPUs that are free, in the whole cluster.
        fingerprint: of the machine that the render was planned on.
        strategy: how the band is spread.
        mixed_devices: whether nodes of another kind of machine may be used.

    Raises:
        BandError: no node may be used; or a request is larger than the largest, or needs a GPU and there is none.
    """
    usable = _usable(nodes, fingerprint, mixed=mixed_devices)
    if not usable:
        raise BandError("the band", "finds no node that it may use", "add one")
    bundles, on_cpu, left = [], set(), free_gpus
    devices = [[1.0] * int(node.num_gpus) for node in usable]
    for request in requests:
        share = gpu_share(request)
        _check_share(request, share, usable)
        if share and (share > left + _EPSILON or not _take(devices, share)):
            on_cpu.add(request.who)
            share = 0.0
        left -= share
        bundles.append({"CPU": cpu_share(request, usable)} | ({"GPU": share} if share else {}))
    limited = tuple(node.node_id for node in usable) if len(usable) < len(nodes) else ()
    return PlacementPlan(bundles=tuple(bundles), on_cpu=frozenset(on_cpu), strategy=strategy.name, node_ids=limited)


def _take(devices: list[list[float]], share: float) -> bool:
    """Take a share of the first device that has it free, or whole devices of one node; whether there was room."""
    wanted = max(1, round(share))
    for node in devices:
        fitting = [at for at, free in enumerate(node) if free + _EPSILON >= min(share, 1.0)][:wanted]
        if len(fitting) == wanted:
            for at in fitting:
                node[at] -= min(share, 1.0)
            return True
    return False


def cost(follower: FollowerSettings) -> float:
    """Core-seconds per second of music."""
    kind = "drums" if follower.role == "drums" else follower.voice
    line = COST_OF_LINE[kind] if kind in COST_OF_LINE and kind in (*BUILT_IN_VOICES, "drums") else COST_OF_NETWORK
    return line * max(follower.num_voices, 1)


def cpu_share(request: SlotRequest, nodes: Sequence[Node]) -> float:
    """Cores for what the parts cost: a tenth of one at least, and never more than a node has."""
    wanted = max(LIGHT_CPUS, REALTIME * sum(cost(one) for one in request.followers))
    return round(min(wanted, max(node.num_cpus for node in nodes)), 2)


def _check_share(request: SlotRequest, share: float, nodes: Sequence[Node]) -> None:
    has = max(node.num_gpus for node in nodes)
    if share and not has:
        raise BandError(request.who, f"asks for {share:g} GPU, the cluster has none", "use device: auto, or add a node")
    if share > has:
        raise BandError(
            request.who, f"asks for {share:g} GPUs, the largest node has {has:g}", f"ask for {has:g} at most (gpu:)"
        )


def _usable(nodes: Sequence[Node], fingerprint: str, *, mixed: bool) -> list[Node]:
    """The nodes of this kind of machine, or with `mixed` all that answer."""
    answering = [node for node in nodes if node.fingerprint]
    if nodes and not answering:
        hosts = ", ".join(sorted({node.host for node in nodes}))
        raise BandError("the cluster", f"no node can load this package ({hosts})", "install one release on every node")
    if mixed:
        return answering
    alike = [node for node in answering if node.fingerprint == fingerprint]
    if not alike and answering:
        hosts = ", ".join(sorted({node.host for node in answering}))
        raise BandError(
            "the cluster", f"has no node of this machine's kind ({hosts}: another CPU or other library versions)",
            "render with --mixed-devices (the bytes may then differ in the last bits)",
        )  # fmt: skip
    return alike
