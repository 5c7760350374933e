"""Who leads a batch: folders and lists are read, names stay one visible component, links stay in their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.batch.leaders import MAX_NAME_BYTES, check_name, is_leader_list, leaders_of, read_leaders
from ensemble.errors import ConfigError, EnsembleError


def named(place: Path) -> dict[str, str]:
    """Refusals by name."""
    return {entry.name: entry.refusal for entry in read_leaders(place).entries}


def test_a_folder_gives_what_can_lead_by_name(tmp_path: Path) -> None:
    for name in ("b.wav", "a.KRN", "c.mid", "notes.txt", ".hidden.wav", "d.m4a"):
        (tmp_path / name).touch()
    (tmp_path / "sub.wav").mkdir()
    leaders = read_leaders(tmp_path)
    assert [entry.name for entry in leaders.entries] == ["a", "b", "c", "d"]
    assert [entry.leader for entry in leaders.entries] == [
        tmp_path / name for name in ("a.KRN", "b.wav", "c.mid", "d.m4a")
    ]
    assert leaders.skipped == ("notes.txt", "sub.wav")
    assert not any(entry.refusal for entry in leaders.entries)


def test_a_text_list_holds_a_leader_a_line(tmp_path: Path) -> None:
    text = "\ufeff# mine\r\none.wav\r\n\r\n/far/two.flac\nhttps://host/a%20b/three%204.wav?signature=secret\n"
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    entries = read_leaders(tmp_path / "list.txt").entries
    assert [(entry.name, str(entry.leader)) for entry in entries] == [
        ("one", str(tmp_path / "one.wav")),
        ("two", "/far/two.flac"),
        ("three 4", "https://host/a%20b/three%204.wav?signature=secret"),
    ]


def test_a_yaml_list_says_more_of_a_leader(tmp_path: Path) -> None:
    text = (
        "- one.wav\n- {leader: one.wav, name: again, band: my/band.yaml, seed: 7}\n- {leader: two.wav, band: quartet}\n"
    )
    (tmp_path / "list.yaml").write_text(text)
    first, second, third = read_leaders(tmp_path / "list.yaml").entries
    assert (first.name, first.band, first.seed) == ("one", None, None)
    assert (second.name, second.band, second.seed) == ("again", str(tmp_path / "my/band.yaml"), 7)
    assert third.band == "quartet"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        (".", "is a path"),
        ("..", "is a path"),
        ("../out", "is a path"),
        ("/etc/passwd", "is a path"),
        ("a/b", "is a path"),
        ("a\\b", "is a path"),
        ("a\0b", "invisible characters"),
        ("a\nb", "invisible characters"),
        ("a\x1b[2Jb", "invisible characters"),
        ("a\u2028b", "invisible characters"),
        ("a\udce9b", "invisible characters"),
        (".partial-host-1-x", "begins with a dot"),
        ("batch.json", "is reserved"),
        ("manifest.json", "is reserved"),
        ("take-00", "is reserved"),
        ("Con", "is reserved"),
        ("lpt1.txt", "is reserved"),
        ("é" * 128, f"is longer than {MAX_NAME_BYTES} bytes"),
    ],
)
def test_a_name_that_is_no_name_is_refused(name: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as refusal:
        check_name(name)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("name", ["song", "Señor (live) [2].take", "曲", "a b", "-rf", "é" * 127, "~", "take-1"])
def test_an_honest_name_is_accepted(name: str) -> None:
    check_name(name)


def test_a_bad_name_in_a_list_is_refused_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text('- {leader: a.wav, name: "../up"}\n- b.wav\n')
    refusals = named(tmp_path / "list.yaml")
    assert "is a path, not a name" in refusals["../up"]
    assert refusals["b"] == ""


@pytest.mark.parametrize(
    ("first", "second"), [("a.wav", "a.flac"), ("A.wav", "a.wav"), ("e\u0301.wav", "\u00e9.wav"), ("ß.wav", "SS.wav")]
)
def test_two_of_one_name_are_both_refused(tmp_path: Path, first: str, second: str) -> None:
    (tmp_path / "list.txt").write_text(f"{first}\n{second}\nb.wav\n", encoding="utf-8")
    one, other, third = read_leaders(tmp_path / "list.txt").entries
    assert "would be called" in one.refusal
    assert "would be called" in other.refusal
    assert str(other.leader) in one.refusal
    assert third.refusal == ""


def test_links_are_followed_inside_their_folder_only(tmp_path: Path) -> None:
    inside = tmp_path / "leaders"
    (inside / "deep").mkdir(parents=True)
    (tmp_path / "secret.wav").touch()
    (inside / "deep" / "real.wav").touch()
    (inside / "good.wav").symlink_to("deep/real.wav")
    (inside / "out.wav").symlink_to("../secret.wav")
    (inside / "absolute.wav").symlink_to(tmp_path / "secret.wav")
    (inside / "gone.wav").symlink_to("nothing.wav")
    (inside / "loop.wav").symlink_to("loop.wav")
    refusals = named(inside)
    assert refusals["good"] == ""
    assert "is a link out of its folder" in refusals["out"]
    assert "is a link out of its folder" in refusals["absolute"]
    assert "is a link that leads nowhere" in refusals["gone"]
    assert "is a link that leads nowhere" in refusals["loop"]


def test_a_linked_folder_is_as_good_as_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.wav").touch()
    (tmp_path / "real" / "b.wav").symlink_to("a.wav")
    (tmp_path / "link").symlink_to("real")
    assert named(tmp_path / "link") == {"a": "", "b": ""}


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    ((_, refusal),) = named(tmp_path).items()
    assert "holds invisible characters; give it a `name` in a list" in refusal
    assert refusal.isprintable()


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("list.txt", b"", "holds no leaders"),
        ("list.txt", b"# nobody\n\n", "holds no leaders"),
        ("list.txt", b"\xff\xfe\x00", "cannot be read (not a text file)"),
        ("list.yaml", b"", "is not a list of leaders"),
        ("list.yaml", b"leaders: [a.wav]", "is not a list of leaders"),
        ("list.yaml", b"- [a.wav]", "list.yaml: 1: is not a leader"),
        ("list.yaml", b"- a.wav\n- 7", "list.yaml: 2: is not a leader"),
        ("list.yaml", b"- {name: a}", "list.yaml: 1: leader: is missing"),
        ("list.yaml", b"- {leader: a.wav, sed: 1}", "unknown key 'sed'"),
        ("list.yaml", b"- {leader: a.wav, seed: -1}", "list.yaml: 1: seed: Input should be greater"),
        ("list.yaml", b"- {leader: a.wav, name: [x]}", "is not a leader"),
        ("list.yaml", b"- [[[", "is not YAML"),
    ],
)
def test_what_is_no_list_is_refused_with_its_place(tmp_path: Path, file: str, content: bytes, problem: str) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        read_leaders(tmp_path / file)
    assert problem in str(refusal.value)


def test_a_folder_without_leaders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no leaders; add recordings"):
        read_leaders(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ConfigError, match=r"holds no leaders \(1 other files\)"):
        read_leaders(tmp_path)


def test_a_list_that_multiplies_itself_stays_small(tmp_path: Path) -> None:
    doubling = "\n".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    (tmp_path / "list.yaml").write_text(f"- &a0 [x, x]\n{doubling}\n")
    with pytest.raises(ConfigError, match="its aliases stand for too much"):
        read_leaders(tmp_path / "list.yaml")


def test_only_folders_and_lists_are_many(tmp_path: Path) -> None:
    assert is_leader_list(tmp_path)
    assert is_leader_list("list.TXT")
    assert not is_leader_list("song.wav")
    assert not is_leader_list("s3://bucket/list.txt")
    assert not is_leader_list(None)
    assert not is_leader_list("a\0b")


@given(
    content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
)
@pytest.mark.parametrize("suffix", [".txt", ".yaml"])
def test_any_bytes_are_a_list_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    try:
        entries = read_leaders(path).entries
    except EnsembleError:
        return
    for entry in entries:
        assert entry.refusal or stays_below(tmp_path_factory.getbasetemp(), entry.name)


@given(name=st.text(max_size=300))
def test_any_name_is_below_the_root_or_refused(name: str) -> None:
    try:
        check_name(name)
    except ConfigError:
        return
    assert stays_below(Path("/root/of/all"), name)


@given(names=st.lists(st.sampled_from(["a.wav", "A.wav", "b.flac", "b.wav", "c/a.wav"]), max_size=5))
def test_nobody_who_is_not_refused_shares_a_folder(names: list[str]) -> None:
    accepted = [entry.name.casefold() for entry in leaders_of(names) if not entry.refusal]
    assert len(accepted) == len(set(accepted))


def stays_below(root: Path, name: str) -> bool:
    return os.path.dirname(os.path.normpath(os.path.join(root, name))) == str(root)  # noqa: PTH118, PTH120
