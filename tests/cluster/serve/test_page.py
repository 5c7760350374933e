"""The studio's page in a real browser with a fake microphone: from a recording to a band that is taken away."""

from __future__ import annotations

import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensemble.audio.files import read_clip
from ensemble.leaders import leader_path
from tests.browser import Browser, browser_open, wait_for
from tests.cluster.serve.conftest import RunningStudio

pytestmark = [pytest.mark.ray, pytest.mark.slow]

RECORDED_S = 10.0
WATCH_MARKS = """(window.marked = new Set(), new MutationObserver(() => {
  for (const lane of document.querySelectorAll(".is-stale")) window.marked.add(lane.dataset.name);
}).observe(document.querySelector("#lanes"), { subtree: true, childList: true, attributes: true }))"""
"""Notes in `window.marked` which lanes are marked as being played again."""


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def page(running_studio: RunningStudio, downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The studio as its owner opens it; the microphone hears the bundled guitar."""
    root = tmp_path_factory.mktemp("page")
    heard = read_clip(leader_path())
    with wave.open(str(root / "microphone.wav"), "wb") as file:  # of 16 bits: the browser reads no others
        file.setparams((1, 2, heard.sample_rate, 0, "NONE", ""))
        file.writeframes((heard.samples[0] * 32767).astype("<i2").tobytes())
    flags = (
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={root / 'microphone.wav'}",
    )  # fmt: skip
    with browser_open(root / "profile", *flags, downloads=downloads) as one:
        one.open(f"{running_studio.url}/#token={running_studio.key}")
        wait_for(lambda: text(one, "#songs"), "the page")
        yield one


def text(page: Browser, selector: str) -> str:
    return str(page.run(f"document.querySelector({selector!r})?.textContent ?? ''"))


def seconds(page: Browser, selector: str = "#time") -> float:
    minutes, rest = text(page, selector).split(":")
    return 60 * float(minutes) + float(rest)


def made(page: Browser, number: int) -> None:
    """Wait until a version lies there."""
    wait_for(lambda: text(page, "#versions [aria-current] b") == f"Version {number}", f"version {number}", 40)


def said(page: Browser, path: str) -> Any:
    """What the server answers this page."""
    page.run(f"(window.answer = null, fetch({path!r}).then(got => got.json()).then(got => window.answer = got), 0)")
    return wait_for(lambda: page.run("window.answer"), path)


def test_a_recording_becomes_a_band_that_is_corrected_and_taken_away(page: Browser, downloads: Path) -> None:
    page.run("(document.querySelector('#count-in').value = 0, 0)")
    page.click("#record")
    wait_for(lambda: seconds(page, "#record-time") >= RECORDED_S, "ten seconds of recording")
    page.click("#record")

    wait_for(lambda: page.run("!document.querySelector('#song').hidden") and seconds(page) > 0.5, "the band", 40)
    made(page, 1)
    song = page.run("location.hash.split('/').at(-1)")
    assert RECORDED_S <= said(page, f"/api/songs/{song}")["duration_s"] < RECORDED_S + 2

    page.click("#chart .chord:not(:disabled)")
    page.run("(document.querySelector('#chord-input').value = 'Fm', 0)")
    page.click("#chord-save")
    made(page, 2)
    assert text(page, "#chart .chord") == "Fm"
    assert "Fm" in said(page, f"/api/songs/{song}/desk")["chords"]

    page.run(WATCH_MARKS)
    page.click("[data-name=drums] .roll")
    made(page, 3)
    assert page.run("[...window.marked]") == ["drums"]
    assert said(page, f"/api/songs/{song}/versions")[-1]["changes"]["parts"] == ["drums"]

    page.click("#export")
    packed = wait_for(lambda: next(downloads.glob("*.zip"), None), "the export", 30)
    with zipfile.ZipFile(packed) as files:
        assert files.testzip() is None
        files.extractall(downloads / "taken")
    (taken,) = (downloads / "taken").iterdir()
    assert "Fm" in (taken / "song.chart").read_text(encoding="utf-8")
    stems = [read_clip(path).samples for path in sorted(taken.glob("0*.wav"))]
    assert len(stems) == page.run("document.querySelectorAll('#lanes .track').length") == 5
    left = np.array(read_clip(taken / "premaster.wav").samples)
    for stem in stems:
        left[:, : stem.shape[1]] -= stem
    assert np.abs(left).max() < 1e-6
    assert page.complaints() == []


TURNED = """(async () => {
  const context = new AudioContext({ sampleRate: 48000 }), chunkSamples = 480000, states = [];
  await context.audioWorklet.addModule("/page/mixer_worklet.js");
  const node = new AudioWorkletNode(context, "mixer", {
    numberOfInputs: 0, outputChannelCount: [2], processorOptions: { chunkSamples },
  });
  const tell = (message) => node.port.postMessage(message), later = () => new Promise((done) => setTimeout(done, 150));
  const bass = (source) => ({ name: "bass", source, channel: -1, target: [1, 1] });
  const route = (source, turn) => tell({ do: "route", tracks: [bass(source)], turn });
  const fetched = (source) => tell({ do: "chunk", source, number: 0, pcm: new Int16Array(2 * chunkSamples) });
  node.port.onmessage = ({ data }) => states.push(data);
  node.connect(context.destination);
  tell({ do: "length", total: chunkSamples });
  fetched("v1"); route("v1", 1); tell({ do: "play", at: 0, countIn: null });
  await later();
  route("v2", 2);
  await later();
  const before = states.at(-1);
  fetched("v2");
  await later();
  const after = states.at(-1);
  await context.close();
  return [before.turned, after.turned, after.position > before.position, states.some(({ isWaiting }) => isWaiting)];
})()"""


def test_another_version_is_heard_when_it_is_there_and_not_before(page: Browser) -> None:
    answer = page.tell("Runtime.evaluate", expression=TURNED, awaitPromise=True, returnByValue=True)
    assert answer["result"]["value"] == [1, 2, True, False]


def test_a_band_joins_who_plays_now_and_the_session_becomes_a_song(page: Browser) -> None:
    page.run("(location.hash = '#/jam', 0)")
    wait_for(lambda: not page.run("document.querySelector('#jam').hidden"), "the tab")
    page.run("(document.querySelector('#jam-trip').value = 40, 0)")
    page.run("(document.querySelector('#jam-trip').dispatchEvent(new Event('change')), 0)")
    page.run("(document.querySelector('#jam-begin').value = '4,0', 0)")
    page.click("#jam-start")
    wait_for(lambda: text(page, "#jam-players") or text(page, "#notices"), "the band", 40)
    if "this machine" in text(page, "#notices"):
        pytest.skip(f"SKIPPED LOUDLY: {text(page, '#notices')}")
    wait_for(lambda: page.run("document.querySelectorAll('#jam-players .is-sounding').length"), "its sound", 30)
    assert "round trip 40 ms (typed)" in text(page, "#jam-figures")
    page.click("#jam-players button")
    wait_for(
        lambda: page.run("document.querySelector('#jam-players [aria-pressed=true]')") is not None, "a muted player"
    )

    page.click("#jam-share")
    link = wait_for(lambda: page.run("document.querySelector('#jam-links input')?.value"), "a link for others")
    assert "#share=" in link
    page.click("#jam-stop")
    wait_for(lambda: "Played live" in text(page, "#live"), "the song", 60)
    assert text(page, "#live").endswith("the same bytes.")
    assert text(page, "#notices") == ""
