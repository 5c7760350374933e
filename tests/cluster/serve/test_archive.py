"""A studio at a URL: what one machine has made, another goes on with."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from cluster.serve.archive import FILES, LISTS, KeptList, StudioArchive, archive_at, store_at, working_folder
from cluster.serve.storage import DATABASE, StudioStorage
from ensemble.errors import OutputError
from ensemble.manifest import MANIFEST
from ensemble.output.remote import RemoteFolder, located
from tests.browser import wait_for
from tests.cluster.serve.studios import done, studio_at, uploaded


@contextmanager
def kept_studio(root: Path, url: str) -> Iterator[TestClient]:
    with studio_at(root, archive=archive_at(StudioStorage(root), far(url))) as client:
        yield client


def far(url: str) -> RemoteFolder:
    place = located(url)
    assert isinstance(place, RemoteFolder)
    return place


def kept_version(url: str, root: Path) -> int | None:
    """The version of the one song in the list that is kept."""
    listed = kept_list(url)
    if listed.database is None:
        return None
    (root / "list").write_bytes(far(url).read(f"{FILES}/{listed.database}"))
    found = sqlite3.connect(root / "list").execute("SELECT version FROM songs").fetchone()
    return None if found is None else int(found[0] or 0)


def kept_list(url: str) -> KeptList:
    """The one list that is kept."""
    (name,) = far(url).below(LISTS).names()
    return KeptList.model_validate_json(far(url).read(f"{LISTS}/{name}"))


def kept_content(url: str, name: str) -> bytes:
    """A file of the song `first`, or the list of songs, as it is kept."""
    kept = kept_list(url)
    return far(url).read(f"{FILES}/{kept.database if name == DATABASE else kept.songs['first'][name]}")


def mix_of(client: httpx2.Client, song: str, version: int) -> bytes:
    answer = client.get(f"/api/songs/{song}/files/v{version}/take-00/mix.wav")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_another_machine_goes_on_with_what_is_kept_at_a_url(tmp_path: Path, short_leader_file: Path) -> None:
    url = f"memory://studio-{uuid.uuid4().hex}"
    with kept_studio(tmp_path / "one", url) as first:
        song = uploaded(first, short_leader_file, "Waltz.wav")
        done(first, first.post(f"/api/songs/{song}/render", json={"sample_rate": 16000}))
        mix = mix_of(first, song, 1)
        wait_for(lambda: kept_version(url, tmp_path) == 1, "version 1 at the URL")
    files = kept_list(url).songs[song]
    assert f"render/{MANIFEST}" in files
    assert not any("token" in name for name in files)
    assert files["render/.history/001/take-00/mix.wav"] == files["render/take-00/mix.wav"]  # it is there once

    with kept_studio(tmp_path / "two", url) as second:
        assert second.get(f"/api/songs/{song}").json()["title"] == "Waltz"
        assert mix_of(second, song, 1) == mix
        done(second, second.post(f"/api/songs/{song}/redo", json={"drop": ["bass"]}))
        wait_for(lambda: kept_version(url, tmp_path) == 2, "version 2 at the URL")
        newer = mix_of(second, song, 2)

    with kept_studio(tmp_path / "one", url) as first:  # its own folder is older than what is kept
        assert mix_of(first, song, 2) == newer != mix
        assert first.delete(f"/api/songs/{song}").status_code == 204
        wait_for(lambda: not kept_list(url).songs and len(far(url).below(FILES).names()) == 1, "the song is gone")
    (aside,) = (tmp_path / "one").glob("aside-*")
    assert (aside / "songs" / song).is_dir()


def test_a_url_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    assert working_folder(str(tmp_path)) == (tmp_path, None)
    assert working_folder(f"file://{tmp_path}") == (tmp_path, None)
    for url in ("nowhere://bucket/studio", "memory://studio"):
        with pytest.raises(OutputError):
            working_folder(url)
    for url in (str(tmp_path), f"file://{tmp_path}", "memory://studio"):  # of a Serve config, beside its folder
        with pytest.raises(OutputError):
            store_at(url)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[StudioStorage, str]:
    """A studio's folder with a song in it, all of it at a URL."""
    url, storage = f"memory://studio-{uuid.uuid4().hex}", StudioStorage(tmp_path / "one")
    save(storage, url, "first")
    return storage, url


def archive(storage: StudioStorage, url: str) -> StudioArchive:
    return archive_at(storage, far(url))


