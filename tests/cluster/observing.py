"""A real Prometheus beside a running render, and what it is asked: `Observed`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ensemble.config import configs_dir
from tests.browser import wait_for

ROOT = Path(__file__).parents[2]
PROMETHEUS = configs_dir() / "prometheus"
DASHBOARD = configs_dir() / "grafana" / "dashboards" / "ensemble.json"
MACROS = {"$__rate_interval": "30s", "$part": ".*"}
COUNTERS = {"blocks": ("part",), "music_seconds": ("part",), "restarts": ("part", "reason"), "live_quanta": ("ready",)}
PATIENCE_S = 120.0
_OURS, _COUNTED = re.compile(r"ray_ensemble_"), re.compile(r"_(total|bucket)\b")
"""What only a render tells, and of that what is still told when it has ended."""
_THRESHOLD = re.compile(r"\s*[<>]=?\s*[0-9.]+$")


def needs_prometheus() -> None:
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("SKIPPED LOUDLY: no prometheus on this machine (apt install prometheus)")


def panel_queries() -> dict[str, str]:
    """Every expression of every panel, as Grafana would send it."""
    dashboard = json.loads(DASHBOARD.read_text())
    queries = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    }
    for macro, value in MACROS.items():
        queries = {name: expression.replace(macro, value) for name, expression in queries.items()}
    return queries


def alert_rules() -> list[dict[str, Any]]:
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def alert_queries() -> dict[str, str]:
    """What every alert compares with its threshold, without the comparison, which would hide what is well."""
    queries = {}
    for rule in alert_rules():
        assert _THRESHOLD.search(rule["expr"]), rule
        queries[rule["alert"]] = _THRESHOLD.sub("", rule["expr"]).replace("[2m]", "[30s]")
    return queries


@dataclass
class Observed:
    """What was seen of one render.

    answers: each query's first answer that holds a number. counted: every `_total` of the ensemble, when all was over.
    journal: of the players; driver: of their driver.
    """

    counted: dict[str, dict[tuple[str, ...], float]] = field(default_factory=dict)
    driver: list[dict[str, Any]] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    status: list[dict[str, Any]] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)


class Prometheus:
    """A server of its own, on the project's configuration with another scrape interval and Ray's session."""

    def __init__(self, folder: Path, session: Path) -> None:
        text = (PROMETHEUS / "prometheus.yml").read_text()
        for theirs, ours in (("/tmp/ray/", f"{session}/"), ("scrape_interval: 5s", "scrape_interval: 1s")):  # noqa: S108
            assert theirs in text
            text = text.replace(theirs, ours)
        (folder / "prometheus.yml").write_text(text)
        shutil.copy(PROMETHEUS / "alerts.yml", folder)
        command = ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        self._log = folder / "prometheus.log"
        with self._log.open("w") as log:
            self._server = subprocess.Popen(
                [*command, "--web.listen-address=127.0.0.1:0"], stdout=log, stderr=subprocess.STDOUT
            )
        self._url = f"http://127.0.0.1:{wait_for(self._port, 'Prometheus')}"

    def _port(self) -> str | None:
        """The port that it was given, once it says so."""
        found = re.search(r"Listening on.* address=127\.0\.0\.1:(\d+)", self._log.read_text())
        return None if found is None else found[1]

    def numbers(self, query: str) -> list[dict[str, Any]]:
        """The samples of an instant query that are numbers."""
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': query})}") as told:
                samples: list[dict[str, Any]] = json.load(told)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from error
        except OSError:
            return []  # it is still starting
        return [sample for sample in samples if sample["value"][1] != "NaN"]

    def counted(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Every counter, by the labels that it is told apart by."""
        return {
            name: {
                tuple(row["metric"].get(label, "") for label in labels): float(row["value"][1])
                for row in self.numbers(f"ray_ensemble_{name}_total")
            }
            for name, labels in COUNTERS.items()
        }

    def stop(self) -> None:
        self._server.terminate()
        self._server.wait(timeout=20)


@contextlib.contextmanager
def running_render(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`observed_render.py`, ended whatever happens."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RAY_metrics_report_interval_ms": "1000"}
    with (folder / "render.log").open("w") as log:
        command = [sys.executable, str(Path(__file__).with_name("observed_render.py")), str(folder)]
        render = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
        )
    with render:
        try:
            yield render
        except BaseException:
            render.kill()
            raise


def told(render: subprocess.Popen[str], word: str) -> dict[str, Any]:
    """The next thing that it says of this; Ray says things of its own between."""
    assert render.stdout
    for line in render.stdout:
        if line.startswith("{") and word in line:
            facts: dict[str, Any] = json.loads(line)
            return facts
    raise AssertionError(f"the render ended before it told of {word}")


def go_on(render: subprocess.Popen[str]) -> None:
    assert render.stdin
    render.stdin.write("\n")
    render.stdin.flush()


def observe(folder: Path) -> Observed:
    """Let a render run under a Prometheus, and ask it everything."""
    observed, queries = Observed(), panel_queries() | alert_queries()
    of_now = {name for name, asked in queries.items() if _OURS.search(asked) and not _COUNTED.search(asked)}

    def ask(prometheus: Prometheus, names: Collection[str]) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not observed.answers.keys() >= {*names}:
            for name in queries.keys() - observed.answers.keys():
                if found := prometheus.numbers(queries[name]):
                    observed.answers[name] = found
            time.sleep(0.5)

    with running_render(folder) as render:
        where = told(render, "address")
        prometheus = Prometheus(folder, Path(where["session"]))
        try:
            go_on(render)
            told(render, "playing")
            status = subprocess.Popen(
                [sys.executable, "-m", "cluster", "status", "--json", "--address", where["address"]],
                stdout=subprocess.PIPE, text=True, cwd=ROOT,
            )  # fmt: skip
            ask(prometheus, of_now)
            said, _ = status.communicate(timeout=280)
            observed.status = json.loads(said)
            go_on(render)
            told(render, "done")
            ask(prometheus, queries.keys())
            observed.counted, before = prometheus.counted(), None
            while observed.counted != before:  # the last counts are reported and scraped by then
                time.sleep(2.5)
                observed.counted, before = prometheus.counted(), observed.counted
            for path in sorted(Path(where["session"], "logs").glob("ensemble-*.log")):
                observed.journal += [json.loads(line) for line in path.read_text().splitlines()]
            go_on(render)
            assert render.wait(timeout=280) == 0
            observed.driver = [json.loads(line) for line in (folder / "driver.log").read_text().splitlines()]
            observed.trace = json.loads((folder / "trace.json").read_text())["traceEvents"]
        finally:
            prometheus.stop()
    return observed
