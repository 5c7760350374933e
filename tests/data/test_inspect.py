"""An inspection finds what was planted, and nothing in a clean set."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.data.inspect import inspect
from ensemble.data.inspect_alignment import late_ms
from ensemble.data.inspect_facts import Inspection, TakeFacts, document
from ensemble.data.inspect_pitch import Ear
from ensemble.data.inspect_sound import Clipping, hear_file
from ensemble.errors import DataError
from tests.data.miniature_sets import RATE, kit, late, line, lsx_track, rhythm, slakh_track, trio, urmp_piece, write


def facts(inspection: Inspection, piece: str, part: str) -> TakeFacts:
    return next(one for one in inspection.takes if (one.take.piece, one.take.part) == (piece, part))


def kinds(inspection: Inspection) -> set[tuple[str, str, str]]:
    return {(doubt.piece, doubt.part, doubt.kind) for doubt in inspection.doubts}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tracks of three parts without a fault."""
    root = tmp_path_factory.mktemp("clean")
    slakh_track(root / "Track00001", trio(3))
    slakh_track(root / "Track00002", trio(13), suffix=".flac")
    return root


@pytest.fixture(scope="module")
def of_clean(clean: Path) -> Inspection:
    return inspect(clean)


def test_a_clean_set_raises_no_doubt(of_clean: Inspection) -> None:
    assert of_clean.is_usable
    assert len(of_clean.takes) == 6
    assert of_clean.skips == ()
    assert of_clean.doubts == ()


def test_a_clean_set_is_measured_rightly(of_clean: Inspection) -> None:
    guitar, drums = facts(of_clean, "Track00001", "S01").sound, facts(of_clean, "Track00001", "S02").sound
    stem = trio(3)["guitar"]
    assert guitar.duration_s == 8.0
    assert guitar.sample_rate == RATE
    assert guitar.peak_dbfs == pytest.approx(20 * math.log10(np.abs(stem).max()), abs=0.01)
    rms_db = 10 * math.log10(np.square(stem).mean())
    assert guitar.loudness_lufs == pytest.approx(rms_db, abs=3.0)
    assert guitar.tuning_cents == pytest.approx(0.0, abs=4.0)
    assert guitar.voiced is not None
    assert guitar.voiced > 0.9
    assert guitar.pitch_confidence is not None
    assert guitar.pitch_confidence > 0.9
    assert guitar.polyphony == 0.0
    assert drums.tuning_cents is drums.pitch_confidence is drums.polyphony is None
    assert 0.5 < drums.sounding_s < 5.0


def test_the_same_set_gives_the_same_document(clean: Path, of_clean: Inspection) -> None:
    assert json.dumps(document(inspect(clean))) == json.dumps(document(of_clean))


@pytest.mark.parametrize(("delay_s", "part"), [(0.12, "guitar"), (-0.12, "guitar"), (0.12, "bass"), (0.06, "drums")])
def test_a_planted_delay_is_found_in_its_part_alone(tmp_path: Path, delay_s: float, part: str) -> None:
    stems = trio(3)
    moved = stems | {part: np.roll(stems[part], round(delay_s * RATE))}
    slakh_track(tmp_path / "Track00001", moved, mix=sum(stems.values()))
    found = inspect(tmp_path)
    name = f"S{list(stems).index(part):02}"
    assert facts(found, "Track00001", name).late_to_mix_ms == pytest.approx(1000 * delay_s, abs=15)
    assert facts(found, "Track00001", name).late_to_others_ms == pytest.approx(1000 * delay_s, abs=20)
    assert kinds(found) == {("Track00001", name, "misaligned")}


def test_a_delay_that_is_in_the_mix_too_is_found_against_the_others(tmp_path: Path) -> None:
    stems = trio(3)
    lsx_track(tmp_path / "tr" / "0001", stems | {"guitar": late(stems["guitar"], 0.12)})
    found = inspect(tmp_path)
    assert facts(found, "tr/0001", "guitar").late_to_others_ms == pytest.approx(120, abs=15)
    assert ("tr/0001", "guitar", "misaligned") in kinds(found)


def test_parts_that_share_nothing_are_not_called_late(tmp_path: Path) -> None:
    stems = {
        "bass": line(rhythm(31), 40, seed=1),
        "guitar": line(rhythm(47), 55, seed=2),
        "drums": kit(rhythm(71), seed=3),
    }
    lsx_track(tmp_path / "tr" / "0001", stems)
    found = inspect(tmp_path)
    assert [facts(found, "tr/0001", part).late_to_others_ms for part in stems] == [None] * 3
    assert kinds(found) == set()


