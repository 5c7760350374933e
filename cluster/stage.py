"""Who sits where: from the wishes of a band, their measured cost and the nodes of a cluster to bundles. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from agents.slots import LIGHT_CPUS, Node, PlacementPlan, SlotRequest, Stager
from ensemble.config import BUILT_IN_VOICES, FollowerSettings
from ensemble.errors import BandError

REALTIME = 4.0
"""A seat asks for as much of a core as it takes to play so many times faster than it sounds."""
COST_OF_LINE = {"naive": 1 / 600, "seeded": 1 / 180, "drums": 1 / 900}
"""Core-seconds per second of music of one line at 48 kHz; `ensemble bench` prints the network's as
`instrument_realtime_48k`, a manifest's `busy_s` the others."""
COST_OF_NETWORK = 1 / 180


_EPSILON = 1e-6


class Strategy(StrEnum):
    """How a band is spread."""

    PACK = "pack"
    """Together on as few nodes as hold it: the shortest ways."""
    SPREAD = "spread"
    """Over as many nodes as there are: the most cores."""


def stager(*, strategy: Strategy = Strategy.PACK, mixed_devices: bool = False, fingerprint: str) -> Stager:
    """Make the function that a band is seated by.

    Args:
        strategy: how a band is spread.
        mixed_devices: whether nodes of another kind of machine than `fingerprint` may join.
        fingerprint: of the machine that the plan was made on.
    """

    def stage(wishes: Sequence[SlotRequest], nodes: Sequence[Node], free_gpus: float) -> PlacementPlan:
        return plan_stage(wishes, _usable(nodes, fingerprint, mixed=mixed_devices), nodes, free_gpus, strategy)

    return stage


def plan_stage(
    wishes: Sequence[SlotRequest], usable: Sequence[Node], nodes: Sequence[Node], free_gpus: float, strategy: Strategy
) -> PlacementPlan:
    """Give every wish its bundle.

    Wishes for a GPU are granted in order while there is a device with so much left; who comes too late plays on a CPU.

    Args:
        wishes: who wants to sit.
        usable: the nodes that may be used.
        nodes: all of them.
        free_gpus: that nobody holds, in the whole cluster.
        strategy: how to spread.

    Raises:
        BandError: one wish is greater than the greatest node, or there is no GPU at all for one who needs it.
    """
    if not usable:
        raise BandError("the band", "finds no node that it may use", "add one")
    bundles, on_cpu, left = [], set(), free_gpus
    devices = [[1.0] * int(node.num_gpus) for node in usable]
    for wish in wishes:
        share = gpu_share(wish)
        _check_share(wish, share, usable)
        if share and (share > left + _EPSILON or not _take(devices, share)):
            on_cpu.add(wish.who)
            share = 0.0
        left -= share
        bundles.append({"CPU": cpu_share(wish, usable)} | ({"GPU": share} if share else {}))
    limited = tuple(node.node_id for node in usable) if len(usable) < len(nodes) else ()
    return PlacementPlan(bundles=tuple(bundles), on_cpu=frozenset(on_cpu), strategy=strategy.name, node_ids=limited)


def _take(devices: list[list[float]], share: float) -> bool:
    """Take a share of the first device that has it, or whole ones of one node; whether there was one."""
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


def cpu_share(wish: SlotRequest, nodes: Sequence[Node]) -> float:
    """Of a core: what the parts cost, a tenth at least, and never more than a node has."""
    wanted = max(LIGHT_CPUS, REALTIME * sum(cost(one) for one in wish.followers))
    return round(min(wanted, max(node.num_cpus for node in nodes)), 2)


def gpu_share(wish: SlotRequest) -> float:
    """The share of the most demanding part."""
    return max((one.gpu for one in wish.followers if one.device == "cuda"), default=0.0)


def _check_share(wish: SlotRequest, share: float, nodes: Sequence[Node]) -> None:
    has = max(node.num_gpus for node in nodes)
    if share and not has:
        raise BandError(wish.who, f"asks for {share:g} GPU, the cluster has none", "use device: auto, or add a node")
    if share > has:
        raise BandError(
            wish.who, f"asks for {share:g} GPUs, the largest node has {has:g}", f"ask for {has:g} at most (gpu:)"
        )


def _usable(nodes: Sequence[Node], fingerprint: str, *, mixed: bool) -> list[Node]:
    """The nodes of one kind of machine, or all that answer."""
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
