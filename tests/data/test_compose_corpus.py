"""The whole composer on short pieces at 16 kHz; needs FluidSynth and its soundfont."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from ensemble.audio.spectra import power_spectra
from ensemble.data import slakh
from ensemble.data.compose.brightness import colour_table
from ensemble.data.compose.corpus import compose
from ensemble.data.compose.fluidsynth import SOUNDFONT
from ensemble.data.compose.labels import read_labels
from ensemble.errors import DataError
from ensemble.listen.loudness import loudness_db
from ensemble.types.music import DRUM_CLASSES
from tests.data.composed import SHORT_S, needs_renderer
from tests.mix.whole_peak import true_peak_dbtp

RATE = 16_000
SLAKH_KEYS = {
    "UUID", "audio_dir", "lmd_midi_dir", "midi_dir", "normalization_factor", "normalized", "overall_gain", "stems",
}  # fmt: skip
SLAKH_STEM_KEYS = {
    "audio_rendered", "inst_class", "integrated_loudness", "is_drum", "midi_program_name", "midi_saved", "plugin_name",
    "program_num",
}  # fmt: skip


def composed(out: Path, num_tracks: int = 3, **changes: object) -> Path:
    arguments = {"seed": 1, "sample_rate": RATE, "length_s": SHORT_S} | changes
    compose(out, num_tracks, **arguments)  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return composed(tmp_path_factory.mktemp("composed") / "set")


def parts(corpus: Path) -> list[tuple[Path, dict[str, object], dict[str, np.ndarray], np.ndarray]]:
    found = []
    for track in sorted(corpus.glob("Track*")):
        for part in json.loads((track / "composer.json").read_text())["parts"]:
            samples, _ = soundfile.read(track / "stems" / f"{part['stem']}.wav", dtype="float32")
            found.append((track, part, read_labels(track / "labels" / f"{part['stem']}.npz"), samples))
    return found


@needs_renderer
def test_the_layout_is_babyslakhs_with_labels_beside_it(corpus: Path) -> None:
    tracks = sorted(path.name for path in corpus.iterdir() if path.is_dir())
    assert tracks == ["Track00001", "Track00002", "Track00003"]  # and no draft is left
    for name in tracks:
        track = corpus / name
        document = yaml.safe_load((track / "metadata.yaml").read_text())
        assert set(document) == SLAKH_KEYS
        stems = document["stems"]
        assert all(set(stem) == SLAKH_STEM_KEYS for stem in stems.values())
        assert all((stem["program_num"] == 128) == stem["is_drum"] for stem in stems.values())
        expected = {"metadata.yaml", "all_src.mid", "mix.wav", "composer.json"}
        for stem in stems:
            expected |= {f"stems/{stem}.wav", f"MIDI/{stem}.mid", f"labels/{stem}.npz"}
        assert {str(p.relative_to(track)) for p in track.rglob("*") if p.is_file()} == expected


@needs_renderer
def test_every_mix_is_the_exact_sum_of_its_stems_below_full_scale(corpus: Path) -> None:
    for track in sorted(corpus.glob("Track*")):
        stems = [soundfile.read(path, dtype="int32")[0] for path in sorted(track.glob("stems/*.wav"))]
        mix, rate = soundfile.read(track / "mix.wav", dtype="int32")
        assert rate == RATE
        np.testing.assert_array_equal(np.sum(stems, axis=0, dtype=np.int64), mix)
        for sound in (mix, *stems):
            assert true_peak_dbtp([sound[None] / 2**31]) < 0.0
        assert np.abs(mix).max() > 2**31 * 0.05


@needs_renderer
def test_labels_are_one_value_per_frame_and_true_of_the_sound(corpus: Path) -> None:
    for _, part, labels, samples in parts(corpus):
        num_frames = len(samples) // (RATE // 100)
        for name in ("f0_hz", "f0_intended_hz", "loudness_db", "dynamics_curve", "dynamics_own"):
            assert labels[name].shape == (num_frames,)
            assert labels[name].dtype == np.float32
        np.testing.assert_array_equal(labels["loudness_db"], loudness_db(samples, RATE, num_frames))
        if part["role"] == "drums":
            assert not labels["f0_hz"].any()
            assert set(labels["hit_class"].tolist()) <= set(DRUM_CLASSES)
            assert len(labels["hit_time_s"]) == len(labels["hit_class"]) == len(labels["hit_velocity"]) > 10
        else:
            voiced = labels["f0_hz"] > 0
            np.testing.assert_array_equal(voiced, labels["f0_intended_hz"] > 0)
            assert labels["loudness_db"][voiced].mean() > labels["loudness_db"][~voiced].mean() + 20


@needs_renderer
def test_the_labelled_pitch_is_where_the_energy_is(corpus: Path) -> None:
    """The comb at the labelled harmonics holds far more energy than the comb a quarter tone above it."""
    for _, part, labels, samples in parts(corpus):
        if part["role"] == "drums":
            continue
        f0_hz, window = labels["f0_hz"], 2048
        steady = np.flatnonzero((f0_hz > 150) & (f0_hz < 1000))
        power = np.concatenate([block for _, block in power_spectra(samples, len(f0_hz), RATE // 100, window)])
        energy = {}
        for cents in (0, 50):
            bins = np.outer(f0_hz[steady] * 2 ** (cents / 1200), np.arange(3, 6)) * window / RATE
            energy[cents] = power[steady[:, None], np.rint(bins).astype(int)].sum()
        if len(steady) > 100:
            assert energy[0] > 8 * energy[50], part["instrument"]


@needs_renderer
def test_release_tails_are_gone_40_ms_after_a_note(corpus: Path) -> None:
    levels: dict[str, list[float]] = {}
    for _, part, labels, samples in parts(corpus):
        if part["role"] == "drums":
            continue
        stops, later = labels["note_stop_s"], np.append(labels["note_onset_s"][1:], np.inf)
        rms = lambda at_s: np.sqrt(np.square(samples[int(at_s * RATE) :][:96]).mean() + 1e-14)  # noqa: B023, E731
        for stop_s, next_s in zip(stops, later, strict=True):
            if next_s - stop_s > 0.06:
                levels.setdefault(str(part["instrument"]), []).append(
                    20 * np.log10(rms(stop_s + 0.04) / rms(stop_s - 0.01))
                )
    assert len(levels) == 8
    for name, found in levels.items():
        assert np.median(found) < -50, (name, found)
        assert max(found) < -25, (name, max(found))


@needs_renderer
def test_brightness_follows_dynamics_on_every_instrument_and_did_not_before(corpus: Path) -> None:
    rows = colour_table(corpus)
    assert len(rows) == 8
    for row in rows:
        assert row.after_percent_per_db > row.before_percent_per_db + 1.0, row
        assert 0.5 < row.after_percent_per_db < 8.0, row  # a few seconds of each: wide limits
        assert row.before_percent_per_db < 1.6, row
    assert 2.5 < np.median([row.after_percent_per_db for row in rows]) < 6.0
    assert np.median([row.after_correlation for row in rows]) > 0.75


@needs_renderer
def test_brightness_follows_dynamics_where_no_layer_of_the_soundfont_does(tmp_path: Path) -> None:
    rows = colour_table(composed(tmp_path / "winds", instruments=("oboe", "bassoon", "horn")))
    assert len(rows) == 3
    for row in rows:
        assert row.after_percent_per_db > row.before_percent_per_db + 1.0, row
        assert row.after_correlation > 0.7, row


@needs_renderer
def test_splits_hold_something_out_and_are_frozen_by_hash(corpus: Path, tmp_path: Path) -> None:
    splits = json.loads((corpus / "splits.json").read_text())
    assert {name: split for split, pieces in splits.items() for name in pieces} == {
        take.piece: take.split for take in slakh.read(corpus).takes
    }
    assert splits["train"]
    assert splits["valid"]  # three tracks, of which hashing alone would hold out none
    changed = tmp_path / "changed"
    shutil.copytree(corpus, changed)
    with (changed / "Track00002" / "labels" / "S01.npz").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(DataError, match=r"Track00002.*changed since splits\.json"):
        composed(changed)


@needs_renderer
def test_a_track_is_the_same_alone_again_and_after_an_interruption(corpus: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(corpus / "Track00001", again / "Track00001")
    half = again / ".Track00003.partial" / "stems"
    half.mkdir(parents=True)
    (half / "S00.wav").write_bytes(b"half a stem")
    seen: list[tuple[int, int]] = []
    report = compose(
        again, 3, seed=1, sample_rate=RATE, length_s=SHORT_S, jobs=2, on_progress=lambda _, *at: seen.append(at)
    )
    assert report.kept == ("Track00001",)
    assert report.made == ("Track00002", "Track00003")
    assert seen == [(2, 3), (3, 3)]
    assert not list(again.glob(".*"))
    for track in ("Track00002", "Track00003"):
        for path in sorted((corpus / track).rglob("*")):
            if path.is_file():
                assert path.read_bytes() == (again / track / path.relative_to(corpus / track)).read_bytes(), path
    assert (corpus / "splits.json").read_bytes() == (again / "splits.json").read_bytes()


@needs_renderer
def test_another_order_does_not_mix_with_what_is_there(corpus: Path) -> None:
    with pytest.raises(DataError, match=r"another composition \(seed differs\)"):
        composed(corpus, seed=9)


@needs_renderer
def test_a_folder_of_someone_elses_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "Track00001"
    theirs.mkdir()
    (theirs / "mix.wav").write_bytes(b"precious")
    with pytest.raises(DataError, match="was not written by the composer"):
        composed(tmp_path, 1)
    assert (theirs / "mix.wav").read_bytes() == b"precious"


def test_without_fluidsynth_the_error_names_the_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"fluidsynth.*apt install fluidsynth fluid-soundfont-gm"):
        composed(tmp_path / "set")
    assert not (tmp_path / "set").exists()


@needs_renderer
def test_what_cannot_be_written_is_named_and_finished_tracks_stay(corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus / "Track00001", tmp_path / "Track00001")
    (tmp_path / ".Track00002.partial").write_bytes(b"a file where the draft's folder must go")
    with pytest.raises(DataError, match=r"Track00002: cannot be written .*finished tracks are kept"):
        composed(tmp_path, 2)
    assert (tmp_path / "Track00001" / "mix.wav").read_bytes() == (corpus / "Track00001" / "mix.wav").read_bytes()


@needs_renderer
def test_without_a_soundfont_the_error_names_the_packages(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.sf2: there is no such soundfont; .*fluid-soundfont-gm"):
        composed(tmp_path / "set", soundfonts=[tmp_path / "absent.sf2"])


PROGRAMS = [(number, 0) for number in range(128)] + [(0, 128), (0, 0)]
PRESETS = b"phdr\x4c\x13\0\0" + b"".join(struct.pack("<20sHHHIII", b"", *one, *[0] * 4) for one in PROGRAMS)
"""The head of a soundfont with every program, whose sounds are missing."""


@needs_renderer
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"RIFF nothing", "is not a soundfont"),
        (b"RIFF\x10\0\0\0sfbkbroken", "has no presets"),
        (b"RIFF\0\x20\0\0sfbkLIST\xf0\x1f\0\0pdta" + PRESETS, "FluidSynth could not render"),
    ],
)
def test_what_is_no_soundfont_is_refused_and_not_replaced(content: bytes, named: str, tmp_path: Path) -> None:
    fake = tmp_path / "fake.sf2"
    fake.write_bytes(content)
    with pytest.raises(DataError, match=named):
        composed(tmp_path / "set", 1, soundfonts=[fake])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"style": "jazz"}, "style"),
        ({"sample_rate": 22_050}, "sample rate"),
        ({"num_tracks": 0}, "tracks"),
        ({"jobs": 0}, "jobs"),
        ({"length_s": (9.0, 3.0)}, "length"),
        ({"instruments": ["kazoo"]}, "instrument: 'kazoo' is not one of the composer's"),
        ({"instruments": ["oboe", "oboe"]}, "instruments: one is named twice"),
        ({"instruments": ["drums"]}, "instruments: drums alone"),
        ({"instruments": ["oboe"], "style": "songs"}, "instruments: are drawn for songs"),
    ],
)
def test_senseless_orders_are_refused_by_name(changes: dict[str, object], named: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=named):
        composed(tmp_path / "set", **changes)
    assert not (tmp_path / "set").exists()


@needs_renderer
def test_one_soundfont_can_be_held_out_and_the_players_chosen(tmp_path: Path) -> None:
    twin = tmp_path / "twin.sf2"
    shutil.copyfile(SOUNDFONT, twin)
    report = compose(
        tmp_path / "set", 4, seed=2, sample_rate=RATE, length_s=(4.0, 6.0), held_out=twin,
        instruments=["oboe", "steel_guitar"],
    )  # fmt: skip
    assert set(report.minutes) == {"oboe", "steel_guitar"}
    takes = slakh.read(tmp_path / "set").takes
    assert {(take.piece, take.source) for take in takes if take.split == "test"} == {("Track00004", "twin.sf2")}
    assert {take.source for take in takes if take.split != "test"} == {SOUNDFONT.name}
    assert {take.split for take in takes} == {"train", "valid", "test"}
    assert {take.instrument for take in takes} == {"oboe", "steel_guitar"}
    with pytest.raises(DataError, match=r"another composition \(instruments differs\)"):
        compose(tmp_path / "set", 4, seed=2, sample_rate=RATE, length_s=(4.0, 6.0), held_out=twin)
    twin.unlink()  # it is large


@needs_renderer
def test_a_soundfont_that_plays_cannot_be_held_out_under_any_name(tmp_path: Path) -> None:
    alias = tmp_path / "alias.sf2"
    alias.symlink_to(SOUNDFONT)
    with pytest.raises(DataError, match=r"alias\.sf2: plays pieces to learn from, too"):
        compose(tmp_path / "set", 4, held_out=alias)
    assert not (tmp_path / "set").exists()
