"""Several hosts on one machine: what a host is, what is lost with it, and that no loss changes a byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ensemble.errors import BandError
from tests.bench.chaos.chaos import disturbed, write_leader
from tests.bench.chaos.hosts import MEMORY, Host, hosts, why_not
from tests.bench.chaos.row import fresh, judged
from tests.bench.chaos.scenes import WORKERS, HostScene
from tests.cluster.listening import answers_to_strangers, can_connect, listening

HOME = str(Path(__file__).parents[2])


@pytest.fixture(scope="module", autouse=True)
def _rights() -> None:
    if missing := why_not():
        pytest.skip(f"SKIPPED LOUDLY: no several hosts on this machine: {missing}")


@pytest.fixture
def pair() -> Iterator[tuple[Host, Host]]:
    with hosts("one", "other") as room:
        yield room["one"], room["other"]


def reaches(one: Host, other: Host, patience_s: int = 15) -> bool:
    """Whether a packet comes back: whoever is there refuses a port that nobody listens on."""
    done = one.run(["timeout", str(patience_s), "bash", "-c", f"exec 3<>/dev/tcp/{other.name}/9"])
    return "refused" in done.stderr


def test_hosts_have_names_networks_and_memories_of_their_own(pair: tuple[Host, Host]) -> None:
    one, other = pair
    for host in pair:
        assert host.run(["hostname"]).stdout.split() == [host.name]
        assert host.run(["ls", MEMORY]).stdout == ""
    one.run(["touch", f"{MEMORY}/mine"])
    assert other.run(["ls", MEMORY]).stdout == ""
    assert not Path(MEMORY, "mine").exists()
    assert reaches(one, other)
    assert reaches(other, one)


def test_a_cut_cable_carries_nothing_until_it_is_healed(pair: tuple[Host, Host]) -> None:
    one, other = pair
    assert reaches(one, other)
    other.cut()
    assert not reaches(one, other, patience_s=1)
    assert not reaches(other, one, patience_s=1)
    assert reaches(other, other)
    other.heal()
    assert reaches(one, other)


def test_a_frozen_host_does_nothing_and_a_killed_one_is_gone(pair: tuple[Host, Host]) -> None:
    one, other = pair
    sleeper = other.popen(["sleep", "1000"])
    _await(lambda: [process.name() for process in other.processes()] == ["sleep"])
    other.freeze()
    _await(lambda: {process.status() for process in other.processes()} == {psutil.STATUS_STOPPED})
    other.thaw()
    _await(lambda: {process.status() for process in other.processes()} == {psutil.STATUS_SLEEPING})
    other.freeze()
    other.kill()
    assert sleeper.wait(60.0) != 0
    assert not other.is_alive
    assert not other.processes()
    other.restart()
    assert reaches(one, other)


def test_nothing_is_left_when_whoever_made_hosts_is_killed() -> None:
    program = (
        "import time; from tests.bench.chaos.hosts import hosts\n"
        "with hosts('a', 'b') as room:\n"
        "    room['a'].popen(['sleep', '1000'])\n"
        "    while not room['a'].processes(): time.sleep(0.01)\n"
        "    print(*(one.pid for host in room.values() for one in [host, *host.processes()]), flush=True)\n"
        "    time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=HOME, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        pids = [int(pid) for pid in maker.stdout.readline().split()]
        assert len(pids) == 3
        assert all(psutil.pid_exists(pid) for pid in pids)
        maker.kill()
    _await(lambda: not any(psutil.pid_exists(pid) for pid in pids))


@pytest.mark.usefixtures("as_nobody")
def test_who_is_not_root_is_told_in_one_line() -> None:
    with pytest.raises(BandError, match="several hosts on this machine: need root; run as root, with"), hosts("one"):
        pass


@pytest.fixture(scope="module")
def leader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("leader") / "guitar.wav"
    write_leader(path)
    return path


@pytest.fixture(scope="module")
def scene() -> Iterator[HostScene]:
    with hosts("head", *WORKERS, "store") as room:
        yield HostScene(room, dashboard=True)


@pytest.fixture(scope="module")
def undisturbed(leader: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a render in one process: what nothing that happens to a cluster may change."""
    from ensemble.rendering.render import render

    return render(leader, tmp_path_factory.mktemp("undisturbed") / "out").model_dump(mode="json")


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("event", ["network_cut_1s", "host_killed"])
def test_what_happens_to_a_host_changes_no_byte(
    scene: HostScene, leader: Path, undisturbed: dict[str, Any], tmp_path: Path, event: str
) -> None:
    row = disturbed(scene, event, {"leader": str(leader), "out": str(tmp_path / "out")}, 0.0, undisturbed)
    assert row["hashes_equal"], row["said"]
    assert (row["blocks_replayed"] or 0) <= 1, row["said"]


@pytest.mark.slow
@pytest.mark.ray
def test_the_ports_of_a_cluster_and_what_they_tell_a_stranger(
    scene: HostScene, leader: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """A known answer: a Ray that opens more, or asks less, is noticed."""
    watched = scene.start({"leader": str(leader), "out": str(tmp_path / "out"), "holds": [100]})
    worker = scene.busiest(watched.actors())
    watched.until("play", 100)
    _await(lambda: "Ray Client" in {port.who for port in listening(scene.hosts["head"])}, 120.0)  # the last to start
    found = {}
    for host in (scene.hosts["head"], worker):
        open_ports = {port for port in listening(host) if port.bound != "loopback"}
        answers = answers_to_strangers(scene.hosts["store"], host, open_ports, scene.ray.environment)
        found[host.name] = sorted((port.who, port.bound, *answers[port]) for port in open_ports)
    watched.go_on()
    row = fresh("strangers", 0.0)
    judged(row, watched, undisturbed)
    assert row["hashes_equal"]  # whatever a stranger asks
    node = [
        ("agent", "every", "grpc", False),
        ("agent", "every", "metrics", True),
        ("agent", "host", "http", False),
        ("environments", "host", "http", False),
        ("raylet", "every", "grpc", False),
        ("raylet", "every", "grpc", False),
    ]
    head = [
        ("Ray Client", "host", "grpc", False),
        ("autoscaler", "every", "metrics", True),
        ("control plane", "every", "grpc", False),
        ("dashboard", "every", "metrics", True),
        ("dashboard", "host", "http", False),
        ("driver", "every", "grpc", False),
    ]
    assert found["head"] == sorted(node + head)
    assert set(found[worker.name]) == {*node, ("worker", "every", "grpc", False)}


@pytest.mark.ray
def test_a_ray_of_our_own_cannot_be_reached_from_another_host(pair: tuple[Host, Host]) -> None:
    one, other = pair
    program = (
        "from cluster.sessions.local import local_ray\n"
        "with local_ray(num_cpus=1, dashboard=True):\n"
        "    print('up', flush=True); input()\n"
    )
    env = os.environ | {"TMPDIR": MEMORY, "PYTHONPATH": HOME}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with one.popen([sys.executable, "-c", program], env=env, **pipes) as ray:
        assert ray.stdout is not None
        assert ray.stdout.readline() == "up\n"
        ports = listening(one)
        assert {port.who for port in ports} >= {"control plane", "raylet", "dashboard", "agent"}
        assert {port.bound for port in ports} == {"loopback"}, ports
        assert not [port for port in ports if can_connect(other, one, port.number)]
        ray.send_signal(signal.SIGKILL)


def _await(holds: Callable[[], bool], patience_s: float = 60.0) -> None:
    until = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
