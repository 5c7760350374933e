"""The wheel in an environment of its own, in a folder whose `agents/` and `cluster/` are somebody else's."""

from __future__ import annotations

import ast
import os
import site
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds only the wheel, and borrows the dependencies of this one."""
    home = tmp_path_factory.mktemp("second")
    venv.create(home, with_pip=False)
    packages = next(home.glob("lib/python3*/site-packages"))
    borrowed = [path for path in site.getsitepackages() if "site-packages" in path]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    return home / "bin" / "python"


def test_the_wheel_carries_the_bands_the_leader_and_no_fourth_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"ensemble", "agents", "cluster"}
    assert {
        "ensemble/configs/bands/rock.yaml", "ensemble/configs/styles/rock.yaml",
        "ensemble/leaders/guitar.flac", "ensemble/report/page.html.j2",
    } <= set(names)  # fmt: skip


def test_nothing_of_the_tests_is_in_the_wheel_or_imported_by_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        sources = {name: archive.read(name).decode() for name in names if name.endswith(".py")}
    assert not [name for name in names if "tests" in Path(name).parts or Path(name).name.startswith("test_")]
    assert len(sources) > 100
    imported = {(name, module.split(".")[0]) for name, text in sources.items() for module in modules(text)}
    assert not [name for name, package in imported if package in ("tests", "conftest")]


def modules(source: str) -> Iterator[str]:
    """Every module that a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.slow
@pytest.mark.ray
def test_the_wheel_renders_from_a_folder_full_of_namesakes(
    python: Path, short_leader_file: Path, tmp_path: Path
) -> None:
    for name in ("agents", "cluster", "ensemble"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package')\n")
    command = [str(python), "-P", "-c", "from cluster.main import main; main()", "render", str(short_leader_file)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*command, "--out", "out", "--rate", "16000"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_an_intruder_on_the_path_is_named(python: Path, tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("")
    question = (
        "import sys, ensemble, cluster; import agents.node_check as presence; sys.path.insert(0, sys.argv[1]);"
        "del sys.modules['agents'];"
        "presence.check_packages()"
    )
    done = subprocess.run(
        [str(python), "-P", "-c", question, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"package 'agents': was loaded from {tmp_path / 'agents'}" in done.stderr.splitlines()[-1]
