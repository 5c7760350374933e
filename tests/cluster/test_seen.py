"""Everything about an ensemble can be seen: by Prometheus, on a dashboard, in a table, in the logs."""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.watch.scraping import samples
from ensemble.config import configs_dir
from tests.cluster.observing import (
    DASHBOARD,
    PROMETHEUS,
    Observed,
    alert_queries,
    alert_rules,
    needs_prometheus,
    observe,
    panel_queries,
)

PARTS = {"bass", "rhythm", "drums"}


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    needs_prometheus()
    return observe(tmp_path_factory.mktemp("seen"))


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize("name", sorted(panel_queries() | alert_queries()))
def test_every_expression_returns_data(observed: Observed, name: str) -> None:
    assert observed.answers.get(name), (panel_queries() | alert_queries())[name]


@pytest.mark.slow
@pytest.mark.ray
def test_the_figures_are_those_of_the_render(observed: Observed) -> None:
    answers = {name: found[0] for name, found in observed.answers.items()}
    assert 0.05 < float(answers["Recall proxy A"]["value"][1]) <= 1.0
    assert 0.0 < float(answers["Score of chosen continuations A"]["value"][1]) <= 1.0
    assert observed.counted["live_quanta"] == {("in_time",): 2.0, ("late",): 1.0}
    (left,) = observed.answers["Horizon left B"]
    assert float(left["value"][1]) == pytest.approx(-0.1)
    (rested,) = observed.answers["From the leader's stop to the band's rest A"]
    assert float(rested["value"][1]) == pytest.approx(0.8)
    seats = {sample["metric"]["seat"] for sample in observed.answers["Memory of the players A"]}
    assert seats <= PARTS | {"conductor", "retrieval"}
    assert all(2e7 < float(sample["value"][1]) < 4e9 for sample in observed.answers["Memory of the players A"])


@pytest.mark.slow
@pytest.mark.ray
def test_what_is_counted_adds_up_although_a_player_was_killed(observed: Observed) -> None:
    answered = [line for line in observed.driver if line["event"] == "answered" and line["block"] is not None]
    for part in (*PARTS, "conductor"):
        blocks = [line for line in answered if line["part"] == part]
        assert observed.counted["blocks"][part,] == len(blocks) > 10
        # 7 s as given and 10 s with what follows, 1 s of ringing after each; what they share is played once
        fork_s = min(line["block"] for line in blocks if line["take"] == "take-00") / 100
        assert observed.counted["music_seconds"][part,] == pytest.approx(8.0 + 11.0 - fork_s, abs=0.05)
    restarts = {key: count for key, count in observed.counted["restarts"].items() if count}
    assert restarts == {("bass", "process"): 1.0}


@pytest.mark.slow
@pytest.mark.ray
def test_the_trace_shows_every_answer_and_names_rays_rows_after_the_players(observed: Observed) -> None:
    rows = {(one["pid"], one["tid"]): one["args"]["name"] for one in observed.trace if one["name"] == "thread_name"}
    assert PARTS | {"conductor", "retrieval", "asked"} < set(rows.values())
    render = next(line["render"] for line in observed.driver if line["render"])
    assert {f"{part}-{render}" for part in (*PARTS, "conductor", "retrieval")} < set(rows.values())
    work = [one for one in observed.trace if one.get("cat") == "work"]
    assert len(work) == sum(line["event"] == "answered" for line in observed.driver)
    assert all(one["args"]["take"] for one in work if one["args"]["block"] is not None)
    assert [rows[one["pid"], one["tid"]] for one in observed.trace if one["name"] == "restarted"] == ["bass"]
    asked = {one["id"]: one for one in observed.trace if one["ph"] == "b"}
    for end in (one for one in observed.trace if one["ph"] == "e"):
        assert end["ts"] >= asked[end["id"]]["ts"]
    plays = [one for one in observed.trace if one.get("cat") == "task::InstrumentAgent.play"]
    told = {rows[one["pid"], one["tid"]].partition(".")[0] for one in plays}
    everyone = {f"{part}-{render}" for part in PARTS}
    assert everyone - {f"bass-{render}"} <= told <= everyone  # what the killed one had not reported went with it


