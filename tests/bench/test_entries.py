"""Every bench starts from a checkout by its make target, and says what it takes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.bench.checkout import ROOT

ENTRIES = {
    "fuzz": "fuzz", "chaos": "chaos", "scale": "scale", "live-bench": "live", "bench-retrieval": "retrieval",
    "bench-train": "training", "same-bytes": "same_bytes",
}  # fmt: skip


@pytest.mark.parametrize(("target", "module"), ENTRIES.items())
def test_the_make_target_starts_a_bench_that_says_what_it_takes(target: str, module: str) -> None:
    recipe = re.search(rf"^{target}: .*\n(\t.*\n)+", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    assert f"$(BIN)/python -m tests.bench.{module} " in recipe[0]
    command = [sys.executable, "-m", f"tests.bench.{module}", "--help"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert said.returncode == 0, said.stderr
    assert "usage:" in said.stdout.lower()


def test_an_error_is_one_line_and_status_1() -> None:
    command = [sys.executable, "-m", "tests.bench.chaos", "--local", "--event", "host_killed"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.splitlines() == ["ensemble: host_killed: needs several hosts; leave out --local"]
