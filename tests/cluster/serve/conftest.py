"""One studio on Ray Serve for all tests of a process that use one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest


class RunningStudio(NamedTuple):
    """`ensemble studio`, as its user has started it."""

    url: str
    key: str
    data: Path
    process: subprocess.Popen[str]


def start_studio(data: Path, *more: str) -> RunningStudio:
    """Start it, and wait until it has printed its address."""
    command = [sys.executable, "-m", "cluster", "studio", "--no-browser", "--address", "local", "--data", str(data)]
    with (data.parent / f"{data.name}.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", "0", *more], stdout=subprocess.PIPE, stderr=log, text=True, env=dict(os.environ)
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/#token=(\S+)\n", line)
    assert found, (line, (data.parent / f"{data.name}.log").read_text())
    return RunningStudio(found[1], found[2], data, process)


def end_studio(studio: RunningStudio) -> None:
    """End it as its user does."""
    studio.process.send_signal(signal.SIGINT)
    studio.process.communicate(timeout=280)
    assert studio.process.returncode == 130


@pytest.fixture(scope="session")
def running_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    studio = start_studio(tmp_path_factory.mktemp("served") / "data")
    yield studio
    end_studio(studio)
