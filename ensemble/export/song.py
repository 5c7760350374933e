"""A take of a finished render, with everything that an export tells of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ensemble.band import LocalBand
from ensemble.chart.chart import Chart
from ensemble.conduct.intro import leaders_bar_one
from ensemble.conduct.midi import BeatMap, beat_map
from ensemble.config import FollowerSettings
from ensemble.errors import OutputError, VerifyError
from ensemble.manifest import MANIFEST, Manifest
from ensemble.mix.room import ROOM
from ensemble.perform import arrange_takes
from ensemble.rendering.earlier import STEMS
from ensemble.rendering.leader import take_up
from ensemble.rendering.request import check_weights
from ensemble.takes import AS_GIVEN, LEADER, recorded_chart
from ensemble.types.music import Arrangement, Heard, Hits, Part

STEADY_WITHIN_S = 0.015
"""A leader whose beats lie so near to one tempo is given that one tempo."""


MAX_TITLE_BYTES = 120
"""What file names hold of a title; they may have 255 bytes."""


class ExportedPart(NamedTuple):
    """One follower of a take."""

    follower: FollowerSettings
    """Its settings."""
    part: Part | Hits
    """What it plays."""
    stem: Path
    """Its sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SongTake:
    """A take of a finished render."""

    title: str
    """The name of the leader's file, without its ending."""
    sample_rate: int
    """Of every sound, in Hz."""
    heard: Heard
    """What was heard of the leader."""
    chart: Chart
    """What it was played by: of the recording, without an intro."""
    bar_one: int
    """The beat on which the leader's first whole bar begins, after an intro."""
    beats: BeatMap
    """Its beats as a DAW counts them."""
    leader: Path
    """The leader's sound."""
    leader_gain_db: float
    """The leader's level in the mix."""
    mix: Path
    """The mix."""
    room: Path | None
    """The stem of the room, where there is one."""
    parts: tuple[ExportedPart, ...]
    """Every follower, in the order of the band."""

    @property
    def about(self) -> str:
        """Title, tempo and key, as file names have them."""
        title = self.title.encode()[:MAX_TITLE_BYTES].decode(errors="ignore")
        words = f"{title} - {self.heard.tempo_bpm:.4g} bpm - {self.heard.key}"
        return re.sub(r"[^\w .#-]", "_", words).strip()

    def markers(self) -> Iterator[tuple[float, str]]:
        """When each section and each chord begins, in seconds of the export, and its name."""
        grid, notes = self.beats.grid, self.chart.notes
        intro_bars = (self.bar_one - self.heard.first_downbeat) // self.heard.beats_per_bar
        for beat, chord in enumerate(grid.chords):
            at_s = float(grid.edges_s[beat]) - self.beats.start_s
            bar = int(grid.bars[beat]) - intro_bars
            if grid.positions[beat] == 0 and bar >= 0 and at_s >= 0 and notes[bar % len(notes)].section:
                yield at_s, notes[bar % len(notes)].section
            if at_s >= 0 and (grid.changes(beat) or float(grid.edges_s[beat - 1]) < self.beats.start_s):
                yield at_s, "N.C." if chord.quality == "none" else chord.spelled(grid.keys[beat])


def read_song(folder: Path, take: str = AS_GIVEN, *, from_bar_one: bool = False) -> SongTake:
    """Read a take of a finished render; its leader is listened to again, and nothing is played.

    Args:
        folder: the folder that `render` filled.
        take: the name of the take.
        from_bar_one: cut everything where bar 1 begins.

    Raises:
        VerifyError: the folder holds no render, a weight or the leader has changed, or it is heard otherwise now.
        OutputError: there is no such take.
    """
    manifest = Manifest.read(folder / MANIFEST)
    if take not in manifest.takes:
        raise OutputError(str(folder), f"has no {take}", f"choose {', '.join(sorted(manifest.takes))}")
    check_weights(manifest.plan)
    lead = take_up(folder, manifest.plan, manifest.source)
    takes = arrange_takes(LocalBand(manifest.plan), lead, manifest.plan)
    given, _ = takes[AS_GIVEN]
    if (len(given.beats_s), given.chord_names) != (manifest.heard.num_beats, manifest.heard.chords):
        raise VerifyError(str(folder), "is heard otherwise by this release", "export it with the one that rendered it")
    heard, arrangement = takes[take]
    request = manifest.plan.request
    return SongTake(
        title=Path(manifest.source).stem or "song",
        sample_rate=request.sample_rate,
        heard=heard,
        chart=recorded_chart(heard, manifest.plan, Path(manifest.source).stem),
        bar_one=leaders_bar_one(heard, request.band),
        beats=beat_map(heard, STEADY_WITHIN_S, from_bar_one=from_bar_one),
        leader=folder / LEADER if take == AS_GIVEN else folder / take / LEADER,
        leader_gain_db=request.band.mix.leader_gain_db + manifest.takes[take].leader_lift_db,
        mix=folder / take / "mix.wav",
        room=folder / take / STEMS / f"{ROOM}.wav" if request.band.mix.room is not None else None,
        parts=_parts(request.band.followers, arrangement, folder / take / STEMS),
    )


def _parts(followers: tuple[FollowerSettings, ...], arrangement: Arrangement, stems: Path) -> tuple[ExportedPart, ...]:
    return tuple(
        ExportedPart(follower, part, stems / f"{follower.name}.wav")
        for follower, part in zip(followers, arrangement.parts, strict=True)
    )
