"""Preparing a data set: done once per content, with the same bytes as hearing it anew, whatever happens on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
import yaml

from cluster.training.prepare import prepare
from ensemble.errors import ConfigError, DataError, OutputError
from ensemble.train.player.analysis import analyse
from ensemble.train.player.fit import fit_player as fit
from ensemble.train.player.material import gather
from ensemble.train.prepare import only_writer, survey
from ensemble.train.prepared import find_shard
from tests.train.player.test_fit import SMALL, weights
from tests.train.small_set import write_set

RATE = 16_000
CURVES = ("samples", "f0_hz", "loudness_db", "is_voiced")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four tracks; the first one's labels are gone, so that it must be listened to."""
    root = write_set(tmp_path / "set")
    tracks(root)[0].joinpath("labels", "S00.npz").unlink()
    return root


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def tracks(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir())


def shards(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(cache.rglob("*.safetensors"))}


@pytest.mark.parametrize("rate", [RATE, 32_000])
def test_what_was_prepared_is_what_would_have_been_heard(data, cache, tmp_path, rate):
    done = prepare(survey(data, cache, rate))
    assert (done.num_new, done.num_kept, done.skips, done.sound_s) == (4, 0, (), 16.0)
    heard, prepared = (gather(data, "violin", rate, prepared=folder) for folder in (tmp_path / "none", cache))
    assert heard.identity == prepared.identity
    pairs = list(zip([*heard.train, *heard.held_out], [*prepared.train, *prepared.held_out], strict=True))
    assert set(prepared.analyses) == {ours.name for _, ours in pairs}
    assert not heard.analyses
    for anew, ours in pairs:
        for curve in CURVES:
            assert getattr(anew, curve).dtype == getattr(ours, curve).dtype
            assert getattr(anew, curve).tobytes() == getattr(ours, curve).tobytes()
        for name in ("harmonics", "noise", "is_known"):
            again, kept = (getattr(one, name) for one in (analyse(anew), prepared.analyses[ours.name]))
            assert again.tobytes() == kept.tobytes()


def test_a_voice_learns_the_same_from_what_was_prepared(data, cache, tmp_path):
    prepare(survey(data, cache, RATE))
    short = SMALL.model_copy(update={"max_steps": 2, "audit_steps": 2})
    for name, folder in (("anew", tmp_path / "none"), ("prepared", cache)):
        fit(short, gather(data, "violin", RATE, prepared=folder), tmp_path / name)
    np.testing.assert_array_equal(weights(tmp_path / "anew"), weights(tmp_path / "prepared"))
    assert not (tmp_path / "prepared" / "analysis").exists()


def test_true_labels_stay_the_labels(data, cache):
    labels = tracks(data)[1] / "labels" / "S00.npz"
    with np.load(labels) as told:
        loudness_db = told["loudness_db"]
    np.savez(labels, f0_hz=np.full(400, 123.0, np.float32), loudness_db=loudness_db)
    prepare(survey(data, cache, RATE))
    pitches = [find_shard(path).curves.f0_hz for path in cache.rglob("*.safetensors")]
    assert sum(bool((f0_hz == 123.0).all()) for f0_hz in pitches) == 1