def save(storage: StudioStorage, url: str, song: str) -> StudioArchive:
    """Add a song, and keep it."""
    saving = archive(storage, url)
    storage.song(song).path.mkdir(parents=True, exist_ok=True)
    (storage.song(song).path / "upload.wav").write_bytes(song.encode())
    (storage.root / DATABASE).write_bytes(f"the list with {song}".encode())
    saving.save({song}, (storage.root / DATABASE).read_bytes())
    return saving


@pytest.mark.parametrize("killed_at", range(1, 5))
def test_whoever_is_killed_while_fetching_loses_neither_songs_nor_lists(
    kept: tuple[StudioStorage, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    _, url = kept
    own = StudioStorage(tmp_path / "own")
    (own.song("mine").path).mkdir(parents=True)
    (own.song("mine").path / "upload.wav").write_bytes(b"mine")
    (own.root / DATABASE).write_bytes(b"my list")
    count, rename = iter(range(1, 100)), Path.rename

    def until_killed(path: Path, target: Path) -> Path:
        if next(count) == killed_at:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", until_killed)
        with pytest.raises(KeyboardInterrupt):
            archive(own, url)
    again = StudioStorage(own.root)
    archive(again, url)
    assert (again.song("first").path / "upload.wav").read_bytes() == b"first"
    assert (again.root / DATABASE).read_bytes() == b"the list with first"
    aside = {path.read_bytes() for path in own.root.glob("aside-*/**/*") if path.is_file()}
    assert aside >= {b"mine", b"my list"}
    assert not (own.root / "fetched").exists()


def test_of_two_studios_at_a_url_the_earlier_writes_no_more(kept: tuple[StudioStorage, str], tmp_path: Path) -> None:
    storage, url = kept
    earlier = archive(storage, url)
    save(StudioStorage(tmp_path / "other"), url, "second")
    with pytest.raises(OutputError, match="is written by another studio; end one of them"):
        earlier.save({"first"}, b"an older list")
    assert kept_content(url, DATABASE) == b"the list with second"


def content(root: Path) -> dict[str, bytes]:
    """What another machine finds at the URL: the files of the song `first`, and the list."""
    storage = StudioStorage(root)
    return {path.name: path.read_bytes() for path in (*storage.song("first").path.iterdir(), storage.root / DATABASE)}


def meanwhile(patch: pytest.MonkeyPatch, call: str, happens: Callable[[], object], *, name: str = "") -> None:
    """Let something happen just before a call of the store (of files whose name ends so) is made the first time."""
    original, left = getattr(RemoteFolder, call), iter([happens])

    def called(place: RemoteFolder, file: str, *rest: Any) -> None:
        if file.endswith(name) and (happening := next(left, None)) is not None:
            happening()
        original(place, file, *rest)

    patch.setattr(RemoteFolder, call, called)


@pytest.mark.parametrize(("call", "name"), [("put", ""), ("write", ""), ("write", ".json")])
def test_a_studio_that_starts_while_another_saves_takes_over_and_loses_nothing(
    kept: tuple[StudioStorage, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, name: str
) -> None:
    storage, url = kept
    earlier, later = archive(storage, url), StudioStorage(tmp_path / "later")
    (storage.song("first").path / "more.wav").write_bytes(b"more")
    (storage.song("first").path / "upload.wav").write_bytes(b"changed")
    with monkeypatch.context() as patch:
        meanwhile(patch, call, lambda: archive(later, url), name=name)
        with pytest.raises(OutputError, match="is written by another studio; end one of them"):
            earlier.save({"first"}, b"an unseen list")
    archive(StudioStorage(tmp_path / "third"), url)
    assert content(tmp_path / "third") == {"upload.wav": b"first", DATABASE: b"the list with first"}
    with pytest.raises(OutputError):
        earlier.save({"first"}, b"an unseen list")
    save(later, url, "second")
    archive(StudioStorage(tmp_path / "fourth"), url)
    assert content(tmp_path / "fourth") == {"upload.wav": b"first", DATABASE: b"the list with second"}


def test_a_studio_that_is_still_written_while_it_is_fetched_is_left_alone(
    kept: tuple[StudioStorage, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, url = kept
    earlier, own = archive(storage, url), StudioStorage(tmp_path / "own")
    (own.root / DATABASE).write_bytes(b"my list")
    (storage.song("first").path / "more.wav").write_bytes(b"more")
    with monkeypatch.context() as patch:
        meanwhile(patch, "copy_here", lambda: earlier.save({"first"}, b"the list with first"))
        with pytest.raises(OutputError, match="is written by another studio; end one of them"):
            archive(own, url)
    assert (own.root / DATABASE).read_bytes() == b"my list"
    earlier.save({"first"}, b"a newer list")
    archive(own, url)
    assert content(own.root) == {"upload.wav": b"first", "more.wav": b"more", DATABASE: b"a newer list"}


def test_of_two_studios_that_start_in_the_same_moment_the_one_that_has_saved_goes_on(
    kept: tuple[StudioStorage, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = kept
    one, other = (StudioStorage(tmp_path / name) for name in ("same", "moment"))
    with monkeypatch.context() as patch:
        meanwhile(patch, "write", lambda: save(other, url, "second"), name=".json")
        with pytest.raises(OutputError, match="is written by another studio; end one of them"):
            archive(one, url)
    save(other, url, "third")
    archive(StudioStorage(tmp_path / "next"), url)
    assert content(tmp_path / "next") == {"upload.wav": b"first", DATABASE: b"the list with third"}


def test_what_a_url_has_lost_is_put_there_again(kept: tuple[StudioStorage, str]) -> None:
    storage, url = kept
    far(url).below(FILES).remove(kept_list(url).songs["first"]["upload.wav"])
    archive(storage, url).save({"first"}, b"the list")
    assert kept_content(url, "upload.wav") == b"first"


class _Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("killed_at", range(8))
def test_a_url_holds_a_whole_studio_at_every_moment(
    kept: tuple[StudioStorage, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    storage, url = kept
    saving, left = archive(storage, url), iter(range(killed_at))
    (storage.song("first").path / "upload.wav").write_bytes(b"changed")
    (storage.song("first").path / "more.wav").write_bytes(b"more")

    def until_killed(call: Callable[..., None]) -> Callable[..., None]:
        def called(place: RemoteFolder, name: str, *content: Any) -> None:
            if next(left, None) is None:
                if call is write and name.endswith(".json"):
                    write(place, name, content[0][:-5])  # half of a list is there
                raise _Killed
            call(place, name, *content)

        return called

    write = RemoteFolder.write
    with monkeypatch.context() as patch:
        for name in ("write", "put", "remove"):
            patch.setattr(RemoteFolder, name, until_killed(getattr(RemoteFolder, name)))
        with contextlib.suppress(_Killed):
            saving.save({"first"}, b"the changed list")
    other = StudioStorage(tmp_path / "other")
    archive(other, url)
    found = content(other.root)
    before = {"upload.wav": b"first", DATABASE: b"the list with first"}
    after = {"upload.wav": b"changed", "more.wav": b"more", DATABASE: b"the changed list"}
    assert found == (before if killed_at < 4 else after)
    assert far(url).below(FILES).names() == kept_list(url).digests()  # nothing else is left there


def test_a_damaged_file_of_a_url_is_told_and_nothing_here_is_replaced(
    kept: tuple[StudioStorage, str], tmp_path: Path
) -> None:
    _, url = kept
    far(url).below(FILES).write(kept_list(url).songs["first"]["upload.wav"], b"other")
    own = StudioStorage(tmp_path / "own")
    (own.root / DATABASE).write_bytes(b"my list")
    with pytest.raises(OutputError, match=r"its songs/first/upload\.wav is damaged"):
        archive(own, url)
    assert (own.root / DATABASE).read_bytes() == b"my list"


def test_what_was_not_kept_yet_is_kept_as_the_studio_ends(tmp_path: Path, short_leader_file: Path) -> None:
    url = f"memory://studio-{uuid.uuid4().hex}"
    storage = StudioStorage(tmp_path / "one")
    ending = archive(storage, url)
    with studio_at(storage.root) as client:
        song = uploaded(client, short_leader_file, "Waltz.wav")
    ending.finish()
    with kept_studio(tmp_path / "two", url) as second:
        assert second.get(f"/api/songs/{song}").json()["title"] == "Waltz"


def test_the_end_puts_what_a_replica_has_taken_away_and_nothing_again(
    kept: tuple[StudioStorage, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, url = kept
    (storage.root / DATABASE).unlink()
    upload, more = (storage.song("first").path / name for name in ("upload.wav", "more.wav"))
    ending, replica = archive(storage, url), archive(storage, url)
    upload.unlink()
    more.write_bytes(b"more")
    replica.save({"first"}, b"the list")
    upload.write_bytes(b"first")
    put: list[Path] = []
    original = RemoteFolder.put

    def noted(place: RemoteFolder, name: str, path: Path) -> None:
        put.append(path)
        original(place, name, path)

    monkeypatch.setattr(RemoteFolder, "put", noted)
    ending.finish()
    assert put == [upload]
    archive(StudioStorage(tmp_path / "other"), url)
    assert content(tmp_path / "other").keys() == {"upload.wav", "more.wav", DATABASE}
