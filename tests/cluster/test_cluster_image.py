"""The Dockerfile: what goes in, what is pinned, and whom it ends as. No image is built here."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from ensemble.play.warm import compile_kernels

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "cluster"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in (CONFIGS / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def argument(name: str) -> str:
    (value,) = (
        rest.partition("=")[2] for word, rest in instructions() if word == "ARG" and rest.startswith(f"{name}=")
    )
    return value


def last_stage() -> list[tuple[str, str]]:
    every = instructions()
    return every[max(index for index, (word, _) in enumerate(every) if word == "FROM") :]


def copied() -> list[str]:
    sources = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from=")]
    return [source.rstrip("/") for found in sources for source in found]


def reaches_the_builder(path: str) -> bool:
    """Docker's rule: the last pattern that fits a path or a folder above it decides; `!` lets it in again."""
    above = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 2)]
    is_in = True
    for pattern in (CONFIGS / "Dockerfile.dockerignore").read_text().split("\n"):
        plain = pattern.lstrip("!").removeprefix("**/")
        names = [Path(name).name for name in above] if "**/" in pattern else [name for name in above if "/" not in name]
        if plain and not plain.startswith("#") and any(fnmatchcase(name, plain) for name in names):
            is_in = pattern.startswith("!")
    return is_in


def test_the_base_is_pinned_and_every_stage_stands_on_it() -> None:
    base = dict(instructions())["ARG"] if instructions()[0][0] != "ARG" else instructions()[0][1]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-\w+", base)
    assert [rest.split()[0] for word, rest in instructions() if word == "FROM"] == ["${PYTHON_IMAGE}"] * 2


def test_only_what_the_wheel_is_made_of_is_copied_and_nothing_is_fetched() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    wanted = {*wheel["packages"], *wheel["force-include"], *PROJECT["project"]["license-files"]}
    assert set(copied()) == wanted | {PROJECT["project"]["readme"], "pyproject.toml", "constraints.txt"}
    assert all((ROOT / source).exists() for source in copied())
    assert {word for word, _ in instructions()} <= {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "CMD"}
    assert not any(re.search(r"\b(curl|wget|git clone)\b", rest) for word, rest in instructions() if word == "RUN")


def test_what_is_copied_reaches_the_builder_and_nothing_else_does() -> None:
    assert all(
        reaches_the_builder(path) for path in [*copied(), "ensemble/leaders/guitar.flac", "configs/bands/rock.yaml"]
    )
    kept_out = [".venv/bin/python", ".git/config", "tests/conftest.py", "out/take-00/mix.wav", "shared/audio/a.wav"]
    assert not any(reaches_the_builder(path) for path in [*kept_out, "ensemble/play/__pycache__/kernels.nbi", "x.pyc"])


def test_pip_installs_what_the_project_names_at_the_pinned_versions() -> None:
    lines = [
        line for word, rest in instructions() if word == "RUN" for line in rest.split(";;") if "pip install" in line
    ]
    assert len(lines) == 2
    assert all("--constraint constraints.txt" in line for line in lines)
    assert '".${EXTRAS:+[$EXTRAS]}"' in lines[1]
    assert set(argument("EXTRAS").split(",")) <= PROJECT["project"]["optional-dependencies"].keys()
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    needed = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["train"]]
    named = {re.split(r"[\[>=]", requirement)[0] for requirement in needed}
    assert {"torch", "torchaudio"} <= set(lines[0].split()) & pinned & named


def test_it_ends_as_an_ordinary_user_in_an_empty_folder_with_a_shell_free_to_start() -> None:
    ending = last_stage()
    user = [rest for word, rest in ending if word == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert any(f"useradd --uid {user.split(':')[0]} " in rest for word, rest in ending if word == "RUN")
    workdir = max(index for index, (word, _) in enumerate(ending) if word == "WORKDIR")
    assert all(word == "CMD" for word, _ in ending[workdir + 1 :])
    environment = dict(pair.split("=", 1) for word, rest in ending if word == "ENV" for pair in rest.split())
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["NUMBA_CACHE_DIR"].startswith(environment["HOME"])
    assert not any(re.search("TOKEN|PASSWORD|SECRET", rest) for word, rest in instructions() if word in ("ARG", "COPY"))


def test_the_kernels_are_compiled_by_the_user_who_will_play() -> None:
    ending = last_stage()
    warm = f"from {compile_kernels.__module__} import {compile_kernels.__name__}; {compile_kernels.__name__}()"
    compiling = [index for index, (word, rest) in enumerate(ending) if word == "RUN" and warm in rest]
    assert len(compiling) == 1
    assert "USER" in [word for word, _ in ending[: compiling[0]]]


def test_system_packages_come_without_extras_and_leave_no_lists_behind() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN" and "apt-get install" in rest]
    assert all("--no-install-recommends" in rest and "rm -rf /var/lib/apt/lists" in rest for rest in installs)
    assert all("$SYSTEM_PACKAGES" in rest for rest in installs)
    assert {"ffmpeg", "rsync", "openssh-client"} <= set(argument("SYSTEM_PACKAGES").strip('"').split())


@pytest.mark.parametrize(
    ("extras", "torch", "wheels"),
    [("train,studio", "cpu", True), ("train,studio", "cuda", False), ("", "cpu", False), ("studio", "rocm", None)],
)
def test_torch_is_fetched_only_where_it_is_wanted(extras: str, torch: str, wheels: bool | None, tmp_path: Path) -> None:
    (fetching,) = (rest for word, rest in instructions() if word == "RUN" and rest.startswith("case"))
    (tmp_path / "pip").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "pip").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-c", fetching], env={"PATH": path, "EXTRAS": extras, "TORCH": torch}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == (0 if wheels is not None else 1)
    assert ("whl/cpu" in done.stdout) == bool(wheels)
