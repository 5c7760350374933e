"""`ensemble live`: the band follows a leader who is playing now."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from cluster.cli.json_output import AsJson, print_json
from cluster.cli.levers import StyleName
from cluster.cli.placement_options import Address, PlacementOptions, placed
from cluster.cli.progress import OUT, Monitor
from ensemble.errors import ConfigError, OutputError, printable

if TYPE_CHECKING:
    from ensemble.audio.sound_card import SoundCard
    from ensemble.manifest import Deadlines, LiveFacts
    from ensemble.types.music import FloatArray

live_commands = typer.Typer()
WATCHED_QUANTA = 50
"""What is shown while playing is of the last so many: ten seconds, or five with a short horizon."""
BAND_HEARD = "the microphone hears the band, which then follows itself: use headphones, or play the band softer"
CLIPPED = "the leader is too loud for the microphone: turn it down"


@live_commands.command()
def live(
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Instead of the sound card: a recording, played to the band as if played now."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the session.")] = Path("ensemble-live"),
    band: Annotated[str, typer.Option(help="Band: rock, quartet, drive or a YAML file.")] = "rock",
    style: StyleName = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    rate: Annotated[
        Literal["16000", "32000", "44100", "48000"], typer.Option(help="Sample rate of the session in Hz.")
    ] = "48000",
    tempo: Annotated[
        float | None, typer.Option(min=30, max=300, help="Tempo in beats per minute; the beat is then found sooner.")
    ] = None,
    beats_per_bar: Annotated[
        int | None, typer.Option(min=2, max=12, help="Beats per bar, instead of the detected number.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Key: 'Am', 'F# major'.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Chart of the song; its chords are played.")] = None,
    horizon: Annotated[
        str | None,
        typer.Option(help="How far ahead the band commits: seconds, or 1beat (default 0.4, and the way out)."),
    ] = None,
    listen_beats: Annotated[
        int, typer.Option(min=0, max=64, help="Beats that the band listens to before it enters at a bar line.")
    ] = 8,
    count_in: Annotated[
        int, typer.Option(min=0, max=16, help="Beats that the band counts before you begin; needs --tempo or a chart.")
    ] = 0,
    levers: Annotated[
        Path | None, typer.Option(help="File of what to ask for while playing, one a line: 12.5 mute bass.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Device to listen to (see --list-devices).")] = None,
    output_device: Annotated[str | None, typer.Option(help="Device to play to.")] = None,
    latency: Annotated[
        float | None, typer.Option(min=0, max=1000, help="Way from output to input in ms, if the card says it wrong.")
    ] = None,
    list_devices: Annotated[bool, typer.Option("--list-devices", help="List the devices of the sound card.")] = False,
    ray: Annotated[
        bool, typer.Option("--ray", help="Every player is an actor on Ray; one that is lost misses a bar at most.")
    ] = False,
    address: Address = None,
    fast: Annotated[bool, typer.Option("--fast", help="With --file: as fast as this machine can.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier session in the output folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Follow a leader who plays now, until Ctrl-C; then render the session from its recording: the same bytes.

    Wear headphones: the microphone must not hear the band. Keys while playing: space taps the beat, o says that this
    beat opens a bar, h and d halve and double the tempo, 1 to 9 mute a player or let it play again, < and > play softer
    and louder, - and + fewer and more notes, s takes the next style.
    """
    if list_devices:
        _list_devices(as_json)
        return
    with Monitor(quiet=as_json, stage="load") as monitor:
        from cluster.cli.live_keys import LiveKeys
        from ensemble.band import LocalBand
        from ensemble.config import load_band
        from ensemble.events import Events
        from ensemble.live.horizon import Horizon, horizon_for, read_horizon
        from ensemble.live.levers import horizon_in, read_levers
        from ensemble.live.settings import LiveSettings
        from ensemble.manifest import MANIFEST, Deadlines
        from ensemble.perform import Pace
        from ensemble.plan import RenderPlan
        from ensemble.rendering.live import LiveSession, check_cost
        from ensemble.rendering.live_run import deadlines_of, facts_of, is_replayed, levers_of, run_session
        from ensemble.rendering.render import render_request
        from ensemble.rendering.request import live_request_for

        said = _said(chart, count_in, tempo_bpm=tempo, beats_per_bar=beats_per_bar, key=key)
        out = out.absolute()
        recording = _recording_beside(out, force=force)
        source = None if file is None else _Paced(file, int(rate), fast=fast)
        card = None if source is not None else _card(int(rate), device, output_device, latency)
        if horizon is not None:
            ahead = read_horizon(horizon)
        elif card is not None:
            ahead = horizon_for(card.latency_s)  # what is played has to be ready so much sooner
        else:  # a recording is followed as it was when it was played
            ahead = (None if levers is None else horizon_in(levers)) or Horizon()
        how = LiveSettings(
            horizon_s=ahead.seconds, horizon_beats=ahead.beats, listen_beats=listen_beats, count_in_beats=count_in,
            levers=() if levers is None else read_levers(levers, [one.name for one in load_band(band).followers]),
        )  # fmt: skip
        request = live_request_for(band, how, said, style=style, seed=seed, sample_rate=int(rate))
        where = PlacementOptions(local=not ray and address is None, address=address)
        players = placed(monitor, where)(RenderPlan(request=request, leader_sha256=""))
        monitor.callback(players.close)
        session = LiveSession(request, players)

        cost = session.warm_up()
        if not fast:
            check_cost(cost)
        monitor.stage("follow")
        keys = monitor.enter_context(LiveKeys(session))

        said_already: set[str] = set()

        def show() -> None:
            keys.pull()
            for is_so, warning in ((session.watch.hears_band, BAND_HEARD), (session.watch.clips, CLIPPED)):
                if is_so and warning not in said_already:
                    said_already.add(warning)
                    monitor.say(warning)
            if card is not None:
                card.bar_samples = round(session.follower.position.bar_s * int(rate))
            due = deadlines_of(session, WATCHED_QUANTA)
            watched = "" if fast or not due.num_quanta else f"  {_in_time(due)}"
            rested = f"  rested {session.stops.bars[-1]:.1f} bars after the last stop" if session.stops.bars else ""
            monitor.describe(f"{session.follower.position}{watched}{rested}")

        if source is not None:
            run_session(session, source, source, recording, int(rate), show)
        if card is not None:
            with card, _ended_by_ctrl_c(card):
                run_session(session, card, card, recording, int(rate), show, card.latency_s)
            if card.num_lost or card.num_missed:
                lost_s, missed_s = card.num_lost / int(rate), card.num_missed / int(rate)
                monitor.say(f"{lost_s:.2f} s of the leader were lost; for {missed_s:.2f} s the band came too late")
        if not session.num_samples:
            recording.unlink()
            levers_of(recording).unlink(missing_ok=True)
            raise OutputError(printable(out), "has nothing to hold: no sound came in", "see --list-devices")
        if not session.is_recorded:
            kept_s = session.num_recorded / int(rate)
            raise OutputError(
                printable(recording),
                f"holds the first {kept_s:.1f} s only: the disk is full",
                "make room, and render it",
            )
        monitor.say(f"recorded in {printable(recording)} until it is rendered")
        manifest = render_request(
            session.request, recording, out, force=force, band_factory=LocalBand, pace=Pace(),
            events=Events(progress=monitor.progress),
        )  # fmt: skip
        recording.unlink()
        levers_of(recording).unlink(missing_ok=True)
        is_equal = is_replayed(session.samples_sha256, manifest)
        facts = facts_of(session, is_equal=is_equal, was_timed=not fast)
        manifest = manifest.model_copy(update={"live": facts})
        manifest.write(out / MANIFEST)
    if as_json:
        document = facts.model_dump()
        document |= document.pop("deadlines") or dict.fromkeys(Deadlines.model_fields)
        print_json({"out": str(out), **document, "manifest": manifest.model_dump(mode="json")})
    else:
        _show(out, facts)
    if not facts.replay_equal:
        raise typer.Exit(1)


