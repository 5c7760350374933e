"""Two bars of a song as another band or another style would play them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cluster.serve.desk import DeskBar, HeardDesk
from cluster.serve.models import PreviewOrder
from cluster.serve.places import MIX
from ensemble.audio.files import write_clip
from ensemble.audio.recording import opened
from ensemble.chart.chart import HOLD
from ensemble.chart.text import parse_chart
from ensemble.events import Events
from ensemble.listen.overrides import Overrides
from ensemble.rendering.levers import Levers
from ensemble.rendering.render import render
from ensemble.takes import AS_GIVEN, LEADER
from ensemble.types.clip import AudioClip

NUM_BARS = 2


def play_preview(folder: Path, heard: HeardDesk, asked: PreviewOrder, out: Path, events: Events) -> None:
    """Render the leader of two bars with the chords that stand there.

    Args:
        folder: of the song's render.
        heard: what was heard for it.
        asked: the band, the style and the bar.
        out: the mix is written here (WAV).
        events: called while it is rendered.

    Raises:
        OutputError: the disk is full.
    """
    bars = _two_bars(heard, asked.bar)
    with tempfile.TemporaryDirectory(prefix="preview-", dir=out.parent) as name:
        leader, played = Path(name) / LEADER, Path(name) / "render"
        with opened(folder / LEADER) as recording:
            start, stop = (round(at_s * recording.sample_rate) for at_s in (bars[0].start_s, bars[-1].stop_s))
            clip = AudioClip(samples=recording.span(start, stop), sample_rate=recording.sample_rate)
        write_clip(leader, clip)
        render(
            leader, played, band=asked.band, levers=Levers(style=asked.style), sample_rate=clip.sample_rate,
            overrides=Overrides(chart=_chart(heard, bars)), remembers=False, report=False, events=events,
        )  # fmt: skip
        (played / AS_GIVEN / f"{MIX}.wav").replace(out)


def _two_bars(heard: HeardDesk, number: int) -> Sequence[DeskBar]:
    """Two whole bars, or as many as there are, from the one of this number on, or the last ones before the end."""
    whole = [bar for bar in heard.bars if bar.chart_bar is not None] or heard.bars
    first = next((at for at, bar in enumerate(whole) if bar.number >= number), len(whole))
    first = max(0, min(first, len(whole) - NUM_BARS))
    return whole[first : first + NUM_BARS]


def _chart(heard: HeardDesk, bars: Sequence[DeskBar]) -> str:
    """What the bars are played by: they begin at once, at the tempo of the song."""
    written = []
    for bar in bars:
        beats = [symbol for chord in bar.chords for symbol in (chord.name, *[HOLD] * (chord.num_beats - 1))]
        held = [HOLD] * (heard.beats_per_bar - len(beats))  # the recording may end within its last bar
        written.append(" ".join([*beats, *held]))
    metre = parse_chart(heard.chart).metre
    return f"metre: {metre}\ntempo: {heard.tempo_bpm:g}\nfirst downbeat: 0\n| {' | '.join(written)} |\n"
