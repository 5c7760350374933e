"""A session through the studio, without a browser: what is played live is a song afterwards, to the byte."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.serve import board, jam_process, jams
from cluster.serve.jam_models import JamOrder
from cluster.serve.jam_process import END, LEVER, SOUND, RemotePlayer
from cluster.serve.jams import Jam
from ensemble.audio.files import prepared_clip, read_clip, write_clip
from ensemble.events import LOGGER, facts_of
from ensemble.leaders import leader_path
from ensemble.live.levers import lever_at
from ensemble.live.settings import LiveSettings
from ensemble.manifest import MANIFEST, Manifest
from ensemble.types.music import AudioClip
from tests.cluster.serve import dying_jam
from tests.cluster.serve.studios import studio_at

RATE = 16_000
BLOCK = 1_600
PLAYED_S, LOST = 5.0, 2 * RATE


def placed(first: int, value: int, num_samples: int = BLOCK) -> bytes:
    """Sound that says where it belongs."""
    return first.to_bytes(4, "little") + np.full(num_samples, value, "<i2").tobytes()


def heard(frames: list[tuple[bytes, bytes]], pulled: list[tuple[str, str]]) -> tuple[np.ndarray, int]:
    """The stream that these frames make, in 16-bit steps, and how much of it was lost."""
    player = RemotePlayer(iter(frames), RATE, lambda kind, argument: pulled.append((kind, argument)))
    blocks = list(player.blocks())
    return np.round(np.concatenate(blocks) * 32768).astype(int), player.num_lost


def test_sound_lies_at_its_place_whatever_was_lost_or_came_twice() -> None:
    pulled: list[tuple[str, str]] = []
    frames = [
        (SOUND, placed(0, 1)), (LEVER, json.dumps(["tap", ""]).encode()), (SOUND, placed(3 * BLOCK, 2)),
        (SOUND, placed(2 * BLOCK, 9)), (SOUND, placed(3 * BLOCK + 800, 3)), (END, b""),
    ]  # fmt: skip
    stream, num_lost = heard(frames, pulled)
    assert pulled == [("tap", "")]
    assert num_lost == 2 * BLOCK
    wanted = [*[1] * BLOCK, *[0] * (2 * BLOCK), *[2] * BLOCK, *[3] * 800]
    assert stream.tolist() == wanted


def test_sound_from_far_in_the_future_is_none() -> None:
    far = round(11 * RATE)
    stream, num_lost = heard([(SOUND, placed(0, 1)), (SOUND, placed(far, 2)), (SOUND, placed(BLOCK, 3))], [])
    assert num_lost == 0
    assert stream.tolist() == [*[1] * BLOCK, *[3] * BLOCK]


def test_no_more_is_read_ahead_than_there_is_room_for() -> None:
    num_read = 0

    def frames() -> Iterator[tuple[bytes, bytes]]:
        nonlocal num_read
        for _ in range(3 * jam_process.MAX_WAITING):
            num_read += 1
            yield SOUND, placed(0, 1, 1)

    player = RemotePlayer(frames(), RATE, lambda *_: None)
    time.sleep(0.2)
    assert num_read <= jam_process.MAX_WAITING + 1
    assert sum(map(len, player.blocks())) == 1
    assert num_read == 3 * jam_process.MAX_WAITING


def test_a_page_that_takes_nothing_misses_sound_but_not_the_end() -> None:
    jam = Jam(JamOrder(sample_rate=RATE), "somebody")
    with jam.played_from() as page:
        for _ in range(2 * jams.KEPT_FRAMES):
            jam.tell(b"sound")
        jam.tell({"type": "jam_ended"})
        told = [page.get_nowait() for _ in range(page.qsize())]
    assert len(told) == jams.KEPT_FRAMES
    assert told[-1] == {"type": "jam_ended"}


def test_what_does_not_come_in_time_is_silence_while_the_band_plays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jam_process, "PATIENCE_S", 0.1)
    came: queue.Queue[tuple[bytes, bytes]] = queue.Queue()
    player = RemotePlayer(iter(came.get, (END, b"")), RATE, lambda *_: None)
    blocks = player.blocks()
    came.put((SOUND, placed(0, 1)))
    assert len(next(blocks)) == BLOCK
    began_s, silence = time.monotonic(), 0
    while silence < RATE // 5:
        silence += len(next(blocks))
    assert 0.2 < time.monotonic() - began_s < 30
    came.put((SOUND, placed(BLOCK + silence - 10, 2)))  # ten samples of it come too late
    assert len(next(blocks)) == BLOCK - 10
    came.put((END, b""))
    assert not list(blocks)


def test_who_is_gone_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jam_process, "GONE_S", 0.2)
    player = RemotePlayer(iter(queue.Queue[tuple[bytes, bytes]]().get, None), RATE, lambda *_: None)
    assert not list(player.blocks())


def endlessly(content: tuple[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """A beginning, and then the same again and again."""
    yield SOUND, placed(0, 1)
    end_s = time.monotonic() + 60.0
    while time.monotonic() < end_s:
        time.sleep(0.01)
        yield content


@pytest.mark.parametrize("content", [(LEVER, json.dumps(["tap", ""]).encode()), (SOUND, placed(1000 * RATE, 1))])
def test_who_sends_no_sound_that_is_any_is_silent_and_then_gone(
    content: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jam_process, "PATIENCE_S", 0.1)
    monkeypatch.setattr(jam_process, "GONE_S", 0.4)
    began_s = time.monotonic()
    stream, num_lost = heard(endlessly(content), [])
    took_s = time.monotonic() - began_s
    assert took_s < 30.0
    assert 0 < num_lost < RATE * took_s
    assert len(stream) == BLOCK + num_lost


def page_of(studio: Any, query: str = "") -> Any:
    """The socket of the page in which somebody plays."""
    return studio.websocket_connect(f"ws://studio/api/jam{query}", headers={"origin": "http://studio"})


def send(socket: Any, steps: np.ndarray, first: int) -> None:
    """Play from a sample on; before a connection is lost, up to a second before `LOST`."""
    stop = len(steps) if first else LOST - RATE
    for at in range(first, stop, BLOCK):
        socket.send_bytes(at.to_bytes(4, "little") + steps[at : at + BLOCK].tobytes())


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Any]:
    with studio_at(tmp_path / "data") as client:
        yield client


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"band": "nobody", "sample_rate": RATE}, "config"),
        ({"band": "rock", "sample_rate": 22_050}, "config"),
        ({"band": "rock", "style": "/etc/passwd", "sample_rate": RATE}, "config"),
        ({"band": "rock", "sample_rate": RATE, "overrides": {"chart": "| H7 |"}}, "config"),
    ],
)
def test_an_order_that_cannot_be_played_is_refused_with_a_sentence(studio: Any, order: Any, code: str) -> None:
    with page_of(studio) as socket:
        socket.send_text(json.dumps(order))
        told = socket.receive_json()
    assert told["type"] == "jam_ended"
    assert not told["is_kept"]
    assert told["error"]["code"] == code


def test_a_session_that_has_ended_is_not_gone_on_with(studio: Any) -> None:
    with page_of(studio, "?session=0123456789abcdef") as socket:
        assert socket.receive_json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("first", [b"sound", "no JSON", "[]"])
def test_what_is_no_order_is_refused(studio: Any, first: str | bytes) -> None:
    with page_of(studio) as socket:
        (socket.send_bytes if isinstance(first, bytes) else socket.send_text)(first)
        assert socket.receive_json()["error"]["code"] == ("config" if first == "[]" else "invalid")


@pytest.fixture
def dying_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jams, "jam_process", dying_jam)


def begun_at(socket: Any) -> str:
    """Begin a session, and wait for the band; the session's id."""
    socket.send_text(json.dumps({"band": "rock", "sample_rate": RATE}))
    return str(socket.receive_json()["jam"])


