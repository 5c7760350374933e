"""The files of configs/cluster/: every command in them exists, and no secret lies in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.command_lines import calls, complaint, shown_commands

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "cluster"
FILES = sorted(path.name for path in CONFIGS.iterdir())
YAML_FILES = [name for name in FILES if name.endswith(".yaml")]


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((CONFIGS / name).read_text()))


def shells(value: Any, key: str = "") -> list[str]:
    """Every text of a document that a shell will be given."""
    if isinstance(value, dict):
        return [text for name, item in value.items() for text in shells(item, name)]
    if isinstance(value, list):
        return [text for item in value for text in shells(item, key)]
    return [value] if key == "entrypoint" or key.endswith("_commands") else []


def commands(name: str) -> list[list[str]]:
    text = (CONFIGS / name).read_text()
    if name == "Dockerfile":
        text += "".join(
            f"\n#   {' '.join(yaml.safe_load(line[4:]))}" for line in text.splitlines() if line[:4] == "CMD "
        )
    inside = shells(documents(name)) if name in YAML_FILES else []
    return [call for shell in [shown_commands(text), *inside] for call in calls(shell)]


@pytest.mark.parametrize(("name", "at_least"), [
    ("Dockerfile", 1), ("README.md", 6), ("aws.yaml", 7), ("on-premises.yaml", 7), ("rayjob.yaml", 1),
])  # fmt: skip
def test_every_command_is_one_that_the_command_line_takes(name: str, at_least: int) -> None:
    found = commands(name)
    assert len(found) >= at_least
    assert [said for said in map(complaint, found) if said] == []


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert complaint(["ray", "start", "--head", "--dashbord-host=127.0.0.1"]).startswith("ray start: No such option")
    assert complaint(["ray", "upp", "file.yaml"]) == "ray has no command upp"
    assert complaint(["ensemble", "render", "a.wav", "--out", "b", "--adress", "auto"]).startswith(
        "ensemble render: No such"
    )
    assert complaint(["ensemble", "render", "a.wav", "--rate", "47"]).startswith("ensemble render: Invalid value")
    assert list(calls('export A="$(x | y)" B=1; cd z && ~/env/bin/ray stop || ensemble doctor  # ray up')) == [
        ["ray", "stop"], ["ensemble", "doctor"],
    ]  # fmt: skip


SECRET_NAME = r"[A-Z_]*(?:TOKEN|PASSWORD|SECRET|CREDENTIAL|_KEY)[A-Z_]*"
FROM_ELSEWHERE = r'"?(?:root:)?\$[({]|"?(?:\$HOME|~|/)[/\w.]*'
LOOKS_LIKE_ONE = (
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}", r"-----BEGIN", r"\b(?:ghp|gho|glpat|xox[abp]|sk)[-_]\w{10,}", r"\b[0-9a-f]{24,}\b",
    r"(?<![\w/.-])(?=[\w+/]*\d)(?=[\w+/]*[a-z])(?=[\w+/]*[A-Z])[\w+/]{24,}={0,2}", r"root:(?!\$|%s)\w+",
)  # fmt: skip


def secrets_in(text: str) -> list[str]:
    """What looks like a secret: known forms, long random words, and secret variables that are given in plain."""
    found = [match.group() for form in LOOKS_LIKE_ONE for match in re.finditer(form, text)]
    for name, value in re.findall(rf"\b({SECRET_NAME})=(\S+)", text):
        if not re.match(FROM_ELSEWHERE, value):
            found.append(f"{name}={value}")
    for name, value in re.findall(rf"name: ({SECRET_NAME})\W+value: (\S+)", text):
        found.append(f"{name}: {value}")
    return found


@pytest.mark.parametrize("name", FILES)
def test_no_secret_lies_in_the_files(name: str) -> None:
    assert secrets_in((CONFIGS / name).read_text().replace("0" * 17, "")) == []
    if name in YAML_FILES:
        assert all(document.get("kind") != "Secret" for document in documents(name))


@pytest.mark.parametrize("planted", [
    "export RAY_AUTH_TOKEN=hunter2", "- {name: RAY_AUTH_TOKEN, value: hunter2}", "token: 3f1d0c9b8a7e6f5d4c3b2a190817",
    "AKIAIOSFODNN7EXAMPLE", "ENSEMBLE_MILVUS_TOKEN=root:Milvus", "password: Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==",
])  # fmt: skip
def test_a_planted_secret_is_found(planted: str) -> None:
    assert secrets_in(planted)