def test_an_even_pulse_does_not_tell_late_from_early() -> None:
    pulse = np.zeros(1500, dtype=np.float32)
    pulse[10::24] = 1.0  # notes every 240 ms: 120 ms late is 120 ms early
    uneven = np.zeros(1500, dtype=np.float32)
    uneven[(10 + np.cumsum(np.random.default_rng(3).integers(14, 47, size=45)))] = 1.0
    assert late_ms(np.roll(pulse, 12), pulse) is None
    assert late_ms(np.roll(uneven, 12), uneven) == pytest.approx(120, abs=3)
    assert late_ms(np.roll(pulse, 3), pulse) == pytest.approx(30, abs=3)
    assert late_ms(np.zeros_like(pulse), pulse) is None


@pytest.mark.parametrize("cents", [-25.0, 30.0])
def test_a_planted_tuning_is_measured(tmp_path: Path, cents: float) -> None:
    slakh_track(tmp_path / "Track00001", trio(3, cents=cents))
    found = inspect(tmp_path)
    for part in ("S00", "S01"):
        assert facts(found, "Track00001", part).sound.tuning_cents == pytest.approx(cents, abs=5)
    assert kinds(found) == {("Track00001", part, "tuning") for part in ("S00", "S01")}


def test_planted_clipping_is_counted(tmp_path: Path) -> None:
    stems = trio(3)
    stems["guitar"] = np.clip(stems["guitar"] * 12, -1, 1)
    slakh_track(tmp_path / "Track00001", stems, suffix=".flac")
    found = inspect(tmp_path)
    assert facts(found, "Track00001", "S01").sound.clipped_runs > 50
    assert facts(found, "Track00001", "S00").sound.clipped_runs == 0
    assert ("Track00001", "S01", "clipped") in kinds(found)