def _recording_beside(out: Path, *, force: bool) -> Path:
    """The file that the stream is recorded in until it is rendered.

    Raises:
        OutputError: the folder is in use, an earlier session was not rendered, or a file of levers is in the way.
    """
    from ensemble.manifest import MANIFEST, Manifest
    from ensemble.rendering.live_run import levers_of

    if out.exists() and not force:
        raise OutputError(printable(out), "exists already", "choose another folder, or add --force")
    if out.exists() and any(out.iterdir()):
        Manifest.read(out / MANIFEST)  # only a render is replaced
    recording = out.with_name(f"{out.name}.recording.wav")
    asked = levers_of(recording)
    if recording.exists():
        how = f"--file and --levers {printable(asked)}" if asked.exists() else "--file"
        raise OutputError(printable(recording), "is a session that was not rendered", f"follow it by {how}, or move it")
    if asked.exists():
        raise OutputError(printable(asked), "is what this session would write", "move it, or choose another folder")
    recording.parent.mkdir(parents=True, exist_ok=True)
    return recording


def _list_devices(as_json: bool) -> None:
    from ensemble.audio.sound_card import card_devices

    devices = card_devices()
    if as_json:
        print_json({"devices": [one._asdict() for one in devices]})
        return
    if not devices:
        typer.echo("this machine has no sound device")
        return
    table = Table("device", "in", "out", "latency ms", box=None, pad_edge=False)
    for one in devices:
        table.add_row(one.name, str(one.num_inputs), str(one.num_outputs), f"{1000 * one.latency_s:.0f}")
    OUT.print(table)


