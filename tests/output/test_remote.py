"""Leaders and renders at URLs: whole, the manifest last, refused in one line, and without saying what is secret."""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ensemble.errors import AudioError, EnsembleError, OutputError
from ensemble.output.publish import publishing
from ensemble.output.remote import RemoteFolder, is_url, located, shown
from ensemble.output.transfer import destination, fetched, fetched_render
from tests.empty_manifest import manifest


class Shelf(MemoryFileSystem):
    """A store that remembers what was done to it, may be closed to us, and may break on one file."""

    protocol = "shelf"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    done: list[str] = []
    is_locked = False
    breaks_at = ""

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb":
            if Shelf.is_locked:
                raise PermissionError(f"Access Denied for shelf://key:secret@host{path}")
            if Shelf.breaks_at and path.endswith(Shelf.breaks_at):
                raise ConnectionError("the line broke")
            Shelf.done.append(f"put {Path(path).name}")
        return super()._open(path, mode, **options)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        with self.open(path, "wb") as file:
            file.write(value)

    def rm_file(self, path: str) -> None:
        Shelf.done.append(f"remove {Path(path).name}")
        self._rm(path)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("shelf://", "memory://"))


@pytest.fixture
def shelf() -> Iterator[str]:
    """The URL of an empty folder."""
    fsspec.register_implementation("shelf", Shelf, clobber=True)
    Shelf.store.clear()
    Shelf.done.clear()
    yield "shelf://host/out"
    Shelf.is_locked, Shelf.breaks_at = False, ""


def put(url: str, text: str = "new", *, force: bool = False, stem: str = "mix.wav") -> None:
    with destination(url, force=force) as folder:
        (folder.path / "take-00").mkdir()
        (folder.path / "take-00" / stem).write_text(text)
        assert not folder.publish_take("take-00")
        manifest(text).write(folder.path / "manifest.json")
        (folder.path / "report.html").write_text(text)


def place(url: str) -> RemoteFolder:
    found = located(url)
    assert isinstance(found, RemoteFolder)
    return found


def test_a_render_is_put_up_whole_and_its_manifest_last(shelf: str) -> None:
    put(shelf)
    assert place(shelf).names() == {"manifest.json", "report.html", "take-00/mix.wav"}
    puts = [one for one in Shelf.done if one.startswith("put ")]
    assert puts[0] == "put .ensemble-probe"
    assert puts[-1] == "put manifest.json"


def test_what_breaks_half_way_leaves_nothing(shelf: str) -> None:
    for breaks_at in ("mix.wav", "report.html", "manifest.json"):
        Shelf.breaks_at = breaks_at
        with pytest.raises(
            OutputError, match=r"shelf://host/out: cannot be written \(ConnectionError the line broke\)"
        ):
            put(shelf)
        assert place(shelf).names() == set()


def put_and_add(url: str) -> None:
    with destination(url, force=False) as folder:
        (folder.path / "take-00").mkdir()
        (folder.path / "take-00" / "mix.wav").write_text("new")
        manifest("first").write(folder.path / "manifest.json")
        folder.publish()
        assert place(url).names() == {"manifest.json", "take-00/mix.wav"}
        (folder.path / "report.html").write_text("late")
        manifest("second").write(folder.path / "manifest.json")


def test_what_is_written_after_a_render_was_put_up_is_added_to_it(shelf: str) -> None:
    put_and_add(shelf)
    assert place(shelf).names() == {"manifest.json", "report.html", "take-00/mix.wav"}
    found = place(shelf).manifest()
    assert found is not None
    assert found.source == "second"
    assert sum(one.endswith("mix.wav") for one in Shelf.done if one.startswith("put ")) == 1


def test_a_render_that_was_put_up_stays_where_nothing_can_be_added(shelf: str) -> None:
    Shelf.breaks_at = "report.html"
    with pytest.raises(OutputError, match="cannot be written"):
        put_and_add(shelf)
    assert place(shelf).names() == {"manifest.json", "take-00/mix.wav"}
    found = place(shelf).manifest()
    assert found is not None
    assert found.source == "first"


def test_an_error_of_the_music_puts_nothing_up(shelf: str) -> None:
    def break_down() -> None:
        with destination(shelf, force=False) as folder:
            (folder.path / "leader.wav").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_down()
    assert place(shelf).names() == set()


def test_a_place_without_rights_is_refused_before_anything_is_played(shelf: str) -> None:
    Shelf.is_locked = True
    with pytest.raises(OutputError) as refusal, destination(shelf, force=False):
        pytest.fail("somebody played")
    assert str(refusal.value) == (
        "shelf://host/out: cannot be written (PermissionError Access Denied for ...); check the URL and your rights"
    )


def test_what_lies_there_is_kept_without_force(shelf: str) -> None:
    put(shelf, "old")
    with pytest.raises(OutputError, match="exists and is not empty"):
        put(shelf)
    assert place(shelf).read("take-00/mix.wav") == b"old"


