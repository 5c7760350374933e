"""`write_report`: an HTML page that needs no network and no server and holds all the sound of its take."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from ensemble.audio import flac
from ensemble.chart.text import write_chart
from ensemble.conduct.intro import leaders_bar_one
from ensemble.errors import OutputError
from ensemble.events import Counted, Events
from ensemble.manifest import Manifest
from ensemble.measure.cases import Array, follow_part, lead_part, notes_of, onsets_in
from ensemble.report import continuations, facts, pictures, tracks
from ensemble.takes import Take, recorded_chart

PAGE_NAME = "report.html"
MAX_PCM_BYTES = 200_000_000
"""Sound that takes more as 16-bit samples stays beside the page: FLAC makes a third of it, and a page of 90 MB."""
HERE = Path(__file__).parent


def write_report(
    folder: Path,
    manifest: Manifest,
    takes: Sequence[Take],
    *,
    aside: Path | None = None,
    events: Events | None = None,
    max_pcm_bytes: int = MAX_PCM_BYTES,
) -> Path:
    """Write `report.html` into the folder of a render, and one more into the folder of every other take.

    A page plays the mix and every stem of its take in sync, as FLAC inside the page; sound that takes more than
    `max_pcm_bytes` is played from the render's WAV files, and the browser's media clock keeps them together instead of
    to the sample. Where the leader is extended, the first page plays the best continuation, and every page lists the
    takes and their seams.

    Args:
        folder: of the render, complete but for the report.
        manifest: the receipt.
        takes: what was heard, written and predicted of each; the leader as given first.
        aside: where a page lies until it is whole, on the same file system; None: the folder.
        events: receives the stage `report`, a sound at a time.
        max_pcm_bytes: the most sound that a page holds.

    Returns:
        The first page's path.

    Raises:
        OutputError: a sound of the render is missing, or a page cannot be written.
    """
    first = takes[min(1, len(takes) - 1)]
    progress = Counted(
        events or Events(), "report", sum(len(tracks.sounds(folder, take.name, manifest)) for take in takes)
    )
    for take in (*(take for take in takes if take is not first), first):
        place = folder if take is first else folder / take.name
        up = "" if take is first else "../"
        others = {one.name: up + ("" if one is first else f"{one.name}/") + PAGE_NAME for one in takes}
        listing = {
            "takes": continuations.list_takes(manifest, tuple(takes), others) if len(takes) > 1 else [],
            "seams": continuations.seams(folder, manifest, tuple(takes), None if take is first else take.name),
            "mixes": {one.name: f"{up}{one.name}/mix.wav" for one in takes},
            "up": up,
        }
        page = place / PAGE_NAME
        try:
            with tempfile.TemporaryDirectory(prefix=".report-", dir=aside or folder) as draft:
                _write_page(Path(draft), folder, manifest, take, listing, max_pcm_bytes, progress)
                (Path(draft) / PAGE_NAME).replace(page)
        except OSError as error:
            at = str(error.filename or page)
            raise OutputError(
                at, f"cannot be written ({error.strerror})", "free some space, or render again"
            ) from error
    return page


def _write_page(
    draft: Path,
    folder: Path,
    manifest: Manifest,
    take: Take,
    listing: dict[str, Any],
    max_pcm_bytes: int,
    progress: Counted,
) -> None:
    """One take's page, in the folder `draft`."""
    listed = tracks.sounds(folder, take.name, manifest)
    wavs = [item.wav for item in listed]
    num_samples, sample_rate, pcm_bytes = flac.timeline(wavs)
    duration_s = num_samples / sample_rate
    is_inside = pcm_bytes <= max_pcm_bytes
    encoded = [draft / f"{item.name}.flac" for item in listed]
    read = flac.read_all(wavs, num_samples, onsets_in, encoded if is_inside else None, progress.count)
    envelopes, onsets_s = zip(*read, strict=True)
    beside = (quote(listing["up"] + wav.relative_to(folder).as_posix()) for wav in wavs)
    lanes = tracks.draw(listed, envelopes, take.heard, take.arrangement.parts, take.dynamics, duration_s)
    context = (
        _context(manifest, take, duration_s, is_first=not listing["up"])
        | listing
        | {
            "tracks": zip(listed, lanes, map(_inside, encoded) if is_inside else beside, strict=True),
            "followed": _followed(
                {item.name: at_s for item, at_s in zip(listed, onsets_s, strict=True)}, manifest, take
            ),
            "is_inside": is_inside,
        }
    )
    _template().stream(context).dump(str(draft / PAGE_NAME), encoding="utf-8")


