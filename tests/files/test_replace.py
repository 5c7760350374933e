"""Files that are whole or not there, and their digests."""

from __future__ import annotations

import hashlib

import pytest

from ensemble.errors import AudioError, OutputError
from ensemble.files.digest import file_digest, recording_digest
from ensemble.files.replace import replacing, write_output, write_whole


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"first")
    with replacing(path) as aside:
        aside.write_bytes(b"second")
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_may_be_as_long_as_names_can_be(tmp_path):
    path = tmp_path / ("x" * 255)
    write_whole(path, b"all of it")
    assert path.read_bytes() == b"all of it"


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt])
def test_what_was_there_stays_after_an_error(tmp_path, error):
    path = tmp_path / "file"
    write_whole(path, b"first")

    def interrupted() -> None:
        with replacing(path) as aside:
            aside.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot be written \(.*name another"):
        write_output(tmp_path / "file" / "below", b"", "name another")


def test_a_digest_is_of_the_whole_content(tmp_path):
    content = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_sound_that_cannot_be_read_is_told_in_one_line(tmp_path):
    with pytest.raises(AudioError, match=r"nothing.*cannot be read \(No such file"):
        recording_digest(tmp_path / "nothing")
