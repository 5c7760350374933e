"""Which actor runs where: nodes with logical GPUs, eight instruments, a lost node, a group that cannot be placed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.slots import Node, SlotRequest
from cluster.planner import Strategy, cost, plan_placement
from ensemble.config import FollowerSettings
from ensemble.errors import BandError


def line(name: str, *, device: str = "cpu", gpu: float = 0.25, voice: str = "violin") -> FollowerSettings:
    return FollowerSettings.model_validate(
        {"name": name, "instrument": "violin", "role": "counter", "voice": voice, "device": device, "gpu": gpu}
    )


def requests(count: int, **asked: object) -> list[SlotRequest]:
    return [
        SlotRequest(who="conductor"),
        *(SlotRequest(who=f"v{number}", followers=(line(f"v{number}", **asked),)) for number in range(count)),  # type: ignore[arg-type]
    ]


def nodes(*gpus: float, kinds: str = "") -> list[Node]:
    return [
        Node(node_id=f"n{at}", host=f"h{at}", num_cpus=4.0, num_gpus=amount, fingerprint=(kinds or "a" * len(gpus))[at])
        for at, amount in enumerate(gpus)
    ]


def test_eight_voices_share_two_gpus_on_three_nodes() -> None:
    there = nodes(0, 1, 1)
    plan = plan_placement(requests(8, device="cuda"), there, 2.0, fingerprint="a", strategy=Strategy.SPREAD)
    assert [bundle.get("GPU") for bundle in plan.bundles] == [None] + [0.25] * 8
    assert (plan.strategy, plan.on_cpu, plan.node_ids) == ("SPREAD", frozenset(), ())


def test_with_one_of_them_lost_four_play_on_cpus() -> None:
    there = nodes(0, 1)
    plan = plan_placement(requests(8, device="cuda"), there, 1.0, fingerprint="a")
    assert plan.on_cpu == {"v4", "v5", "v6", "v7"}
    assert sum(bundle.get("GPU", 0.0) for bundle in plan.bundles) == 1.0


def test_what_others_hold_is_not_given_twice() -> None:
    there = nodes(1)
    assert plan_placement(requests(4, device="cuda"), there, 0.5, fingerprint="a").on_cpu == {"v2", "v3"}


def test_a_share_is_of_one_device() -> None:
    """Three times 0.6 is less than two devices have, and does not fit into them."""
    there = nodes(2)
    assert plan_placement(requests(3, device="cuda", gpu=0.6), there, 2.0, fingerprint="a").on_cpu == {"v2"}


@pytest.mark.parametrize(
    ("gpus", "share", "said"),
    [
        ((0, 0), 0.25, r"v0: asks for 0.25 GPU, the cluster has none; use device: auto"),
        ((1, 1, 1), 2.0, r"v0: asks for 2 GPUs, the largest node has 1; ask for 1 at most"),
    ],
)
def test_what_no_node_has_is_said_at_once(gpus: tuple[float, ...], share: float, said: str) -> None:
    there = nodes(*gpus)
    with pytest.raises(BandError, match=said):
        plan_placement(requests(1, device="cuda", gpu=share), there, sum(gpus), fingerprint="a")


def test_another_kind_of_machine_stays_out_unless_it_is_asked_in() -> None:
    there = nodes(0, 0, 0, kinds="aba")
    assert plan_placement(requests(2), there, 0.0, fingerprint="a").node_ids == ("n0", "n2")
    assert plan_placement(requests(2), there, 0.0, fingerprint="a", mixed_devices=True).node_ids == ()
    with pytest.raises(BandError, match=r"no node of this machine's kind \(h0, h1, h2: .*--mixed-devices"):
        plan_placement(requests(2), there, 0.0, fingerprint="c")


def test_a_node_without_the_package_is_left_out_and_named_when_it_is_the_only_one() -> None:
    there = [*nodes(0), Node(node_id="x", host="bare", num_cpus=64.0, num_gpus=8.0, fingerprint="")]
    assert plan_placement(requests(1), there, 8.0, fingerprint="a", mixed_devices=True).node_ids == ("n0",)
    with pytest.raises(BandError, match=r"no node can load this package \(bare\)"):
        plan_placement(requests(1), there[1:], 0.0, fingerprint="a")


def test_a_seat_asks_for_what_its_parts_cost() -> None:
    pad = FollowerSettings(name="pad", instrument="nylon_guitar", role="pad", voices=6, voice="nylon_guitar")
    assert cost(pad) == pytest.approx(6 * cost(line("one")))
    there = nodes(0)
    light, heavy = plan_placement(
        [SlotRequest(who="one", followers=(line("one"),)), SlotRequest(who="all", followers=(pad,) * 20)],
        there,
        0,
        fingerprint="a",
    ).bundles
    assert light["CPU"] == 0.1
    assert heavy["CPU"] == pytest.approx(20 * 6 * 4 / 180, abs=0.01)


@given(st.integers(1, 32), st.lists(st.sampled_from([0, 1, 2, 4]), min_size=1, max_size=6), st.floats(0.05, 1.0))
def test_no_stage_promises_what_is_not_there(count: int, gpus: list[int], share: float) -> None:
    there = nodes(*gpus)
    try:
        plan = plan_placement(requests(count, device="cuda", gpu=share), there, float(sum(gpus)), fingerprint="a")
    except BandError:
        assert not sum(gpus)
        return
    assert len(plan.bundles) == count + 1
    assert sum(bundle.get("GPU", 0.0) for bundle in plan.bundles) <= sum(gpus) + 1e-6
    assert all(0 < bundle["CPU"] <= 4.0 for bundle in plan.bundles)
    placed = {request.who for request, bundle in zip(requests(count), plan.bundles, strict=True) if "GPU" in bundle}
    assert placed | plan.on_cpu | {"conductor"} == {"conductor", *(f"v{at}" for at in range(count))}
