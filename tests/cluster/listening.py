"""What listens on a host: who, on which addresses, and whether it answers somebody without the token."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.chaos.hosts import Host

KNOCK = [sys.executable, str(Path(__file__).with_name("knock.py"))]
ROLES = (
    ("gcs/gcs_server", "control plane"),
    ("raylet/raylet", "raylet"),
    ("dashboard/dashboard.py", "dashboard"),
    ("autoscaler/_private/monitor.py", "autoscaler"),
    ("ray.util.client.server", "Ray Client"),
    ("ray::DashboardAgent", "agent"),
    ("ray::RuntimeEnvAgent", "environments"),
    ("ray::", "worker"),
)
PUBLIC = {"/metrics", "/grpc.health.v1.Health/Check"}
"""What may be asked without a token: figures, and whether somebody is there."""


class Port(NamedTuple):
    """who: the process's role. bound: `loopback`, `host` (its address) or `every` address."""

    who: str
    bound: str
    number: int


def listening(host: Host) -> set[Port]:
    """Every TCP port that something on a host listens on."""
    commands = {}
    for process in host.processes():
        inside = Path(f"/proc/{process.pid}/status").read_text().partition("NSpid:")[2].splitlines()[0].split()[-1]
        commands[int(inside)] = " ".join(process.cmdline())
    rows = host.run(["ss", "--listening", "--tcp", "--numeric", "--processes", "--no-header"]).stdout.splitlines()
    found = set()
    for row in rows:
        address, _, number = row.split()[3].rpartition(":")
        owner = re.search(r"pid=(\d+)", row)
        command = commands[int(owner[1])] if owner else ""
        who = next((role for part, role in ROLES if part in command), "driver")
        found.add(Port(who, _bound(address.strip("[]").removeprefix("::ffff:"), host), int(number)))
    return found


def _bound(address: str, host: Host) -> str:
    if address.startswith("127.") or address == "::1":
        return "loopback"
    return "host" if address == host.address else "every"


def answers_to_strangers(
    stranger: Host, host: Host, ports: set[Port], environment: Mapping[str, str]
) -> dict[Port, tuple[str, bool]]:
    """What each port speaks, and whether more than what is public can be had there without the token.

    Everything that is asked is answered to somebody who has it: no refusal is for another reason.
    """
    by_number = {str(port.number): port for port in ports}
    done = stranger.run([*KNOCK, host.address, *by_number], env=environment)
    assert done.returncode == 0, done.stderr
    found = {}
    for number, heard in json.loads(done.stdout).items():
        without, given = heard["without"], heard["with"]
        assert given, f"{by_number[number]} answers nothing that we ask, even with the token"
        if without.get("/metrics") == "200":
            found[by_number[number]] = ("metrics", True)
            continue
        private = {place: answer for place, answer in without.items() if place not in PUBLIC}
        assert private, f"{by_number[number]}: {heard}"
        refused = {"401", "UNAUTHENTICATED"}
        assert not refused & set(given.values()), f"{by_number[number]} refuses the token: {given}"
        found[by_number[number]] = (heard["speaks"], not set(private.values()) <= refused)
    return found


def can_connect(stranger: Host, host: Host, number: int) -> bool:
    """Whether a connection is taken."""
    knock = ["timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{host.address}/{number}"]
    return stranger.run(knock).returncode == 0
