"""The store when something is wrong: in use, of another version, damaged, killed, unreachable. One clear line each."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from ensemble.errors import StoreBusyError, StoreError
from ensemble.retrieve.default_library import open_filled
from ensemble.retrieve.library import milvus
from ensemble.retrieve.library.exact import ExactStore
from ensemble.retrieve.library.ledger import Ledger
from ensemble.retrieve.library.library import Library
from ensemble.retrieve.library.lite import STORE, Lite
from ensemble.retrieve.library.milvus import MilvusStore
from ensemble.retrieve.library.opening import LibraryPlace, open_library
from ensemble.retrieve.library.store import StoreFilter
from ensemble.retrieve.maintenance import library_stats, repair
from ensemble.retrieve.settings import RetrieveSettings
from tests.retrieve.engines import Relay, certified, free_port, lite_server
from tests.retrieve.shelves import described, entry_of, questions, rows

ROOT = Path(__file__).parents[2]


def one_line(error: Exception) -> str:
    said = str(error)
    assert "\n" not in said
    assert "Traceback" not in said
    return said


def test_a_store_in_use_says_so_and_is_free_after_closing(tmp_path: Path) -> None:
    first = MilvusStore(str(tmp_path))
    first.add(rows("one", 3))
    with pytest.raises(StoreBusyError, match=r"is open in another process; wait until it has ended, or keep the store"):
        MilvusStore(str(tmp_path))
    first.close()
    first.close()
    second = MilvusStore(str(tmp_path))
    assert second.count() == 3
    second.close()


def test_a_store_that_nobody_closed_keeps_its_rows_and_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys;"
        "from tests.retrieve.shelves import rows; from ensemble.retrieve.library.milvus import MilvusStore;"
        "store = MilvusStore(sys.argv[1]); store.add(rows('one', 40)); sys.exit(3)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, timeout=280, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    store = MilvusStore(str(tmp_path))
    assert store.count() == 40
    store.close()


def test_another_version_names_the_command_that_rebuilds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus, "_COLLECTION", "ensemble_chunks_1_99")
    store = MilvusStore(str(tmp_path))
    store.add(rows("one", 3))
    store.close()
    monkeypatch.undo()
    with pytest.raises(StoreError, match=rf"version 1\.99, .*; run `ensemble index repair --index {tmp_path}`"):
        MilvusStore(str(tmp_path))
    fresh = MilvusStore(str(tmp_path), is_fresh=True)
    assert fresh.count() == 0
    fresh.close()


@pytest.mark.parametrize("damage", ["schema.json", "manifest.json", "everything"])
def test_a_damaged_store_is_refused_or_seen_to_lack_rows_and_repair_makes_it_whole(tmp_path: Path, damage: str) -> None:
    library = opened(tmp_path)
    library.add([(one, entry_of(one)) for one in (described("one", 30), described("two", 40))])
    library.close()
    for path in (tmp_path / STORE).rglob("*"):
        if path.is_file() and path.name != "LOCK" and (damage in path.name or damage == "everything"):
            path.write_bytes(b"\x00not what it was" * 9)
    try:
        library = opened(tmp_path)
        lacks = library.compare().missing
        library.close()
        assert lacks
    except StoreError as error:
        assert f"run `ensemble index repair --index {tmp_path}`" in one_line(error)  # noqa: PT017  either will do
    repair(LibraryPlace.of(str(tmp_path)))
    library = opened(tmp_path)
    assert library.store.recordings() == {
        described("one", 30).recording.sha256: 30,
        described("two", 40).recording.sha256: 40,
    }
    assert library.compare().is_whole
    library.close()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot be opened .*name another folder"):
        MilvusStore(str(tmp_path / "file"))


_WRITER = """
import sys
import tempfile
from pathlib import Path
from tests.retrieve.shelves import described, entry_of
from ensemble.retrieve.library.opening import LibraryPlace, open_library
library = open_library(LibraryPlace.of(sys.argv[1]))
for number in range(10_000):
    one = described(f"recording {number}", 40)
    library.add([(one, entry_of(one))])
    print(one.recording.sha256, flush=True)
