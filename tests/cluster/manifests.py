"""The manifests of configs/cluster/ as documents, and the parts of them that tests ask for."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "cluster"
NAMES = ["raycluster.yaml", "rayjob.yaml"]
Document = dict[str, Any]


@cache
def documents(name: str) -> list[Document]:
    """Read once and shared: whoever changes one copies it first."""
    return list(yaml.safe_load_all((CONFIGS / name).read_text()))


def of_kind(name: str, kind: str) -> list[Document]:
    return [document for document in documents(name) if document["kind"] == kind]


def one(name: str, kind: str, called: str) -> Document:
    return next(document for document in of_kind(name, kind) if document["metadata"]["name"] == called)


def cluster(name: str) -> Document:
    ours = documents(name)[-1]["spec"]
    found: Document = ours["rayClusterSpec"] if name == "rayjob.yaml" else ours
    return found


def groups(name: str) -> list[Document]:
    return [cluster(name)["headGroupSpec"], *cluster(name)["workerGroupSpecs"]]


def templates(name: str) -> list[Document]:
    """Every pod template of a file: Milvus's, the head's, the workers', and the submitter's."""
    submitter = [documents(name)[-1]["spec"]["submitterPodTemplate"]] if name == "rayjob.yaml" else []
    return [
        one(name, "Deployment", "ensemble-milvus")["spec"]["template"],
        *(g["template"] for g in groups(name)),
        *submitter,
    ]


def environment(template: Document) -> dict[str, Any]:
    return {
        entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in template["spec"]["containers"][0]["env"]
    }