def test_only_what_is_new_is_done(data, cache):
    prepare(survey(data, cache, RATE))
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")}
    work = survey(data, cache, RATE)
    assert (work.new, work.num_kept) == ((), 4)

    moved = data.rename(data.with_name("moved"))
    assert survey(moved, cache, RATE).new == ()
    assert len(survey(moved, cache, 32_000).new) == 4

    louder = tracks(moved)[2] / "stems" / "S00.wav"
    samples, rate = soundfile.read(louder, dtype="float32")
    soundfile.write(louder, samples * np.float32(0.5), rate, subtype="FLOAT")
    shutil.copytree(tracks(moved)[1], moved / "Track09999")  # the same music again is nothing new
    work = survey(moved, cache, RATE)
    assert [take.audio for take in work.new] == [louder]
    assert work.num_kept == 4
    done = prepare(work)
    assert (done.num_new, done.num_kept) == (1, 4)
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_shard_is_made_again(data, cache, damage):
    prepare(survey(data, cache, RATE))
    whole = shards(cache)
    path = next(cache.rglob("*.safetensors"))
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-100] ^= 1
    path.write_bytes({"cut": content[: len(content) // 2], "flipped": content, "empty": b""}[damage])
    work = survey(data, cache, RATE)
    assert len(work.new) == 1
    prepare(work)
    assert shards(cache) == whole


def test_a_full_disk_keeps_what_is_finished(data, cache, monkeypatch):
    real, calls = os.fsync, []

    def fills_up(descriptor):
        calls.append(descriptor)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fills_up)
    with pytest.raises(OutputError, match=r"No space left on device.*prepare again.*kept"):
        prepare(survey(data, cache, RATE))
    monkeypatch.undo()
    assert len(shards(cache)) == 2
    assert not list(cache.rglob("*.part"))
    assert prepare(survey(data, cache, RATE)).num_new == 2


def test_what_cannot_be_prepared_is_named(data, cache):
    polyphonic, broken, drums, unknown = tracks(data)
    np.savez(polyphonic / "labels" / "S00.npz", f0_hz=np.zeros((2, 400)), loudness_db=np.zeros(400))
    (broken / "stems" / "S00.wav").write_bytes(b"RIFF no more")
    for track, facts in ((drums, {"is_drum": True}), (unknown, {"inst_class": "Theremin", "program_num": None})):
        (track / "metadata.yaml").write_text(yaml.safe_dump({"stems": {"S00": facts}}))
    write_set(cache.parent / "good", splits=("train",))
    shutil.copytree(tracks(cache.parent / "good")[0], data / "Track00099")
    done = prepare(survey(data, cache, RATE))
    assert (done.num_new, len(shards(cache))) == (1, 1)
    reasons = {next(part for part in skip.path.parts if part.startswith("Track")): skip.reason for skip in done.skips}
    assert "more than one voice" in reasons[polyphonic.name]
    assert reasons[broken.name]
    assert "hits" in reasons[drums.name]
    assert "Theremin is no instrument" in reasons[unknown.name]


def test_instruments_can_be_chosen(data, cache):
    assert len(survey(data, cache, RATE, ["violin"]).new) == 4
    with pytest.raises(DataError, match=r"no take of cello; it has violin"):
        survey(data, cache, RATE, ["cello"])
    with pytest.raises(ConfigError, match="kazoo"):
        survey(data, cache, RATE, ["kazoo"])
    with pytest.raises(ConfigError, match="22050"):
        survey(data, cache, 22_050)


def test_a_cache_has_one_writer(cache):
    with only_writer(cache), pytest.raises(OutputError, match="another process"), only_writer(cache):
        pass
    with only_writer(cache):
        pass


def test_what_a_killed_process_left_half_written_is_removed(data, cache):
    prepare(survey(data, cache, RATE))
    left = cache / ".shard.safetensors.99999.part"
    left.write_bytes(b"half")
    assert prepare(survey(data, cache, RATE)).num_kept == 4
    assert not left.exists()


def preparers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # others come and go meanwhile
            if "JobWorker" in " ".join(process.cmdline()[:1]):
                found.append(process)
    return found


@pytest.mark.ray
def test_a_killed_worker_loses_nothing(local_ray, tmp_path, cache, monkeypatch):
    """Though the path of the set is relative, and workers run in a folder of their own."""
    write_set(tmp_path / "set", splits=("train",) * 6)
    monkeypatch.chdir(tmp_path)
    data = Path("set")
    for track in tracks(data):
        (track / "labels" / "S00.npz").unlink()
    killed = []

    def kill_one(done, total, pace):
        if not killed:
            for victim in preparers():  # one of them is at work
                victim.kill()
                killed.append(victim.pid)

    work = survey(data, cache, RATE)
    done = prepare(work, jobs=2, on_take=kill_one)
    assert killed
    assert (done.num_new, done.skips) == (6, ())
    assert not list(cache.rglob("*.part"))
    prepare(survey(data, tmp_path / "alone", RATE))
    assert shards(cache) == shards(tmp_path / "alone")
    gone, _ = psutil.wait_procs(preparers(), timeout=60.0)
    assert not preparers(), gone
