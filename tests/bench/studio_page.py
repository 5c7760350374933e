"""How soon the studio's page sounds, in headless Chromium on a studio of its own, on this machine.

    python -m tests.bench.studio_page [--no-stems]

prints the seconds from dropping the bundled guitar to the first sound of its band, right after the start (cold) and
again (warm), and from editing a chord to hearing it; and of eight stems of five minutes how soon they start, whether
they drift apart, and what the tab holds. The stems take minutes to render; `--no-stems` leaves them out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import soundfile

from ensemble.audio.files import read_clip
from ensemble.leaders import leader_path
from tests.browser import Browser, browser_open, wait_for
from tests.cluster.serve.conftest import RunningStudio, end_studio, start_studio
from tests.cluster.serve.studios import ended

STEMS_S = 300
ADDED = (("violin", "counter"), ("viola", "pad"), ("cello", "bass"), ("flute", "counter"), ("clarinet", "counter"))
NUM_DROPS = 3
IS_HEARD = """document.querySelector('#play.is-playing')
  && !document.querySelector('#player-section:is(.is-waiting, .is-turning)')"""
SEEK = "(seek => (seek.value = %d, seek.dispatchEvent(new Event('input'))))(document.querySelector('#seek'))"
WATCH = """(window.at_ms = null, window.watching = setInterval(() => {
  if (%s) { window.at_ms = performance.now(); clearInterval(window.watching); }
}, 5), 0)"""
"""Notes in `window.at_ms` when something is true for the first time."""
NULLED = """(async () => {
  const context = new AudioContext({ sampleRate: 48000 });
  await context.audioWorklet.addModule("/page/mixer_worklet.js");
  const numSamples = 65536, seconds = %d, loudest = [];
  for (const sign of [-1, 1]) {
    const node = new AudioWorkletNode(context, "mixer", {
      numberOfInputs: 0, outputChannelCount: [2], processorOptions: { chunkSamples: numSamples },
    });
    const tell = (message) => node.port.postMessage(message), names = [1, 2, 3, 4, 5, 6, 7, 8].map(String);
    tell({ do: "length", total: (seconds + 10) * 48000 });
    const pcm = Int16Array.from({ length: 2 * numSamples }, () => 8000 * (Math.random() - 0.5));
    const first = Math.floor(seconds * 48000 / numSamples), numbers = [0, 1, 2, 3, 4, 5].map((ahead) => first + ahead);
    for (const source of names) for (const number of numbers) tell({ do: "chunk", source, number, pcm });
    const gain = (index) => (index %% 2 ? 1 : sign);
    const track = (source, index) => ({ name: source, source, channel: -1, target: [gain(index), gain(index)] });
    tell({ do: "route", tracks: names.map(track) });
    const ears = new AnalyserNode(context, { fftSize: 8192 }), heard = new Float32Array(8192);
    node.connect(ears);
    tell({ do: "play", at: seconds * 48000, countIn: null });
    let most = 0;
    for (let look = 0; look < 30; look++) {
      await new Promise((done) => setTimeout(done, 100));
      ears.getFloatTimeDomainData(heard);
      most = heard.reduce((max, value) => Math.max(max, Math.abs(value)), most);
    }
    loudest.push(most);
    node.disconnect();
  }
  await context.close();
  return loudest;
})()"""
"""The loudest sample of eight equal stems, half of them turned over, late in the song; and of eight that are not."""


def heard_ms(page: Browser, condition: str, action: Any) -> float:
    """Milliseconds from an action until something is true of the page, by the page's own clock."""
    page.run(WATCH % condition)
    begun_ms = float(page.run("performance.now()"))
    action()
    return float(wait_for(lambda: page.run("window.at_ms"), condition, 60)) - begun_ms


