"""The files for `ray up`: Ray's own schema takes them, and a shell that runs their lines gives Ray what they say."""

from __future__ import annotations

import copy
import json
import shlex
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config, with_head_node_ip
from ray.autoscaler.sdk import get_docker_host_mount_location

from tests.cluster.command_lines import start_parameters

ROOT = Path(__file__).parents[2]
NAMES = ["on-premises.yaml", "aws.yaml"]
SCHEMA = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())
HEALTH_CHECKS = {"initial_delay_ms": "0", "period_ms": "500", "timeout_ms": "1000", "failure_threshold": "3"}
HEAD_IP = "10.0.0.10"


def launcher(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "configs" / "cluster" / name).read_text())
    return document


@pytest.mark.parametrize("name", NAMES)
def test_rays_schema_and_rays_launcher_take_the_file(name: str) -> None:
    document = launcher(name)
    jsonschema.validate(document, SCHEMA)
    prepared = prepare_config(copy.deepcopy(document))
    validate_config(prepared)
    started = {kind: (settings["min_workers"], settings["max_workers"]) for kind, settings in
               prepared["available_node_types"].items() if kind != "head"}  # fmt: skip
    assert started == ({"cpu": (1, 6), "gpu": (0, 2)} if name == "aws.yaml" else {"local.cluster.node": (2, 2)})


