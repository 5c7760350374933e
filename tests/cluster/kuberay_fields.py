"""Facts: the fields of KubeRay's `ray.io/v1` that our manifests use, with their types, as of release 1.6.2.

Read in the API reference of that release, one row a type. A field that is not here is refused: look it up first.
`secretName` is there from 1.6.0 on, `mode` from 1.5.1. Pod templates are Kubernetes's own type and are checked against
its schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

STRINGS = {"any": "string"}
OBJECT_META = "ObjectMeta"
POD_TEMPLATE = "PodTemplateSpec"

FIELDS: dict[str, dict[str, Any]] = {
    "RayCluster": {"apiVersion": "string", "kind": "string", "metadata": OBJECT_META, "spec": "RayClusterSpec"},
    "RayJob": {"apiVersion": "string", "kind": "string", "metadata": OBJECT_META, "spec": "RayJobSpec"},
    "RayClusterSpec": {
        "authOptions": "AuthOptions", "enableInTreeAutoscaling": "boolean", "headGroupSpec": "HeadGroupSpec",
        "rayVersion": "string", "workerGroupSpecs": ["WorkerGroupSpec"],
    },
    "AuthOptions": {"mode": {"token"}, "secretName": "string"},
    "HeadGroupSpec": {"rayStartParams": STRINGS, "template": POD_TEMPLATE},
    "WorkerGroupSpec": {
        "groupName": "string", "replicas": "integer", "minReplicas": "integer", "maxReplicas": "integer",
        "rayStartParams": STRINGS, "template": POD_TEMPLATE,
    },
    "RayJobSpec": {
        "entrypoint": "string", "submissionMode": {"K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"},
        "backoffLimit": "integer", "submitterConfig": "SubmitterConfig", "activeDeadlineSeconds": "integer",
        "shutdownAfterJobFinishes": "boolean", "ttlSecondsAfterFinished": "integer",
        "submitterPodTemplate": POD_TEMPLATE, "rayClusterSpec": "RayClusterSpec",
    },
    "RayService": {"apiVersion": "string", "kind": "string", "metadata": OBJECT_META, "spec": "RayServiceSpec"},
    "RayServiceSpec": {"serveConfigV2": "string", "rayClusterConfig": "RayClusterSpec"},
    "SubmitterConfig": {"backoffLimit": "integer"},
}  # fmt: skip
REQUIRED = {
    "RayClusterSpec": {"headGroupSpec"},
    "HeadGroupSpec": {"rayStartParams", "template"},
    "WorkerGroupSpec": {"groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"},
}
SCALARS: dict[str, type] = {"string": str, "integer": int, "boolean": bool}


def complaints(value: Any, kind: Any, where: str) -> Iterator[str]:
    """What KubeRay's API would refuse in `value`, which should be of `kind`; pod templates are passed over."""
    if kind in (OBJECT_META, POD_TEMPLATE):
        if not isinstance(value, dict):
            yield f"{where}: no {kind}"
    elif isinstance(kind, set):
        if value not in kind:
            yield f"{where}: {value!r} is none of {sorted(kind)}"
    elif isinstance(kind, list):
        for number, item in enumerate(value):
            yield from complaints(item, kind[0], f"{where}[{number}]")
    elif isinstance(kind, dict):
        for name, item in value.items():
            yield from complaints(item, kind["any"], f"{where}.{name}")
    elif kind in SCALARS:
        if type(value) is not SCALARS[kind]:
            yield f"{where}: {value!r} is no {kind}"
    else:
        yield from (f"{where}: {name} is missing" for name in REQUIRED.get(kind, set()) - value.keys())
        for name, item in value.items():
            if name in FIELDS[kind]:
                yield from complaints(item, FIELDS[kind][name], f"{where}.{name}")
            else:
                yield f"{where}: {kind} has no field {name}"