"""


@pytest.fixture
def killed(tmp_path: Path) -> list[str]:
    """A library whose writer was killed as it wrote; what it had acknowledged."""
    command = [sys.executable, "-c", _WRITER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(12)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [line.strip() for line in writer.stdout if len(line) == 65]
    return acknowledged


def opened(folder: Path) -> Library:
    return open_library(LibraryPlace.of(str(folder)))


def is_whole_again(folder: Path, acknowledged: list[str]) -> None:
    library = opened(folder)
    try:
        library.mend()
        assert set(acknowledged) <= set(library.store.recordings())
        assert library.compare().is_whole
        exact = ExactStore()
        for sha256 in library.ledger:
            exact.add(rows(library.ledger[sha256].recording.title, 40))
        found, wanted = (
            library.store.search(questions(4), 30, StoreFilter()),
            exact.search(questions(4), 30, StoreFilter()),
        )
        assert [[match.id for match in one] for one in found] == [[match.id for match in one] for one in wanted]
    finally:
        library.close()


def test_a_writer_killed_in_the_middle_loses_nothing_it_acknowledged(tmp_path: Path, killed: list[str]) -> None:
    is_whole_again(tmp_path, killed)


@pytest.mark.parametrize("damage", ["truncated", "damaged"])
def test_a_log_cut_short_or_damaged_is_seen_and_mended(tmp_path: Path, killed: list[str], damage: str) -> None:
    (log,) = (tmp_path / STORE).rglob("wal_data_*.arrow")
    content = bytearray(log.read_bytes())
    if damage == "truncated":
        content = content[: len(content) - 3_000]
    else:
        middle = len(content) // 3
        content[middle : middle + 4_000] = b"\xff" * 4_000
    log.write_bytes(content)
    library = opened(tmp_path)
    compared = library.compare()
    library.close()
    assert compared.store_rows < compared.ledger_rows
    assert compared.missing
    assert not compared.is_whole
    is_whole_again(tmp_path, killed)


def test_nobody_at_the_address(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    with pytest.raises(StoreError, match=rf"{address}: cannot be opened: nobody answers there; start the server"):
        MilvusStore(address, patience_s=1.0)
    assert time.monotonic() - began < 30


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes every connection and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept = []

    def accept() -> None:
        try:
            while True:
                kept.append(listener.accept()[0])
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for sock in (listener, *kept):
        sock.close()


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(silent: str) -> None:
    began = time.monotonic()
    with pytest.raises(StoreError, match=f"^{silent}: ") as refused:
        MilvusStore(silent, patience_s=1.0)
    assert time.monotonic() - began < 30
    one_line(refused.value)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lite_server(tmp_path_factory.mktemp("served")) as address:
        yield address


def test_a_server_that_hangs_up_between_questions_is_one_line(served: str) -> None:
    relay = Relay(int(served.rpartition(":")[2]))
    store = MilvusStore(relay.address, patience_s=5.0, is_fresh=True)
    store.add(rows("one", 20))
    assert store.search(questions(1), 3, StoreFilter())[0]
    relay.cut()
    began = time.monotonic()
    with pytest.raises(StoreError, match=f"^{relay.address}: did not answer a search: nobody answers there") as refused:
        store.search(questions(1), 3, StoreFilter())
    assert time.monotonic() - began < 30
    one_line(refused.value)
    store.close()


def test_rows_of_other_ledgers_stay_and_do_not_answer(served: str, tmp_path: Path) -> None:
    store = MilvusStore(served, is_fresh=True)
    store.add(rows("somebody else's", 30))
    library = Library(store, Ledger(tmp_path, is_writer=True), is_shared=True)
    mine = described("mine", 20)
    library.add([(mine, entry_of(mine))])
    assert {match.recording for match in store.search(questions(1), 50, StoreFilter())[0]} > {mine.recording.sha256}
    known = library.known_rows()
    assert {match.recording for match in known.search(questions(1), 50, StoreFilter())[0]} == {mine.recording.sha256}
    assert known.count() == 20
    library.mend()
    assert store.count() == 50
    assert len(library.compare().foreign) == 1
    library.close()


def asks(settings: RetrieveSettings) -> str:
    """What is said to who opens a library in which something should be, in each of the ways there are."""
    place = LibraryPlace.of(settings.uri, settings.ledger)
    said = set[str]()
    for ask in (lambda: open_filled(settings).__enter__(), lambda: library_stats(place), lambda: repair(place)):
        with pytest.raises(StoreError) as refused:
            ask()
        said.add(one_line(refused.value))
    assert len(said) == 1
    assert not list(place.folder.glob("*"))  # nothing is made where there is nothing
    return said.pop()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_is_not_there_is_not_called_empty_though_nothing_was_ever_indexed(scheme: str, tmp_path: Path) -> None:
    nobody = f"{scheme}://127.0.0.1:{free_port()}"
    said = asks(RetrieveSettings(uri=nobody, ledger=str(tmp_path)))
    assert said.startswith(f"{nobody}: cannot be opened: nobody answers there; start the server")


def test_an_empty_server_is_told_from_one_that_others_filled(served: str, tmp_path: Path) -> None:
    store = MilvusStore(served, is_fresh=True)
    settings = RetrieveSettings(uri=served, ledger=str(tmp_path))
    cure = f"run `ensemble index add PATH... --index {served} --ledger {tmp_path}`"
    assert asks(settings) == f"{served}: holds no recordings; {cure}"
    store.add(rows("somebody else's", 30))
    said = asks(settings)
    assert said.startswith(f"{served}: holds 30 chunks, of recordings that are described elsewhere; name the folder")
    assert said.endswith(cure)
    store.close()


def test_chunks_of_another_release_on_a_server_of_others_are_not_to_be_repaired(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MilvusStore(served, is_fresh=True)
    store.add(rows("somebody else's", 3))
    store.close()
    monkeypatch.setattr(milvus, "_COLLECTION", "ensemble_chunks_0_0")
    said = asks(RetrieveSettings(uri=served, ledger=str(tmp_path)))
    assert "holds chunks of version" in said
    assert said.endswith("; use another server")


def test_nothing_that_will_go_away_is_used(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = MilvusStore(str(tmp_path))
        store.add(rows("one", 5))
        (found,) = store.search(questions(1), 3, StoreFilter())
        store.remove([rows("one", 1)[0].recording])
        assert (len(found), store.count()) == (3, 0)
        store.close()


TRIED = """
import sys
import tempfile
from ensemble.errors import StoreError
from ensemble.retrieve.library.milvus import MilvusStore
try:
    MilvusStore(sys.argv[1]).close()
    print("opened")