@pytest.mark.parametrize(("name", "where", "value"), [
    ("aws.yaml", "head_node", {}), ("aws.yaml", "max_workers", "8"), ("on-premises.yaml", "file_mounts", []),
    ("aws.yaml", "docker", {"image": "x", "conainer_name": "y"}),
])  # fmt: skip
def test_the_schema_refuses_a_slip(name: str, where: str, value: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(launcher(name) | {where: value}, SCHEMA)


def test_the_cloud_has_a_head_without_gpu_and_encrypted_disks() -> None:
    kinds = launcher("aws.yaml")["available_node_types"]
    assert {kind: settings["resources"].get("GPU", 0) for kind, settings in kinds.items()} == {
        "head": 0,
        "cpu": 0,
        "gpu": 1,
    }
    for settings in kinds.values():
        assert all(disk["Ebs"]["Encrypted"] for disk in settings["node_config"]["BlockDeviceMappings"])
        assert settings["node_config"]["MetadataOptions"]["HttpTokens"] == "required"


class Given:
    """What a stand-in for `ray` was given by the last of some start commands: environment, arguments, folder."""

    def __init__(self, name: str, role: str, home: Path) -> None:
        (home / ".ensemble").mkdir()
        (home / ".ensemble" / "ray_token").write_text("ray's")
        (home / ".ensemble" / "milvus_password").write_text("milvus's\n")
        binaries = home / ("ensemble-env/bin" if name == "on-premises.yaml" else "bin")
        binaries.mkdir(parents=True)
        (binaries / "ray").write_text(
            '#!/bin/sh\nenv -0 > "$HOME/env"; pwd > "$HOME/cwd"; printf "%s\\0" "$@" > "$HOME/argv"\n'
        )
        (binaries / "ray").chmod(0o755)
        document = launcher(name)
        inside = " ".join(document.get("docker", {}).get("run_options", []))
        self.container = dict(
            word.split("=", 1) for word in shlex.split(inside) if "=" in word and word[0] != "-" and ":" not in word
        )
        environment = {"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin"} | self.container
        commands = document[f"{role}_start_ray_commands"]
        for command in with_head_node_ip(commands, HEAD_IP) if role == "worker" else commands:
            subprocess.run(["bash", "-c", command], cwd=home, env=environment, check=True)
        self.environment = dict(pair.split("=", 1) for pair in (home / "env").read_text().split("\0")[:-1])
        words = (home / "argv").read_text().split("\0")[:-1]
        self.parameters = start_parameters(words[1:]) if words[0] == "start" else {}
        self.folder = Path((home / "cwd").read_text().strip())


@pytest.mark.parametrize("role", ["head", "worker"])
@pytest.mark.parametrize("name", NAMES)
def test_ray_is_started_with_a_token_without_telemetry_and_with_the_way_to_milvus(
    name: str, role: str, tmp_path: Path
) -> None:
    given = Given(name, role, tmp_path)
    assert given.environment["RAY_AUTH_MODE"] == "token"
    token = Path(given.environment["RAY_AUTH_TOKEN_PATH"])
    assert token.name == "ray_token"
    assert str(token.parent) in [str(tmp_path / ".ensemble"), *launcher(name)["file_mounts"]]
    assert "RAY_AUTH_TOKEN" not in given.environment
    assert given.environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert given.environment["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] == "0"
    assert given.environment["ENSEMBLE_MILVUS_TOKEN"] == "root:milvus's"
    assert given.parameters["disable_usage_stats"] is True
    if name == "on-premises.yaml":
        assert list(given.folder.iterdir()) == []
    secrets = {"ray's", "milvus's", "root:milvus's"}
    assert not secrets & {str(value) for value in given.parameters.values()}


@pytest.mark.parametrize("name", NAMES)
def test_the_head_checks_health_in_seconds_and_shows_its_dashboard_to_itself_alone(name: str, tmp_path: Path) -> None:
    given = Given(name, "head", tmp_path)
    assert {key: given.environment[f"RAY_health_check_{key}"] for key in HEALTH_CHECKS} == HEALTH_CHECKS
    assert (given.parameters["head"], given.parameters["port"]) == (True, 6379)
    assert (given.parameters["dashboard_host"], given.parameters["dashboard_port"]) == ("127.0.0.1", 8265)
    assert given.parameters["autoscaling_config"].endswith("/ray_bootstrap_config.yaml")
    lent = launcher(name).get("available_node_types", {}).get("head", {}).get("resources", {}).get("CPU")
    assert (given.parameters["num_cpus"] if name == "on-premises.yaml" else lent) == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_joins_the_head_by_its_address(name: str, tmp_path: Path) -> None:
    given = Given(name, "worker", tmp_path)
    assert (given.parameters["head"], given.parameters["address"]) == (False, f"{HEAD_IP}:6379")


def test_ray_reads_every_health_check_that_is_set() -> None:
    server = Path(ray.__file__).parent / "core" / "src" / "ray" / "gcs" / "gcs_server"
    binary = server.read_bytes()
    assert all(f"health_check_{key}".encode() in binary for key in HEALTH_CHECKS)
    assert b"health_check_nothing_ms" not in binary


def test_on_premises_gets_what_the_wheel_is_made_of_and_no_more() -> None:
    mounts = {
        remote: local for remote, local in launcher("on-premises.yaml")["file_mounts"].items() if local != "~/.ensemble"
    }
    docker = (ROOT / "configs" / "cluster" / "Dockerfile").read_text()
    copied = {word.rstrip("/") for line in docker.splitlines() if line.startswith("COPY ") and "--from" not in line
              for word in line.split()[1:-1]}  # fmt: skip
    assert set(mounts.values()) == copied
    assert all(remote == f"~/ensemble-source/{local}" for remote, local in mounts.items())


@pytest.mark.parametrize("name", NAMES)
def test_only_code_is_copied_to_the_nodes(name: str) -> None:
    document = launcher(name)
    patterns = document["rsync_exclude"]
    for kept_out in ["leader.wav", "song.mp3", "song.m4a", ".venv", ".git", "__pycache__"]:
        assert any(fnmatchcase(kept_out, pattern) for pattern in patterns), kept_out
    for local in document["file_mounts"].values():
        assert local == "~/.ensemble" or ((ROOT / local).exists() and local not in (".", "shared"))
    sent = [path for mount in document["file_mounts"].values() for path in (ROOT / mount).rglob("*")]
    assert sent
    code = {path.name for path in sent if path.is_file() and "__pycache__" not in path.parts}
    assert not [file for file in code if any(fnmatchcase(file, pattern) for pattern in patterns)]


@pytest.mark.parametrize("name", NAMES)
def test_milvus_is_started_on_the_head_with_the_password_on_its_own_address(name: str, tmp_path: Path) -> None:
    document = launcher(name)
    by = document["head_setup_commands"] if name == "on-premises.yaml" else document["initialization_commands"]
    copied = (
        "~"
        if name == "on-premises.yaml"
        else f"{get_docker_host_mount_location(document['cluster_name'])}/home/ensemble"
    )
    command = next(command for command in by if "docker compose" in command).replace(
        f"{copied}/.ensemble", str(tmp_path)
    )
    (tmp_path / "milvus_password").write_text("milvus's")
    stand_ins = {
        "docker": f'env -0 > {tmp_path}/env; echo "$@" > {tmp_path}/argv',
        "hostname": 'echo "10.0.0.10 172.17.0.1 "',
    }
    for program, does in stand_ins.items():
        (tmp_path / program).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / program).chmod(0o755)
    subprocess.run(["bash", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": "/nowhere"}, check=True)
    given = dict(pair.split("=", 1) for pair in (tmp_path / "env").read_text().split("\0")[:-1])
    assert (given["ENSEMBLE_MILVUS_PASSWORD"], given["ENSEMBLE_MILVUS_BIND"]) == ("milvus's", "10.0.0.10")
    words = (tmp_path / "argv").read_text().split()
    file = Path(words[words.index("--file") + 1])
    mounts = {remote.replace("~", "/nowhere"): local for remote, local in document["file_mounts"].items()}
    shown = Path(str(file).replace(f"{copied}/", "/home/ensemble/"))
    local = next(
        ROOT / mounts[str(above)] / shown.relative_to(above) for above in shown.parents if str(above) in mounts
    )
    assert local == ROOT / "configs" / "milvus" / "compose.yaml"
    compose = yaml.safe_load(local.read_text())["services"]["milvus"]
    assert compose["ports"] == ["${ENSEMBLE_MILVUS_BIND:-127.0.0.1}:19530:19530"]
    assert compose["environment"]["COMMON_SECURITY_DEFAULTROOTPASSWORD"].startswith("${ENSEMBLE_MILVUS_PASSWORD:-")


@pytest.mark.parametrize("name", NAMES)
def test_every_node_has_the_shared_folder_before_ray_starts(name: str) -> None:
    document = launcher(name)
    if name == "on-premises.yaml":
        assert document["setup_commands"][0].startswith("mountpoint --quiet /srv/ensemble || {")
        return
    assert "--volume /srv/ensemble:/srv/ensemble" in document["docker"]["run_options"]
    mount = document["initialization_commands"][0]
    assert mount.endswith(f".efs.{document['provider']['region']}.amazonaws.com:/ /srv/ensemble")
    workers = [
        settings for kind, settings in document["available_node_types"].items() if kind != document["head_node_type"]
    ]
    assert [settings["initialization_commands"] for settings in workers] == [[mount]] * 2