@pytest.mark.usefixtures("dying_process")
def test_where_the_process_dies_its_recording_is_played_again_with_what_was_asked_for(
    studio: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    LOGGER.addHandler(caplog.handler)
    with page_of(studio) as socket:
        song = begun_at(socket)
        socket.send_text(json.dumps({"kind": "gain", "argument": "bass=-3.5"}))
        told = socket.receive_json()
    LOGGER.removeHandler(caplog.handler)
    assert told["is_kept"]
    assert told["error"]["code"] == "died"
    assert studio.get(f"/api/songs/{song}").json()["duration_s"] == 1.0
    while (found := studio.get(f"/api/songs/{song}").json())["jobs"]:
        time.sleep(0.05)
    assert (found["failed"], found["version"]) == (None, 1)
    request = Manifest.read(tmp_path / "data" / "songs" / song / "render" / MANIFEST).plan.request
    assert request.live == LiveSettings(levers=(lever_at(dying_jam.LEVER_FRAME, "gain", "bass=-3.5"),))
    assert not list((tmp_path / "data" / "jams").iterdir())
    died = next(facts_of(record) for record in caplog.records if record.getMessage() == "studio jam died")
    assert (died["jam"], died["status"], died["said"]) == (song, 3, "it broke")


@pytest.mark.usefixtures("dying_process")
@pytest.mark.parametrize(
    ("code", "is_taken_over", "ends"), [(1001, False, True), (1001, True, False), (1006, False, False)]
)
def test_only_a_page_that_is_closed_ends_its_session(studio: Any, code: int, is_taken_over: bool, ends: bool) -> None:
    with ExitStack() as pages:
        socket = pages.enter_context(page_of(studio))
        song = begun_at(socket)
        if is_taken_over:
            assert pages.enter_context(page_of(studio, f"?session={song}")).receive_json()["type"] == "ready"
        socket.close(code)
        end_s = time.monotonic() + (30.0 if ends else 0.5)
        while time.monotonic() < end_s and studio.get(f"/api/songs/{song}").status_code == 404:
            time.sleep(0.05)
        assert (studio.get(f"/api/songs/{song}").status_code == 200) == ends


@pytest.mark.usefixtures("dying_process")
def test_where_the_studio_ends_the_next_one_keeps_the_recording(tmp_path: Path) -> None:
    with studio_at(tmp_path / "data") as studio, page_of(studio) as socket:
        song = begun_at(socket)
    with studio_at(tmp_path / "data") as studio:
        with page_of(studio, f"?session={song}") as socket:
            assert socket.receive_json() == {"type": "jam_ended", "song": song, "is_kept": True}
        assert studio.get(f"/api/songs/{song}").json()["duration_s"] == 1.0
    assert not list((tmp_path / "data" / "jams").iterdir())


def test_what_a_killed_studio_has_left_without_a_recording_is_a_song_or_gone(tmp_path: Path) -> None:
    order = JamOrder(sample_rate=RATE).model_dump_json()
    moved, loading = "0123456789abcdef", "fedcba9876543210"
    upload = tmp_path / "data" / "songs" / moved / "upload.wav"
    upload.parent.mkdir(parents=True)
    write_clip(upload, AudioClip(samples=np.arange(RATE, dtype=np.float32)[None] % 100 / 200, sample_rate=RATE))
    (tmp_path / "data" / "jams").mkdir()
    for name in (moved, loading):
        (tmp_path / "data" / "jams" / f"{name}.json").write_text(order)
    with studio_at(tmp_path / "data") as studio:
        end_s = time.monotonic() + 30.0
        while time.monotonic() < end_s and list((tmp_path / "data" / "jams").iterdir()):
            time.sleep(0.05)
        assert not list((tmp_path / "data" / "jams").iterdir())
        assert studio.get(f"/api/songs/{moved}").json()["duration_s"] == 1.0
        assert studio.get(f"/api/songs/{loading}").status_code == 404


@pytest.mark.slow
def test_a_session_becomes_a_song_of_the_same_bytes(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MAX_JOBS", 0)  # what was played is rendered all the same
    leader = prepared_clip(read_clip(leader_path()), RATE).samples.mean(axis=0)
    steps = np.round(leader[: round(PLAYED_S * RATE)] * 32767).astype("<i2")
    order = {"band": "rock", "sample_rate": RATE, "listen_beats": 0, "overrides": {"tempo_bpm": 100}}
    with page_of(studio) as socket:
        socket.send_text(json.dumps(order))
        ready = socket.receive_json()
        if ready["type"] != "ready":
            pytest.skip(f"SKIPPED LOUDLY: {ready['error']['message']}")
        assert studio.post(f"/api/songs/{ready['jam']}/shares").status_code == 201
        send(socket, steps, 0)
    with page_of(studio, f"?session={ready['jam']}") as socket:  # after a lost connection
        assert socket.receive_json()["type"] == "ready"
        send(socket, steps, LOST)
        socket.send_text(json.dumps({"kind": "mute", "argument": "nobody"}))
        socket.send_text(json.dumps({"kind": "style", "argument": "/etc/passwd"}))
        for broken in (b"", b"ab", bytes(4), bytes(7)):
            socket.send_bytes(broken)
        socket.send_text("no JSON")
        socket.send_text(json.dumps({"kind": "end"}))
        band, refused, loudest = None, [], 0
        while "text" not in (message := socket.receive()) or json.loads(message["text"])["type"] != "jam_ended":
            if "text" in message:
                refused.append(json.loads(message["text"])["error"]["code"])
            else:
                start, sound = (
                    int.from_bytes(message["bytes"][:4], "little"),
                    np.frombuffer(message["bytes"][4:], "<i2"),
                )
                assert band in (None, start), "no sample is left out"
                band = start + len(sound) // 2
                loudest = max(loudest, int(np.abs(sound).max(initial=0)))
    assert json.loads(message["text"])["is_kept"]
    assert sorted(refused) == ["config", "config", "invalid"]
    assert loudest > 1000
    assert band == len(steps) + RATE  # and the tail
    song = ready["jam"]
    while studio.get(f"/api/songs/{song}").json()["jobs"]:
        time.sleep(0.1)
    found = studio.get(f"/api/songs/{song}").json()
    assert found["failed"] is None
    assert found["shares"] == 1
    live = studio.get(f"/api/songs/{song}/desk").json()["live"]
    assert live["replay_equal"]
    assert live["duration_s"] == pytest.approx(len(steps) / RATE)
