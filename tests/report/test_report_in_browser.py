"""The report in a real browser: it plays, mutes and solos, and its console stays quiet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ensemble import render
from tests.browser import Browser, browser_open, wait_for


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser_open(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def page(browser: Browser, short_leader_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    out = tmp_path_factory.mktemp("report") / "out"
    render(short_leader_file, out, sample_rate=16_000)
    browser.open((out / "report.html").resolve().as_uri())
    return browser


def seconds(page: Browser) -> float:
    minutes, rest = page.run("document.getElementById('time').textContent").split(":")
    return 60 * float(minutes) + float(rest)


def levels(page: Browser) -> dict[str, float]:
    rows = page.run(
        "[...document.querySelectorAll('.track')].map(row => [row.querySelector('h3').textContent, row.dataset.level])"
    )
    return {name.strip(): float(level) for name, level in rows}


def test_play_moves_the_clock_and_pause_stops_it(page: Browser) -> None:
    page.click("#play")
    wait_for(lambda: seconds(page) > 0.5, "half a second of playing")
    page.click("#play")
    here = seconds(page)
    time.sleep(0.5)
    assert seconds(page) == here


def test_the_mix_sounds_first_and_the_stems_when_asked(page: Browser) -> None:
    assert {name for name, level in levels(page).items() if level > 0} == {"mix"}
    page.click("input[name=hear][value=stems]")
    assert {name for name, level in levels(page).items() if level > 0} == {"leader", "bass", "rhythm", "drums", "room"}


def test_a_loop_comes_back_to_its_first_bar(page: Browser) -> None:
    page.click("#loop")
    page.run("(document.getElementById('loop-to').value = 1, 0)")
    page.run("document.getElementById('loop-to').dispatchEvent(new Event('change'))")
    start, end = (float(page.run(f"document.getElementById('region').style.{side}")[:-1]) for side in ("left", "width"))
    duration = float(page.run("document.getElementById('seek').max"))
    last = (start + end) / 100 * duration
    page.click("[data-bar='1']")
    page.run("window.heard = [], 0")
    page.run("setInterval(() => heard.push(Number(document.getElementById('seek').value)), 50)")
    wait_for(lambda: page.run("heard.some((at, n) => n && at < heard[n - 1] - 0.3)"), "the loop's second time")
    assert page.run("Math.max(...heard)") < last + 0.2
    page.click("#play")
    page.click("#loop")
    assert page.run("document.getElementById('region').hidden")


def test_the_corrected_chart_can_be_saved(page: Browser) -> None:
    assert page.run("document.getElementById('chart-text').value").startswith("title: short")
    page.run("HTMLAnchorElement.prototype.click = function() { window.saved = [this.download, this.href]; }")
    page.click("#save-chart")
    name, address = page.run("saved")
    assert name == "song.chart"
    assert address.startswith("blob:")


def test_mute_and_solo(page: Browser) -> None:
    page.click("button.mute[aria-label='Mute bass']")
    assert levels(page)["bass"] == 0
    page.click("button.solo[aria-label='Solo drums']")
    assert {name for name, level in levels(page).items() if level > 0} == {"drums"}


def test_the_console_stays_quiet(page: Browser) -> None:
    assert [said for said in page.complaints() if not said.startswith("chrome:")] == []  # the browser's own pages