def test_clipping_is_told_from_a_loud_sine_and_joins_change_nothing() -> None:
    t = np.arange(48_000) / 48_000
    loud = np.round(np.sin(2 * np.pi * 200 * t) * 32_767).astype(np.float32)[None, :] / np.float32(32_768)
    clipped = np.clip(loud * 1.2, -1, np.float32(32_767 / 32_768))
    for sound, expected in ((loud, 0), (clipped, 400)):
        for piece in (1, 7, 1000, 48_000):
            clipping = Clipping(1)
            for start in range(0, 4800 if piece == 1 else 48_000, piece):
                clipping.see(sound[:, start : start + piece])
            assert clipping.runs == (expected // 10 if piece == 1 else expected)


def test_the_ear_hears_the_same_in_any_pieces() -> None:
    sound = np.tile(trio(3)["guitar"], 4).astype(np.float32)[: 30 * RATE]
    heard = []
    for piece in (1234, len(sound)):
        ear = Ear(None)
        for start in range(0, len(sound), piece):
            ear.hear(sound[start : start + piece])
        ear.finish()
        heard.append((ear.onset().tobytes(), ear.sounding_s, len(ear.onset())))
    assert heard[0] == heard[1]
    assert heard[0][2] == 3000


def test_pitch_is_heard_in_as_much_as_was_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", trio(3)["guitar"])
    assert hear_file(path, max_pitch_s=2.0)[0].heard_s == pytest.approx(2.0, abs=0.02)
    assert hear_file(path, max_pitch_s=None)[0].heard_s > 6.0
    nothing = hear_file(path, max_pitch_s=0.0).sound
    assert nothing.heard_s == 0.0
    assert nothing.voiced is None
    whole = hear_file(path, max_pitch_s=None)[0]
    assert replace(whole, heard_s=0.0, voiced=None, pitch_confidence=None, polyphony=None, tuning_cents=None) == nothing


def test_what_is_asked_for_is_spread_over_the_recording(tmp_path: Path) -> None:
    times = rhythm(3)
    flat, sharp, rest = line(times, 55, seed=1, cents=-30), line(times, 55, seed=1, cents=10), np.zeros(25 * RATE)
    path = write(tmp_path / "a.wav", np.concatenate([rest, flat, flat, *[sharp] * 10]))
    sound = hear_file(path, max_pitch_s=20.0).sound
    assert 15.0 < sound.heard_s < 20.1
    assert sound.tuning_cents is not None
    assert sound.tuning_cents > -5  # of its first 20 sounding seconds it would be -25 or so


def test_several_voices_on_one_violin_are_doubted(tmp_path: Path) -> None:
    times = rhythm(3)[::2]
    alone = line(times, 60, seed=1)
    chords = alone + line(times, 67, seed=5) + line(times, 76, seed=6)
    urmp_piece(tmp_path, "01", "Jupiter", [("vn", alone), ("vn", chords)])
    found = inspect(tmp_path)
    assert facts(found, "01_Jupiter_vn_vn", "1_vn").sound.polyphony == 0.0
    polyphony = facts(found, "01_Jupiter_vn_vn", "2_vn").sound.polyphony
    assert polyphony is not None
    assert polyphony > 0.5
    assert {doubt for doubt in kinds(found) if doubt[2] == "polyphonic"} == {("01_Jupiter_vn_vn", "2_vn", "polyphonic")}


def damaged_track(root: Path) -> None:
    """One good stem and every way a stem can fail."""
    names = ("good", "nan", "inf", "silent", "cut_wav", "cut_flac", "text", "empty", "short", "long")
    good = trio(3)["guitar"]
    track = slakh_track(root / "Track00001", dict.fromkeys(names, good), mix=good, programs=dict.fromkeys(names, 27))
    path = {name: track / "stems" / f"S{number:02}.wav" for number, name in enumerate(names)}
    broken = good.copy()
    broken[RATE] = np.nan
    write(path["nan"], broken)
    broken[RATE] = np.inf
    write(path["inf"], broken)
    write(path["silent"], good * 0)
    write(path["short"], good[: 5 * RATE])
    write(path["long"], np.concatenate([good, good]))
    path["cut_wav"].write_bytes(path["good"].read_bytes()[:100_000])
    path["cut_flac"].unlink()
    flac = write(track / "stems" / "S05.flac", good + np.random.default_rng(1).normal(0, 0.1, len(good)))
    flac.write_bytes(flac.read_bytes()[:60_000])
    path["text"].write_text("these are words\n" * 1000)
    path["empty"].write_bytes(b"")


def test_every_stem_that_cannot_be_used_is_named_with_its_reason(tmp_path: Path) -> None:
    damaged_track(tmp_path)
    found = inspect(tmp_path)
    assert [one.take.part for one in found.takes] == ["S00"]
    reasons = {skip.path.stem: skip.reason for skip in found.skips}
    expected = {
        "S01": "not numbers near 1.00 s", "S02": "not numbers near 1.00 s", "S03": "silent throughout",
        "S04": "cut short", "S05": "", "S06": "cannot be decoded", "S07": "is empty",
        "S08": "lasts 5.00 s where its piece lasts 8.00 s", "S09": "lasts 16.00 s where its piece lasts 8.00 s",
    }  # fmt: skip
    assert set(reasons) == set(expected)
    for part, words in expected.items():
        assert words in reasons[part], (part, reasons[part])
    assert "damaged" in reasons["S05"] or "cut short" in reasons["S05"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patches=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 4000) | st.none(),
    suffix=st.sampled_from([".wav", ".flac"]),
)
def test_whatever_lies_in_a_file_is_measured_or_refused(
    tmp_path: Path, patches: list[tuple[int, int]], length: int | None, suffix: str
) -> None:
    good = write(tmp_path / f"good{suffix}", trio(3)["guitar"][RATE : RATE + 4000])
    content = bytearray(good.read_bytes())
    for place, value in patches:
        content[place] = value
    bad = tmp_path / f"bad{suffix}"
    bad.write_bytes(content[:length])
    try:
        sound, onset, _ = hear_file(bad, max_pitch_s=None)
    except DataError:
        return
    assert sound.duration_s > 0
    assert np.isfinite(onset).all()
    json.dumps(asdict(sound), allow_nan=False)


def test_without_a_mix_the_length_of_most_parts_counts(tmp_path: Path) -> None:
    good = trio(3)["guitar"]
    piece = urmp_piece(tmp_path, "01", "Jupiter", [("vn", good), ("vn", good), ("vc", good)])
    write(piece / "AuSep_2_vn_01_Jupiter.wav", good[: 4 * RATE])
    next(piece.glob("AuMix*")).write_text("no sound")
    found = inspect(tmp_path)
    assert [one.take.part for one in found.takes] == ["1_vn", "3_vc"]
    assert {skip.path.name.split("_")[0] for skip in found.skips} == {"AuSep", "AuMix"}
    assert all(one.late_to_mix_ms is None for one in found.takes)