def test_force_takes_the_manifest_first_and_leaves_nothing_old(shelf: str) -> None:
    put(shelf, "old", stem="old.wav")
    place(shelf).write("notes.txt", b"mine")
    Shelf.done.clear()
    put(shelf, force=True)
    removed = [one for one in Shelf.done if one.startswith("remove") and "probe" not in one]
    assert removed[0] == "remove manifest.json"
    assert Shelf.done.index(removed[-1]) < Shelf.done.index("put mix.wav")
    assert place(shelf).names() == {"manifest.json", "report.html", "take-00/mix.wav", "notes.txt"}


def test_force_never_takes_a_strangers_files(shelf: str) -> None:
    place(shelf).write("leader.wav", b"the only copy")
    with pytest.raises(OutputError, match=r"holds leader\.wav, and no render's manifest"):
        put(shelf, force=True)
    assert place(shelf).names() == {"leader.wav"}


def test_a_render_comes_back_as_it_was_and_nothing_else(shelf: str, tmp_path: Path) -> None:
    put(shelf, "kept")
    place(shelf).write("stranger/../../x", b"up")
    with fetched_render(shelf) as folder:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert found == {"manifest.json", "report.html", "take-00/mix.wav"}
        assert (folder / "take-00" / "mix.wav").read_text() == "kept"


def test_a_leader_is_fetched_under_its_own_name(shelf: str) -> None:
    place(shelf).write("my song.wav", b"sound")
    with fetched(f"{shelf}/my song.wav") as path:
        assert path.name == "my song.wav"
        assert path.read_bytes() == b"sound"
    assert not path.exists()


def test_a_leader_that_is_too_large_is_refused_at_the_limit(shelf: str) -> None:
    place(shelf).write("big.wav", b"\0" * 3_000_000)
    refusal = r"shelf://host/out/big\.wav: is larger than 2 MiB; download and cut it"
    with pytest.raises(AudioError, match=refusal), fetched(f"{shelf}/big.wav", 2 << 20):
        pytest.fail("it was lent")
    with fetched(f"{shelf}/big.wav", 3_000_000) as path:
        assert path.stat().st_size == 3_000_000


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("shelf://host/out/none.wav", r"none.wav: cannot be fetched \(FileNotFoundError"),
        ("https://127.0.0.1:1/a.wav?signature=hidden", r"https://127.0.0.1:1/a.wav: cannot be fetched"),
        ("nowhere://host/a.wav", r"nowhere://host/a.wav: cannot be reached \(ValueError Protocol not known"),
        ("shelf://host/", r"shelf://host/: names no file"),
    ],
)
def test_a_leader_that_cannot_be_fetched_is_one_line(shelf: str, url: str, said: str) -> None:
    with pytest.raises(AudioError, match=said) as refusal, fetched(url):
        pytest.fail("it was lent")
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nowhere://bucket/out", "cannot be reached"),
        ("zip://x::file:///tmp/y.zip", "is a chain of file systems"),
        ("http://127.0.0.1:1/out", "cannot be"),
    ],
)
def test_an_output_that_cannot_be_is_one_line(url: str, said: str) -> None:
    with pytest.raises(OutputError, match=said), destination(url, force=False):
        pytest.fail("somebody played")


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("az", "adlfs")])
def test_a_protocol_without_its_package_names_it(scheme: str, package: str) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"SKIPPED LOUDLY: {package} is installed, so its absence cannot be seen")
    with pytest.raises(OutputError, match=rf"needs a package \(.*{package}.*\); install that on every node"):
        located(f"{scheme}://bucket/out")


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    assert located(f"file://{tmp_path}/my out") == tmp_path / "my out"
    put_local = located(tmp_path / "out")
    assert isinstance(put_local, Path)
    with publishing(put_local, force=False) as folder:
        manifest("local").write(folder.path / "manifest.json")
    with fetched_render(tmp_path / "out") as found:
        assert found == tmp_path / "out"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3://bucket/my out", "s3://bucket/my out"),
        ("ftp://me:secret@host:21/out", "ftp://host:21/out"),
        ("https://host/a.wav?X-Amz-Signature=secret#part", "https://host/a.wav"),
        ("s3://bucket/a\n\x1b[2J", "s3://bucket/a\\x1b[2J"),
        ("x://[secret", "x://..."),
        ("plain/path", "plain/path"),
    ],
)
def test_what_is_secret_in_a_url_is_never_said(given: str, said: str) -> None:
    assert shown(given) == said


def test_what_is_a_url() -> None:
    assert is_url("s3://b")
    assert not any(is_url(one) for one in ("s3:/b", "/a://b", "a b://c", "C:\\x", Path("s3://b")))


def test_every_error_is_one_line_of_ours(shelf: str) -> None:
    for url in ("shelf://host/a\n/b.wav", f"shelf://{uuid.uuid4()}/x.wav"):
        with pytest.raises(EnsembleError) as refusal, fetched(url):
            pytest.fail("it was lent")
        assert len(str(refusal.value).splitlines()) == 1