def _followed(onsets_s: Mapping[str, Array], manifest: Manifest, take: Take) -> list[facts.Fact]:
    """How closely the band followed: onsets as they sound (by track), notes as they were written."""
    written = {part.name: part for part in take.arrangement.parts}
    band = [
        follow_part(onsets_s[follower.name], follower, notes_of(written.get(follower.name)))
        for follower in manifest.plan.request.band.followers
    ]
    return facts.following_facts(lead_part(onsets_s["leader"], take.heard), band)


def _context(manifest: Manifest, take: Take, duration_s: float, *, is_first: bool) -> dict[str, Any]:
    """Everything that the template needs, except the tracks and the other takes."""
    heard = take.heard
    shown = [(name, given) for name, given in sorted(manifest.takes.items()) if is_first or name == take.name]
    script = "".join((HERE / name).read_text(encoding="utf-8") for name in ("desk.js", "player.js"))
    beats = np.asarray(heard.beats_s)
    bar_starts = beats[heard.downbeats]
    chords = [facts.with_accidentals(name) for name in heard.chord_names]
    entry = facts.entry(heard)
    chart = recorded_chart(heard, manifest.plan, Path(manifest.source).stem) if chords else None
    bar_one = leaders_bar_one(heard, manifest.plan.request.band)
    changes = [index for index in range(entry, len(chords)) if index == entry or chords[index] != chords[index - 1]]
    return {
        "manifest": manifest,
        "take": take.name,
        "band": manifest.plan.request.band,
        "headline": facts.headline(manifest, heard, duration_s),
        "notices": facts.notices(manifest, heard),
        "bars": facts.bars(heard, chart, bar_one),
        "doubts": facts.doubts(heard),
        "chart": "" if chart is None else write_chart(chart),
        "links": [(facts.take_label(name), facts.links(manifest, name)) for name, _ in shown],
        "score": f"leader{Path(manifest.source).suffix}" if manifest.plan.score_sha256 else "",
        "checks": [(name, facts.checks(manifest, given)) for name, given in shown],
        "shown": shown,
        "max_click_ratio": facts.MAX_CLICK_RATIO,
        "duration_s": round(duration_s, 4),
        "bar_labels": [
            (number, _percent(at, duration_s), facts.is_doubtful_bar(heard, number))
            for number, at in enumerate(bar_starts, 1)
        ],
        "chord_labels": [
            (chords[index], _percent(beats[index], duration_s), until - index, facts.second_choice(heard, index, until))
            for index, until in pairwise([*changes, len(chords)])
        ],
        "bar_lines": pictures.bar_lines(bar_starts, duration_s),
        "beat_lines": pictures.bar_lines(np.setdiff1d(beats, bar_starts), duration_s),
        "box": f"0 0 {pictures.WIDTH} {pictures.HEIGHT}",
        "times": {
            "duration": round(duration_s, 4),
            "beats": [round(float(beat), 3) for beat in beats],
            "chords": chords,
            "entry": entry,
            "downbeats": heard.downbeats,
            "beatsPerBar": heard.beats_per_bar,
        },
        "style": (HERE / "style.css").read_text(encoding="utf-8"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }


def _percent(at_s: float, duration_s: float) -> str:
    return f"{100 * float(at_s) / duration_s:.3f}"


def _inside(path: Path) -> str:
    return "data:audio/flac;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "clock": facts.clock, "number": facts.number, "label": facts.take_label, "stage": facts.STAGES.get,
        "spoken": facts.spoken, "measured": continuations.measured,
    }  # fmt: skip
    return environment.get_template("page.html.j2")