@pytest.mark.slow
@pytest.mark.ray
def test_status_tells_who_sits_where_and_who_was_replaced(observed: Observed) -> None:
    rows = {row["name"]: row for row in observed.status}
    assert rows.keys() == PARTS | {"conductor", "retrieval"}
    assert {name: row["restarts"] for name, row in rows.items()} == dict.fromkeys(rows, 0) | {"bass": 1}
    assert len({row["render"] for row in rows.values()}) == 1
    for part in ("rhythm", "drums"):
        row = rows[part]
        assert row["state"] == "ALIVE"
        assert row["blocks"] >= 2
        assert row["realtime_factor"] > 0
        assert 0 < row["block_p50_ms"] <= row["block_p99_ms"]
        assert row["resident_mb"] > 20
    assert "voice" in rows["rhythm"]["role"]


@pytest.mark.slow
@pytest.mark.ray
def test_every_line_of_the_logs_says_where_in_the_music(observed: Observed) -> None:
    assert len(observed.journal) > 20
    for line in observed.journal:
        assert {"time", "level", "event", "pid", "render", "take", "part", "block"} <= line.keys()
    assert len({line["render"] for line in observed.journal}) == 1
    blocks: dict[tuple[str, str], set[int]] = defaultdict(set)
    for line in observed.journal:
        if line["event"] == "block":
            blocks[line["take"], line["part"]].add(line["block"])
    assert {take for take, _ in blocks} == {"take-00+take-01", "take-00", "take-01"}
    for take in ("take-00+take-01", "take-00", "take-01"):
        assert blocks[take, "drums"] == blocks[take, "rhythm"] == blocks[take, "conductor"]
    assert min(blocks["take-00+take-01", "drums"]) == 0
    assert min(blocks["take-01", "drums"]) == min(blocks["take-00", "drums"])  # where they part
    pids = {line["pid"] for line in observed.journal if line["part"] == "bass"}
    assert len(pids) == 2  # it was killed once


def test_the_configuration_of_prometheus_is_valid() -> None:
    needs_prometheus()
    checked = subprocess.run(
        ["promtool", "check", "config", PROMETHEUS / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(alert_rules())} rules found" in checked.stdout


def test_alerts_fire_on_what_they_are_for_and_on_nothing_else(tmp_path: Path) -> None:
    needs_prometheus()
    cases = Path(__file__).with_name("alert_cases.yml").read_text()
    (tmp_path / "cases.yml").write_text(cases.replace("RULES", str(PROMETHEUS / "alerts.yml")))
    tried = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "cases.yml"], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert all(f'alertname="{rule["alert"]}"' in cases for rule in alert_rules())


def test_every_alert_says_what_to_do() -> None:
    for rule in alert_rules():
        summary = rule["annotations"]["summary"]
        assert "$labels" in summary or "$value" in summary
        assert re.search(r"[.;] [A-Z]?[a-z]+ .*", summary), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_the_dashboard_has_a_row_for_every_stage_and_units_and_legends() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels: list[dict[str, Any]] = dashboard["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Play",
        "Conduct",
        "Retrieve",
        "Cluster",
        "Live",
    ]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["description"]
            assert all(target["legendFormat"] for target in panel["targets"])
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_grafana_is_told_of_the_dashboard_and_its_source() -> None:
    provisioning = configs_dir() / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "ensemble.yaml").read_text())["providers"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert provider["type"] == "file"
    scrape = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape


def test_a_page_of_metrics_is_read_by_name_and_label() -> None:
    page = '# TYPE m gauge\nm{part="bass",WorkerId="01000000ffff"} 2.0\nm_more{part="bass"} 7.0\nother 3.0\n'
    assert samples(page, "m") == [({"part": "bass", "WorkerId": "01000000ffff"}, 2.0)]
    assert samples("", "m") == []
