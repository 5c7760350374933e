"""The studio's Serve config and RayService: valid by their schemas, the same as each other, and what `build` takes."""

from __future__ import annotations

import inspect
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.cluster.kuberay_fields import complaints
from tests.cluster.manifests import CONFIGS, documents, one

SERVICE = "rayservice.yaml"


def serve_config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((CONFIGS / "studio.yaml").read_text())
    return config


@pytest.mark.filterwarnings("ignore:Using extra keyword arguments")  # Ray Serve's own, as it is imported
def test_serve_takes_the_config_and_build_its_arguments() -> None:
    from ray.serve.schema import ServeDeploySchema

    from cluster.serve.deployment import StudioArguments, build

    config = ServeDeploySchema.model_validate(serve_config())
    (application,) = config.applications
    assert application.import_path == f"{build.__module__}:{build.__name__}"
    assert len(inspect.signature(build).parameters) == 1
    arguments = StudioArguments.model_validate(application.args)
    assert not arguments.is_local
    assert build(application.args)._bound_deployment.name == "studio"
    assert config.http_options.host == "127.0.0.1"
    assert set(arguments.hosts) == {"127.0.0.1", "localhost"}
    with pytest.raises(ValueError, match="max_renderers"):
        StudioArguments.model_validate(application.args | {"max_renderers": 0})


def test_kubernetes_and_kuberay_take_every_object() -> None:
    service = documents(SERVICE)[-1]
    assert service["kind"] == "RayService"
    assert list(complaints(service, "RayService", "RayService")) == []
    groups = service["spec"]["rayClusterConfig"]
    pods = [groups["headGroupSpec"]["template"], *(one["template"] for one in groups["workerGroupSpecs"])]
    own = [document for document in documents(SERVICE) if not document["apiVersion"].startswith("ray.io/")]
    assert [document["kind"] for document in own] == ["PersistentVolumeClaim", "NetworkPolicy"]
    for checked in own + [{"apiVersion": "v1", "kind": "Pod", **template} for template in pods]:
        kubernetes_validate.validate(checked, "1.31", strict=True)


def test_the_service_runs_that_config_on_the_cluster_that_stays() -> None:
    service = documents(SERVICE)[-1]["spec"]
    assert yaml.safe_load(service["serveConfigV2"]) == serve_config()
    ours, theirs = service["rayClusterConfig"], documents("raycluster.yaml")[-1]["spec"]
    assert ours["authOptions"] == theirs["authOptions"]
    for group, other in (
        (ours["headGroupSpec"], theirs["headGroupSpec"]),
        (ours["workerGroupSpecs"][0], theirs["workerGroupSpecs"][0]),
    ):
        pod, template = group["template"]["spec"], other["template"]["spec"]
        assert {**pod, "containers": []} == {**template, "containers": []}
        without = [{**container, "env": []} for container in template["containers"]]
        assert [{**container, "env": []} for container in pod["containers"]] == without
    mounts = {
        mount["mountPath"] for mount in ours["headGroupSpec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    }
    (application,) = serve_config()["applications"]
    assert any(application["args"]["data"].startswith(f"{mount}/") for mount in mounts)
    assert one(SERVICE, "NetworkPolicy", "ensemble-ray") == one("raycluster.yaml", "NetworkPolicy", "ensemble-ray")