def test_recordings_of_a_folder_have_any_length_each(tmp_path: Path) -> None:
    times = rhythm(3)
    write(tmp_path / "violin" / "song.wav", line(times, 62, seed=1))
    write(tmp_path / "cello" / "song.wav", line(times[:8], 40, seed=1)[: 4 * RATE])
    write(tmp_path / "theremin" / "song.wav", line(times, 62, seed=1, rate=44_100), 44_100)
    found = inspect(tmp_path)
    write(tmp_path / "violin" / "song.flac", line(times[:8], 62, seed=1)[: 4 * RATE])
    assert len(inspect(tmp_path, max_seconds_per_take=0.5).takes) == 4
    assert found.skips == ()
    report = document(found)
    assert report["sample_rates"] == {"16000": 2, "44100": 1}
    assert [(row["instrument"], row["label"], row["minutes"]) for row in report["instruments"]] == [
        ("violin", "violin", pytest.approx(8 / 60, abs=1e-3)), ("cello", "cello", pytest.approx(4 / 60, abs=1e-3)),
        (None, "theremin", pytest.approx(8 / 60, abs=1e-3)),
    ]  # fmt: skip


def test_the_document_adds_up(of_clean: Inspection) -> None:
    report = json.loads(json.dumps(document(of_clean), allow_nan=False))
    assert report["dataset"] == "slakh"
    assert report["pieces"] == 2
    assert (
        report["num_takes"] == sum(split["takes"] for split in report["splits"].values()) == len(report["takes"]) == 6
    )
    assert report["minutes"] == pytest.approx(6 * 8 / 60, abs=1e-3)
    assert sum(row["sounding_minutes"] for row in report["instruments"]) == pytest.approx(
        report["sounding_minutes"], abs=2e-3
    )
    assert 0.0 < report["silence"] < 0.6
    assert report["licences"] == [{"licence": "CC BY 4.0 (Manilow et al. 2019)", "may_ship": False, "takes": 6}]
    assert {take["audio"] for take in report["takes"] if take["piece"] == "Track00002"} == {
        f"Track00002/stems/S{number:02}.flac" for number in range(3)
    }


def test_progress_goes_from_nothing_to_everything(clean: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    inspect(clean, on_progress=lambda stage, done, total: seen.append((stage, done, total)), max_seconds_per_take=1.0)
    assert seen[0] == ("inspect", 0, 6)
    assert seen[-1] == ("inspect", 6, 6)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_a_set_in_which_nothing_sounds_is_not_usable(tmp_path: Path) -> None:
    slakh_track(tmp_path / "Track00001", {"bass": np.zeros(RATE), "guitar": np.zeros(RATE)})
    found = inspect(tmp_path)
    assert not found.is_usable
    assert len(found.skips) == 2


def test_no_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        inspect(tmp_path / "absent")


def test_the_real_excerpt_is_mostly_silence(shared_audio: Path) -> None:
    found = inspect(shared_audio / "babyslakh_16k")
    assert [one.take.part for one in found.takes] == ["S00"]
    assert sum("silent" in skip.reason for skip in found.skips) == 9
    assert len(found.skips) == 11
    guitar = found.takes[0].sound
    assert guitar.sample_rate == RATE
    assert guitar.duration_s == 2.0
    assert guitar.tuning_cents == pytest.approx(0, abs=10)


def test_a_folder_of_scores_is_counted_without_a_minute(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "tune.krn").write_text("**kern\n*M4/4\n*k[]\n4c\n4d\n4e\n4f\n=\n1g\n==\n*-\n")
    report = document(inspect(tmp_path))
    assert report["dataset"] == "essen"
    assert report["is_usable"]
    assert (report["num_written"], report["num_takes"], report["minutes"], report["silence"]) == (1, 0, 0.0, None)
    assert [row["may_ship"] for row in report["licences"]] == [False]


def test_a_file_without_a_length_is_measured_whole_and_one_that_ends_early_is_doubted(tmp_path: Path) -> None:
    sound = 0.3 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE).astype(np.float32)
    path = write(tmp_path / "streamed.flac", sound)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    facts = hear_file(path, max_pitch_s=2.0).sound
    assert (facts.duration_s, facts.faults) == (4.0, ())
    assert facts.heard_s > 1.0
    cut = write(tmp_path / "cut.wav", sound)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    facts = hear_file(cut, max_pitch_s=0.0).sound
    assert facts.duration_s == pytest.approx(2.0, abs=0.01)
    assert facts.faults == ("The file ends early: 2.0 of 4.0 s are missing.",)
