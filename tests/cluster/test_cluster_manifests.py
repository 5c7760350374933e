"""The files for Kubernetes: its own schema and KubeRay's fields take them, and their pods are what Ray needs."""

from __future__ import annotations

import copy
import re
from itertools import pairwise
from pathlib import Path

import kubernetes_validate
import pytest
import ray

from tests.cluster.command_lines import options, start_parameters
from tests.cluster.kuberay_fields import complaints
from tests.cluster.manifests import CONFIGS, NAMES, ROOT, cluster, documents, environment, groups, one, templates

KUBERNETES = ["1.31", "1.37"]
DASHBOARD_HOSTS = {"raycluster.yaml": "127.0.0.1", "rayjob.yaml": "0.0.0.0"}  # noqa: S104  a job comes in by it


def mebibytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([MG]i)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_takes_every_object_and_every_pod(name: str, version: str) -> None:
    own = [document for document in documents(name) if not document["apiVersion"].startswith("ray.io/")]
    assert [document["kind"] for document in own] == [
        "PersistentVolumeClaim", "PersistentVolumeClaim", "ConfigMap", "Deployment", "Service",
        "NetworkPolicy", "NetworkPolicy",
    ]  # fmt: skip
    pods = [{"apiVersion": "v1", "kind": "Pod", **template} for template in templates(name)]
    for checked in own + pods:
        kubernetes_validate.validate(checked, version, strict=True)


def test_kubernetes_schema_refuses_a_slip() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(templates("rayjob.yaml")[1])}
    pod["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.utils.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(pod, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_kuberay_knows_every_field(name: str) -> None:
    ours = documents(name)[-1]
    assert (ours["apiVersion"], ours["kind"].lower() + ".yaml") == ("ray.io/v1", name)
    assert list(complaints(ours, ours["kind"], ours["kind"])) == []


@pytest.mark.parametrize(("path", "value", "said"), [
    (["shutDownAfterJobFinishes"], True, "RayJob.spec: RayJobSpec has no field shutDownAfterJobFinishes"),
    (["rayClusterSpec", "authOptions", "mode"], "tokens", "authOptions.mode: 'tokens' is none of ['token']"),
    (["rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus"], 0, "num-cpus: 0 is no string"),
    (["backoffLimit"], True, "RayJob.spec.backoffLimit: True is no integer"),
])  # fmt: skip
def test_an_unknown_field_and_a_wrong_type_are_refused(path: list[str], value: object, said: str) -> None:
    document = copy.deepcopy(documents("rayjob.yaml")[-1])
    place = document["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    found = list(complaints(document, "RayJob", "RayJob"))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("name", NAMES)
def test_ray_start_takes_its_parameters(name: str) -> None:
    for group in groups(name):
        params = group["rayStartParams"]
        assert params.keys() <= options("start")
        start_parameters([f"--{key}" if value == "true" else f"--{key}={value}" for key, value in params.items()])
    assert cluster(name)["rayVersion"] == ray.__version__
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert f"ray=={cluster(name)['rayVersion']}" in pinned


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_is_nobody_special(name: str) -> None:
    docker = (CONFIGS / "Dockerfile").read_text()
    assert len(templates(name)) == {"raycluster.yaml": 4, "rayjob.yaml": 5}[name]
    for template in templates(name):
        pod, container = template["spec"], template["spec"]["containers"][0]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        if "ensemble" in container["image"]:
            assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" in docker


@pytest.mark.parametrize("name", NAMES)
def test_ray_pods_have_a_token_no_telemetry_shared_memory_and_the_shared_folder(name: str) -> None:
    for group in groups(name):
        template = group["template"]
        given, pod = environment(template), template["spec"]
        assert (given["RAY_AUTH_MODE"], given["RAY_USAGE_STATS_ENABLED"]) == ("token", "0")
        assert given["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] == "0"
        assert given["ENSEMBLE_MILVUS_TOKEN"] == {"secretKeyRef": {"name": "ensemble-milvus", "key": "token"}}
        mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        memory = volumes[mounts["/dev/shm"]]["emptyDir"]  # noqa: S108  where Ray keeps its objects
        room = mebibytes(memory["sizeLimit"])
        assert memory["medium"] == "Memory"
        assert int(group["rayStartParams"]["object-store-memory"]) < room * 2**20
        assert 2 * room <= mebibytes(pod["containers"][0]["resources"]["limits"]["memory"])
        claim = volumes[mounts["/srv/ensemble"]]["persistentVolumeClaim"]["claimName"]
        assert one(name, "PersistentVolumeClaim", claim)["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize("name", NAMES)
def test_the_head_checks_health_in_seconds_and_plays_nothing(name: str) -> None:
    head = cluster(name)["headGroupSpec"]
    checks = {key.removeprefix("RAY_health_check_"): value for key, value in environment(head["template"]).items()
              if key.startswith("RAY_health_check_")}  # fmt: skip
    assert checks == {"initial_delay_ms": "0", "period_ms": "500", "timeout_ms": "1000", "failure_threshold": "3"}
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert head["rayStartParams"]["dashboard-host"] == DASHBOARD_HOSTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_pod_is_ready_when_its_agent_says_so(name: str) -> None:
    for group in groups(name):
        container = group["template"]["spec"]["containers"][0]
        port = int(group["rayStartParams"]["dashboard-agent-listen-port"])
        for probe in (container["readinessProbe"], container["livenessProbe"]):
            assert probe["httpGet"] == {"path": "/api/healthz", "port": port}
        patience_s = (
            container["livenessProbe"].get("periodSeconds", 10) * container["livenessProbe"]["failureThreshold"]
        )
        assert patience_s >= 60  # Ray's own checks come first
    from ray.dashboard import http_server_agent

    assert '"/api/healthz"' in Path(http_server_agent.__file__).read_text()  # asked without a token


@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_worker_holds_a_whole_gpu_and_a_core_for_each_quarter_of_it(name: str) -> None:
    cpu, gpu = cluster(name)["workerGroupSpecs"]
    assert [group["groupName"] for group in (cpu, gpu)] == ["cpu", "gpu"]
    limits = gpu["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == gpu["rayStartParams"]["num-gpus"] == "1"
    assert int(gpu["rayStartParams"]["num-cpus"]) == int(limits["cpu"]) >= int(limits["nvidia.com/gpu"]) / 0.25
    assert gpu["template"]["spec"]["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert gpu["template"]["spec"]["containers"][0]["image"].endswith("-cuda")
    assert "nvidia.com/gpu" not in cpu["template"]["spec"]["containers"][0]["resources"]["limits"]


def test_the_job_renders_in_the_shared_folder_asks_milvus_and_ends() -> None:
    spec = documents("rayjob.yaml")[-1]["spec"]
    words = spec["entrypoint"].split()
    given = dict(pairwise(words))
    assert words[:2] == ["ensemble", "render"]
    assert words[2].startswith("/srv/ensemble/")
    assert given["--out"].startswith("/srv/ensemble/")
    assert given["--address"] == "auto"
    service = one("rayjob.yaml", "Service", "ensemble-milvus")
    assert given["--index"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["activeDeadlineSeconds"] > 0
    assert spec["backoffLimit"] == 0
    assert spec["submitterPodTemplate"]["spec"]["restartPolicy"] == "Never"
