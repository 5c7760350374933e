"""The listener's evaluation, on recordings that were composed, and its references, whole and damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli.app import app
from cluster.cli.evaluate_listening import show_listening
from ensemble.errors import DataError
from ensemble.measure.annotations import Annotation, kinds_in, read_annotation
from ensemble.measure.calibration import Statement, calibration_error, statements_of
from ensemble.measure.listening import evaluate_listening
from ensemble.measure.listening_scores import FIGURES, score
from ensemble.types.doubts import ChordDoubt, KeySection
from ensemble.types.music import Chord, Frames, Heard, Key
from tests.data.composed import needs_renderer
from tests.measure.composed_recordings import write_recordings

TRUE = Annotation(
    beats_s=np.arange(0.5, 20.5, 0.5), downbeats_s=np.arange(0.5, 20.5, 2.0), tempo_bpm=120.0, beats_per_bar=4,
    chord_spans_s=np.array([[0.5, 2.5], [2.5, 4.5], [6.5, 8.5]]), chord_labels=("C:maj", "A:min7", "X"), key="Eb minor",
    f0_s=np.arange(0.0, 5.0, 0.01), f0_hz=np.where(np.arange(500) < 100, 0.0, 220.0), onsets_s=np.array([1.0, 2.0]),
)  # fmt: skip
WRITTEN = {
    ".beats": "0.5 1\n1.0 2\n1.5 3\n2.0 1\n2.5 2\n3.0 3\n\n",
    ".lab": "0.0 1.5 C\n1.5\t3 A:min/b3\n4 5 X\n",
    ".key": "Eb minor\n",
    ".f0.csv": "0.00,0.0\n0.01, 220.5\n",
    ".notes.csv": "0.5,1.0,60\n0.5,0.9,64\n1.0,2.0,60.5\n",
}


def test_the_truth_scores_one() -> None:
    assert score(TRUE, TRUE) == dict.fromkeys(FIGURES, 1.0)


@pytest.mark.parametrize(
    ("change", "figures"),
    [
        ({"beats_s": np.arange(0.75, 20.5, 0.5)}, {"beats_f": 0.0}),
        ({"beats_s": np.arange(0.5, 20.5, 0.25)}, {"beats_f": 2 * 40 / (40 + 80)}),
        ({"downbeats_s": np.arange(1.0, 20.5, 2.0)}, {"downbeats_f": 0.0}),
        ({"tempo_bpm": 124.0}, {}),
        ({"tempo_bpm": 60.0}, {"tempo_acc1": 0.0}),
        ({"beats_per_bar": 3}, {"metre_accuracy": 0.0}),
        ({"key": "Gb major"}, {"key_weighted": 0.3}),
        ({"key": "Bb minor"}, {"key_weighted": 0.5}),
        ({"chord_labels": ("C:min", "A:maj", "C:maj")}, {"chords_majmin": 0.0}),
        ({"chord_labels": ("C:7", "F:maj", "C:maj")}, {"chords_majmin": 0.5, "chords_root": 0.5}),
        ({"f0_hz": np.where(np.arange(500) < 300, 0.0, 220.0)}, {"f0_rpa": 0.5}),
        ({"f0_hz": np.full(500, 440.0)}, {"f0_rpa": 0.0}),
        ({"onsets_s": np.array([1.0])}, {"onsets_f": 0.6667}),
        ({"beats_s": np.append(TRUE.beats_s, [30.0, 30.5])}, {}),  # the reference ends before
    ],
)
def test_each_error_costs_its_figure_alone(change: dict[str, Any], figures: dict[str, float]) -> None:
    assert score(TRUE, replace(TRUE, **change)) == pytest.approx(dict.fromkeys(FIGURES, 1.0) | figures, abs=5e-3)


def test_what_no_reference_tells_is_not_scored() -> None:
    assert score(Annotation(), TRUE) == dict.fromkeys(FIGURES)
    assert score(TRUE, Annotation()) == dict.fromkeys(FIGURES)


def said(confidence: float, num_right: int, num_wrong: int, subject: Any = "chord") -> list[Statement]:
    return [Statement(subject, confidence, is_right) for is_right in [True] * num_right + [False] * num_wrong]


def test_honest_confidences_have_no_error_and_boasts_have_theirs() -> None:
    assert calibration_error([]) is None
    assert calibration_error(said(0.8, 8, 2) + said(0.3, 3, 7)) == 0.0
    assert calibration_error(said(0.9, 5, 5)) == pytest.approx(0.4)
    assert calibration_error(said(0.9, 5, 5) + said(0.4, 4, 6, "key")) == pytest.approx(0.2)


@pytest.fixture
def spoken() -> Heard:
    mute, no_chroma = np.zeros(300, np.float32), np.zeros((12, 300), np.float32)
    c, a_minor = Chord(root=0, quality="maj"), Chord(root=9, quality="min")
    return Heard(
        frames=Frames(f0_hz=mute, loudness_db=mute, confidence=mute, onset=mute, chroma=no_chroma),
        beats_s=np.array([0.5, 1.0, 1.5, 2.0]), tempo_bpm=120.0, beats_per_bar=4, first_downbeat=0, tuning_cents=0.0,
        key=Key(tonic=9, mode="minor"), chords=(c, a_minor, a_minor, c),
        chord_doubts=tuple(ChordDoubt(confidence=sure, other=None) for sure in (0.9, 0.8, 0.7, 0.6)),
        key_sections=(KeySection(start_beat=0, key=Key(tonic=9, mode="minor"), confidence=0.5),),
    )  # fmt: skip


def test_chords_are_judged_beat_by_beat_where_the_reference_tells(spoken: Heard) -> None:
    spans = np.array([[0.5, 1.25], [1.25, 2.0], [2.0, 3.0]])
    reference = Annotation(chord_spans_s=spans, chord_labels=("C:maj", "A:min7", "X"), key="A minor")
    found = [(one.subject, one.confidence, one.is_right, one.weight) for one in statements_of(spoken, reference)]
    chords = [
        ("chord", 0.9, True, 0.5),
        ("chord", 0.8, False, 0.25),
        ("chord", 0.8, True, 0.25),
        ("chord", 0.7, True, 0.5),
    ]
    assert found == [*chords, ("key", 0.5, True, 3.0)]


def test_every_section_s_key_is_judged_as_long_as_it_lasts(spoken: Heard) -> None:
    sections = (*spoken.key_sections, KeySection(start_beat=2, key=Key(tonic=0, mode="major"), confidence=0.9))
    found = statements_of(replace(spoken, key_sections=sections), Annotation(key="A minor"))
    assert [one[:] for one in found] == [("key", 0.5, True, 1.5), ("key", 0.9, False, 1.5)]


def test_times_are_judged_where_the_reference_covers_them(spoken: Heard) -> None:
    reference = Annotation(
        beats_s=np.array([0.5, 1.0, 1.5]), downbeats_s=np.array([0.5]), tempo_bpm=120.0, beats_per_bar=4
    )
    sure = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    doubtful = replace(
        spoken, beats_s=np.array([0.52, 0.8, 1.5, 2.0]), beat_confidence=sure, bar_confidence=sure[:1],
        second_tempo_bpm=60.0, tempo_confidence=0.5,
    )  # fmt: skip
    found = [(one.subject, round(one.confidence, 3), one.is_right) for one in statements_of(doubtful, reference)]
    beats = [("beat", 0.9, True), ("beat", 0.8, False), ("beat", 0.7, True)]
    assert found == [("tempo", 0.5, True), *beats, ("bar", 0.9, True)]


def write(folder: Path, texts: dict[str, str]) -> Path:
    for suffix, text in texts.items():
        (folder / f"song{suffix}").write_text(text, encoding="utf-8")
    return folder / "song.wav"


def test_all_references_are_read(tmp_path: Path) -> None:
    assert read_annotation(tmp_path / "song.wav") is None
    found = read_annotation(write(tmp_path, WRITTEN))
    assert found is not None
    np.testing.assert_array_equal(found.downbeats_s, [0.5, 2.0])
    assert (found.tempo_bpm, found.beats_per_bar, found.key) == (120.0, 3, "Eb minor")
    assert found.chord_labels == ("C", "A:min/b3", "X")
    np.testing.assert_array_equal(found.f0_hz, [0.0, 220.5])
    np.testing.assert_array_equal(found.onsets_s, [0.5, 1.0])


@pytest.mark.parametrize(
    ("suffix", "text", "problem"),
    [
        (".beats", "0.5 1\nx 2\n", "song.beats:2: 'x' is no number"),
        (".beats", "0.5 1\n1.0\n", "song.beats:2: names a position in the bar, or lacks one"),
        (".beats", "0.5\n0.4\n", "song.beats:2: 0.4 s does not come after"),
        (".beats", "0.5 0\n", "song.beats:1: '0' is no position in a bar"),
        (".beats", "0.5 1 2\n", "song.beats:1: has 3 columns"),
        (".beats", "\n", "song.beats: is empty"),
        (".lab", "0 1 C\n\n1 2 Hm\n", "song.lab:3: 'Hm' is no chord"),
        (".lab", "0 1 C\n0.5 2 C\n", "song.lab:2: 0.5 s does not come after"),
        (".lab", "0 nan C\n", "song.lab:1: 'nan' is no number"),
        (".lab", "0 1\n", "song.lab:1: has 2 columns"),
        (".key", "H major\n", "song.key:1: 'H major' is no key"),
        (".key", "C major\nD major\n", "song.key: holds 2 lines"),
        (".f0.csv", "0,0\n0.01;220\n", "song.f0.csv:2: has 1 columns"),
        (".f0.csv", "0,-1\n", "song.f0.csv:1: -1 Hz is below 0"),
        (".notes.csv", "0,1,60\n2,1,60\n", "song.notes.csv:2: 1 s does not come after"),
        (".notes.csv", "0,1,200\n", "song.notes.csv:1: 200 is no MIDI pitch"),
    ],
)
def test_what_is_damaged_names_its_line(tmp_path: Path, suffix: str, text: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read_annotation(write(tmp_path, WRITTEN | {suffix: text}))
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(problem)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "song.lab").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"song\.lab: cannot be read \(not a text file\)"):
        read_annotation(tmp_path / "song.wav")


def test_kinds_stand_in_the_table(tmp_path: Path) -> None:
    assert kinds_in(tmp_path) == {}
    table = "# T\n\n| a | b |\n|---|---|\n| recording | s | kind |\n|---|---|---|\n| x | 3 | mono |\n| y | 4 | mix |\n"
    (tmp_path / "TABLE.md").write_text(table, encoding="utf-8")
    assert {"x": "mono", "y": "mix"}.items() <= kinds_in(tmp_path).items()


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("no folder"), lambda path: None])
def test_a_folder_without_references_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "set")
    done = CliRunner().invoke(app, ["evaluate", "listening", str(tmp_path / "set")])
    assert isinstance(done.exception, DataError)
    assert "no recording with a reference" in str(done.exception) or "is no folder" in str(done.exception)


@pytest.mark.slow
@needs_renderer
def test_composed_recordings_are_heard_and_compared_with_the_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_recordings(tmp_path, 3)
    told: list[tuple[str, int, int]] = []
    document = evaluate_listening(tmp_path, lambda *where: told.append(where))
    assert told == [(f"listening to {name}", done, 3) for done, name in enumerate(document["recordings"])]
    assert [one["kind"] for one in document["recordings"].values()] == ["mix", "mono", "poly"]
    assert document["counts"] == dict.fromkeys(FIGURES, 3) | {"f0_rpa": 1, "onsets_f": 1}
    assert document["recordings"]["mono-02"]["f0_rpa"] == document["f0_rpa"] == document["kinds"]["mono"]["f0_rpa"]
    assert document["recordings"]["poly-00"]["f0_rpa"] is document["kinds"]["poly"]["f0_rpa"] is None
    assert document["f0_rpa"] > 0.9
    assert document["chords_root"] > 0.5
    assert document["baseline"]["chords_root"] > 0.3
    assert 0.0 <= document["calibration_error"] < 0.5
    assert document["recordings"]["mono-02"]["calibration_error"] == document["kinds"]["mono"]["calibration_error"]
    low, high = document["intervals"]["beats_f"]
    assert low <= document["beats_f"] <= high
    json.dumps(document, allow_nan=False)
    show_listening(document)
    table = capsys.readouterr().out
    assert f"{document['beats_f']:.2f}" in table
    assert [line.split()[0] for line in table.splitlines()[1:4]] == ["mix-01", "mono-02", "poly-00"]