def _card(rate: int, source: str | None, sink: str | None, latency_ms: float | None) -> SoundCard:
    from ensemble.audio.sound_card import SoundCard

    return SoundCard(rate, source, sink, None if latency_ms is None else latency_ms / 1000)


@contextlib.contextmanager
def _ended_by_ctrl_c(card: SoundCard) -> Iterator[None]:
    """The first Ctrl-C ends the leader's stream, and the next the command."""
    before = signal.getsignal(signal.SIGINT)

    def end(_signal: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        card.end()

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Paced:
    """A recording that comes in blocks, as fast as it was played.

    Args:
        file: the recording.
        sample_rate: at which it comes.
        fast: whether it comes as fast as it is taken.
    """

    def __init__(self, file: Path, sample_rate: int, *, fast: bool) -> None:
        from ensemble.audio.files import prepared_clip
        from ensemble.audio.recording import opened
        from ensemble.audio.sound import mean_of_channels
        from ensemble.audio.sound_card import BLOCK_S

        with opened(file) as recording:
            clip = prepared_clip(recording.clip(), sample_rate)
        self._samples = mean_of_channels(clip.samples)[0]
        self._rate, self._block = sample_rate, round(BLOCK_S * sample_rate)
        self._fast = fast

    def play(self, start_sample: int, sound: FloatArray) -> None:
        """Nobody hears the band now; the stems have it afterwards."""

    def blocks(self) -> Iterator[FloatArray]:
        """The recording's samples, each block once it has been played."""
        began_s = time.perf_counter()
        for number, start in enumerate(range(0, len(self._samples), self._block), 1):
            wait_s = 0.0 if self._fast else began_s + number * self._block / self._rate - time.perf_counter()
            if wait_s > 0:
                time.sleep(wait_s)
            yield self._samples[start : start + self._block]


def _said(path: Path | None, count_in: int, **given: Any) -> Any:
    """What the player says beforehand; who is counted in needs a tempo."""
    from ensemble.chart.files import read_chart
    from ensemble.chart.text import write_chart
    from ensemble.listen.overrides import Overrides
    from ensemble.settings.reading import parse

    chart = None if path is None else read_chart(path)
    if count_in and given["tempo_bpm"] is None and (chart is None or chart.tempo_bpm is None):
        raise ConfigError("--count-in", "needs a tempo", "give --tempo, or a chart that has one")
    given["chart"] = None if chart is None else write_chart(chart)
    return parse(Overrides, given, "the session")


def _in_time(due: Deadlines) -> str:
    left = f"(left: median {due.horizon_left_p50_ms:.0f} ms, 99 % {due.horizon_left_p99_ms:.0f} ms)"
    return f"{due.num_quanta - due.late_quanta} of {due.num_quanta} blocks in time {left}"


def _show(out: Path, facts: LiveFacts) -> None:
    in_time = "" if facts.deadlines is None else f"{_in_time(facts.deadlines)}; "
    error_ms = facts.beat_error_p50_ms
    off = "" if error_ms is None else f"beats {error_ms:.0f} ms off what was then heard; "
    reacted = facts.stop_reaction_bars
    rested = "" if reacted is None else f"20 dB down {reacted:.1f} bars after a stop; "
    equal = "the same bytes" if facts.replay_equal else "OTHER BYTES"
    went = f"{facts.duration_s:.1f} s followed, {in_time}{off}{rested}"
    typer.echo(f"{printable(out)}: {went}rendered again from the recording: {equal}")