def drop(page: Browser, path: Path) -> float:
    """Give the page a file; the milliseconds to the first sound of the band."""
    page.run("(location.hash = '', 0)")
    wait_for(lambda: page.run("!document.querySelector('#home').hidden"), "the first page")
    root = page.tell("DOM.getDocument")["root"]["nodeId"]
    node = page.tell("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    given = lambda: page.tell("DOM.setFileInputFiles", nodeId=node, files=[str(path)])  # noqa: E731
    is_new = "!document.querySelector('#song').hidden && Number(document.querySelector('#seek').value) > 0.02"
    took_ms = heard_ms(page, f"{IS_HEARD} && {is_new}", given)
    wait_for(lambda: page.run("document.querySelector('#versions [aria-current]') !== null"), "the first version", 60)
    return took_ms


def is_idle(page: Browser) -> bool:
    """Wait until the studio has nothing to do; edits of a song are done one after the other."""
    return bool(wait_for(lambda: page.run("document.querySelector('#work').textContent === ''"), "the last job", 60))


def edit_chord(page: Browser, chord: str) -> float:
    """Change the first chord while its bars loop; the milliseconds until that is heard."""
    page.run(f"({SEEK % 0}, 0)")
    if page.run("document.querySelector('#loop').getAttribute('aria-pressed')") == "false":
        page.click("#loop")
    if not page.run("document.querySelector('#play.is-playing') !== null"):
        page.click("#play")
    page.click("#chart .chord:not(:disabled)")
    page.run(f"(document.querySelector('#chord-input').value = {chord!r}, 0)")
    first = "document.querySelector('#chart .chord:not(:disabled)').textContent"
    return heard_ms(page, f"{first} === {chord!r} && {IS_HEARD}", lambda: page.click("#chord-save"))


def song_of_eight(studio: RunningStudio, root: Path) -> str:
    """A song of five minutes with eight stems."""
    clip = read_clip(leader_path())
    times = STEMS_S * clip.sample_rate // clip.num_samples
    soundfile.write(root / "long.flac", np.tile(clip.samples, times).T, clip.sample_rate)
    with httpx2.Client(
        base_url=studio.url, headers={"authorization": f"Bearer {studio.key}"}, timeout=120, trust_env=False
    ) as client:
        song: str = client.post("/api/songs?name=long.flac", content=(root / "long.flac").read_bytes()).json()["id"]
        parts = [{"name": name, "instrument": name, "role": role, "voice": name} for name, role in ADDED]
        for verb, order in (("render", {"band": "rock"}), ("redo", {"add": parts})):
            job = client.post(f"/api/songs/{song}/{verb}", json=order).json()["id"]
            assert ended(client, job)["state"] == "done"
    return song


def memory_mb(profile: Path) -> float:
    """Private memory of the fullest tab of this browser, in MB."""
    tabs = [
        one.memory_full_info().uss / 1e6
        for one in psutil.process_iter()
        if "--type=renderer" in (words := _words(one)) and str(profile) in words
    ]
    return max(tabs, default=float("nan"))


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-stems", action="store_true", help="leave the eight stems of five minutes out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        root, profile = Path(name), Path(name) / "profile"
        studio = start_studio(root / "data")
        try:
            with browser_open(profile) as page:
                page.open(f"{studio.url}/#token={studio.key}")
                wait_for(lambda: page.run("document.querySelector('#new-band').options.length"), "the page")
                drops_ms = [drop(page, leader_path()) for _ in range(NUM_DROPS + 1)]
                print(f"drop to first sound, cold: {drops_ms[0] / 1000:.1f} s")
                print(f"drop to first sound, warm: {min(drops_ms[1:]) / 1000:.1f} to {max(drops_ms[1:]) / 1000:.1f} s")
                edits_ms = [edit_chord(page, chord) for chord in ("Fm", "Dm", "C") if is_idle(page)]
                print(f"chord edit to its sound: {min(edits_ms) / 1000:.2f} to {max(edits_ms) / 1000:.2f} s")
                print(f"chord edit right after another, to its sound: {edit_chord(page, 'Am') / 1000:.2f} s")
                if not asked.no_stems:
                    print_stems(page, studio, root, profile)
        finally:
            end_studio(studio)
    return 0


def print_stems(page: Browser, studio: RunningStudio, root: Path, profile: Path) -> None:
    """Measure how eight stems of five minutes play."""
    song = song_of_eight(studio, root)
    page.run(f"(location.hash = '#/song/{song}', 0)")
    wait_for(lambda: page.run("document.querySelectorAll('.track').length") == len(ADDED) + 5, "the lanes")
    started = f"{IS_HEARD} && Number(document.querySelector('#seek').value) > 0.02"
    print(f"eight stems start after {heard_ms(page, started, lambda: page.click('#play')) / 1000:.2f} s")
    time.sleep(20)
    print(f"the tab holds {memory_mb(profile):.0f} MB after 20 s")
    page.click("#play")
    answer = page.tell("Runtime.evaluate", expression=NULLED % (STEMS_S - 10), awaitPromise=True, returnByValue=True)
    turned, plain = answer["result"]["value"]
    print(f"eight equal stems at {STEMS_S - 10} s, half of them turned over: at most {turned:g} (else {plain:.2f})")


if __name__ == "__main__":
    sys.exit(main())
