"""Milvus beside Ray on Kubernetes: the one of the compose file, with its secret, reached by whom it should be."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.cluster.manifests import (
    CONFIGS,
    NAMES,
    ROOT,
    Document,
    cluster,
    documents,
    environment,
    of_kind,
    one,
    templates,
)


def test_both_files_bring_the_same_milvus_storage_and_policies() -> None:
    assert documents(NAMES[0])[:-1] == documents(NAMES[1])[:-1]


@pytest.mark.parametrize("name", NAMES)
def test_milvus_is_the_one_of_the_compose_file(name: str) -> None:
    compose = yaml.safe_load((ROOT / "configs" / "milvus" / "compose.yaml").read_text())
    service, template = compose["services"]["milvus"], templates(name)[0]
    container = template["spec"]["containers"][0]
    assert (container["image"], container["args"]) == (service["image"], service["command"])
    given = environment(template)
    password = given.pop("COMMON_SECURITY_DEFAULTROOTPASSWORD")
    assert password == {"secretKeyRef": {"name": "ensemble-milvus", "key": "password"}}
    assert given.items() <= service["environment"].items()
    assert service["environment"].keys() - given.keys() == {"COMMON_SECURITY_DEFAULTROOTPASSWORD"}
    etcd = one(name, "ConfigMap", "ensemble-milvus")["data"]["embedEtcd.yaml"]
    assert yaml.safe_load(etcd) == yaml.safe_load(compose["configs"]["etcd"]["content"])
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert mounted == ["/var/lib/milvus", given["ETCD_CONFIG_PATH"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_secret_is_one_that_the_readme_makes(name: str) -> None:
    made: dict[str, set[str]] = {}
    for line in (CONFIGS / "README.md").read_text().splitlines():
        if line.startswith("kubectl create secret generic "):
            made[line.split()[4]] = set(re.findall(r"--from-file=(\w+)=", line))
    text = (CONFIGS / name).read_text()
    asked = {
        (found["name"], found["key"]) for found in map(yaml.safe_load, re.findall(r"secretKeyRef: (\{.*?\})", text))
    }
    assert asked == {("ensemble-milvus", "password"), ("ensemble-milvus", "token")}
    assert all(key in made[secret] for secret, key in asked)
    assert cluster(name)["authOptions"] == {"mode": "token", "secretName": "ensemble-ray"}
    assert made["ensemble-ray"] == {"auth_token"}  # the key that KubeRay reads


def admits(policies: list[Document], to: dict[str, str], sender: dict[str, str], port: int) -> bool:
    """Kubernetes's rule: whether a pod labelled `sender` may reach a port of one labelled `to`, in one namespace."""
    chosen = [
        policy["spec"] for policy in policies if policy["spec"]["podSelector"]["matchLabels"].items() <= to.items()
    ]
    rules = [rule for spec in chosen if "Ingress" in spec["policyTypes"] for rule in spec["ingress"]]
    return not chosen or any(
        ("ports" not in rule or port in [entry["port"] for entry in rule["ports"]])
        and any("namespaceSelector" not in peer and peer["podSelector"]["matchLabels"].items() <= sender.items()
                for peer in rule["from"])
        for rule in rules
    )  # fmt: skip


def test_milvus_answers_ray_alone_and_ray_answers_itself_and_whoever_submits() -> None:
    policies = of_kind("rayjob.yaml", "NetworkPolicy")
    milvus, head, cpu, gpu, submitter = (template["metadata"]["labels"] for template in templates("rayjob.yaml"))
    stranger = {"app.kubernetes.io/part-of": "ensemble", "app.kubernetes.io/component": "web"}
    for node in (head, cpu, gpu):
        assert admits(policies, milvus, node, 19530)
        assert admits(policies, head, node, 6379)
        assert admits(policies, node, head, 40_000)
        assert not admits(policies, node, milvus, 6379)
        assert not admits(policies, node, stranger, 8265)
    assert admits(policies, head, submitter, 8265)
    assert not admits(policies, head, submitter, 6379)
    for other in (submitter, stranger, milvus):
        assert not admits(policies, milvus, other, 19530)
    assert not admits(policies, milvus, head, 9091)
    egress = one("rayjob.yaml", "NetworkPolicy", "ensemble-milvus")["spec"]
    assert (egress["egress"], egress["policyTypes"]) == ([], ["Ingress", "Egress"])


@pytest.mark.parametrize("name", NAMES)
def test_the_service_leads_to_milvus_and_nowhere_outside(name: str) -> None:
    service, deployment = one(name, "Service", "ensemble-milvus"), one(name, "Deployment", "ensemble-milvus")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["type"] == "ClusterIP"
    assert service["spec"]["selector"] == labels == deployment["spec"]["selector"]["matchLabels"]
    ports = {
        port["name"]: port["containerPort"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert [(port["port"], ports[port["targetPort"]]) for port in service["spec"]["ports"]] == [(19530, 19530)]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    data = deployment["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert one(name, "PersistentVolumeClaim", data)["spec"]["accessModes"] == ["ReadWriteOnce"]