except StoreError as error:
    print(error)
"""


def test_tls_is_spoken_with_whom_an_authority_vouches_for(served: str, tmp_path: Path) -> None:
    def tried(address: str, **trust: str) -> str:
        command = [sys.executable, "-c", TRIED, address]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | trust).stdout

    identity = certified(tmp_path)
    with Relay(int(served.rpartition(":")[2]), certified=identity) as relay:
        assert tried(relay.address, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(identity[0])) == "opened\n"
        assert "shows a certificate that is not trusted" in tried(relay.address)
        elsewhere = relay.address.replace("localhost", "127.0.0.1")
        assert "of another name" in tried(elsewhere, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(identity[0]))
        (tmp_path / "junk.pem").write_text("junk")
        assert "unreadable" in tried(relay.address, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(tmp_path / "junk.pem"))
    assert "does not speak TLS" in tried(served.replace("http:", "https:"))


@pytest.mark.parametrize("uri", ["ftp://host:1", "http://", "https://user:secret@host:19530"])
def test_what_is_no_address_is_refused_and_no_password_is_repeated(uri: str) -> None:
    with pytest.raises(StoreError) as refused:
        LibraryPlace.of(uri)
    assert "secret" not in one_line(refused.value)


def test_a_store_opens_in_any_folder_however_deep_temporary_files_lie(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    lite = Lite(tmp_path / os.fsdecode(b"caf\xe9"))
    sockets = Path(lite.address.removeprefix("unix:")).parent
    assert (tmp_path / os.fsdecode(b"caf\xe9") / STORE).is_dir()
    with pytest.raises(StoreBusyError):
        Lite(tmp_path / os.fsdecode(b"caf\xe9"))
    lite.close()
    assert not sockets.exists()
    assert not list(deep.iterdir())
