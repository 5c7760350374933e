"""Ray's TLS between two hosts: calls are answered to those with a certificate only; its HTTP ports stay plain."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.chaos.hosts import NETWORK, Host, hosts, why_not
from tests.bench.chaos.ray_hosts import PORT, RayHosts
from tests.cluster.listening import listening

ASK = """
import ray
ray.init(address="{address}", log_to_driver=False)
print(ray.get(ray.remote(lambda: ray.util.get_node_ip_address()).remote(), timeout=60))
"""


def certificates(folder: Path) -> dict[str, str]:
    """A certificate authority of our own, one certificate of it for every host, and how Ray is told of them."""
    names = ", ".join([f"IP:{NETWORK}.{number}" for number in range(1, 4)] + ["IP:127.0.0.1", "DNS:localhost"])
    (folder / "names").write_text(f"subjectAltName = {names}\n")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca",
        "req -newkey rsa:2048 -nodes -keyout ray.key -out ray.csr -subj /CN=ray",
        "x509 -req -in ray.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out ray.crt -extfile names",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(folder / "ray.crt"),
        "RAY_TLS_SERVER_KEY": str(folder / "ray.key"),
        "RAY_TLS_CA_CERT": str(folder / "ca.crt"),
    }


def shows_a_certificate(host: Host, port: int) -> bool:
    """Whether a port of the host speaks TLS."""
    shake = f"timeout 10 openssl s_client -connect {host.address}:{port} -alpn h2 < /dev/null"
    return "BEGIN CERTIFICATE" in host.run(["bash", "-c", shake]).stdout


@pytest.mark.slow
@pytest.mark.ray
def test_calls_need_a_certificate_and_http_stays_plain(tmp_path: Path) -> None:
    if missing := why_not() or ("" if shutil.which("openssl") else "need openssl"):
        pytest.skip(f"SKIPPED LOUDLY: no TLS between hosts: {missing}")
    with hosts("head", "worker", "stranger") as room:
        ray = RayHosts(room["head"], settings=certificates(tmp_path))
        ray.start_head()
        ray.join(room["worker"])
        program = [sys.executable, "-c", ASK.format(address=ray.address)]
        asked = room["head"].run(program, env=ray.environment)
        assert asked.stdout.split() == [room["worker"].address], asked.stderr
        knock = [sys.executable, str(Path(__file__).with_name("knock.py")), room["head"].address, str(PORT)]
        plain = {name: value for name, value in ray.environment.items() if "TLS" not in name}
        heard = room["stranger"].run(knock, env=plain).stdout
        assert "UNAVAILABLE" in heard
        assert "OK" not in heard  # not even with the token
        spoken = {(port.who, shows_a_certificate(room["worker"], port.number)) for port in listening(room["worker"])}
        assert ("raylet", True) in spoken
        assert ("raylet", False) not in spoken
        assert {row for row in spoken if row[0] == "environments"} == {("environments", False)}
