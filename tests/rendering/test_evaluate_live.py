"""Figures of a band that follows live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import read_clip, write_clip
from ensemble.chart.text import parse_chart
from ensemble.config import load_band
from ensemble.errors import DataError
from ensemble.live.settings import LiveSettings
from ensemble.measure.annotations import Annotation
from ensemble.measure.live import BEAT_FIGURES, FIGURES, chart_of
from ensemble.rendering import evaluate_live as evaluating
from ensemble.rendering.evaluate_live import PLAYED, evaluate_live
from tests.listen.leader_sounds import RATE, chords, clicks, clip_of

BEAT_S = 0.55
FOUND = dict.fromkeys((*FIGURES, *PLAYED)) | {"replay_equal": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording of two chords, in turn a bar each, with its references."""
    place = tmp_path_factory.mktemp("references")
    triads = ([(48, 52, 55)] * 4 + [(43, 47, 50)] * 4) * 4
    sound = chords(triads, BEAT_S)
    sound = sound + 0.4 * clicks(60 / BEAT_S, len(sound) / RATE, 0.0, (1.0, 0.4, 0.6, 0.4))[: len(sound)]
    write_clip(place / "song.wav", clip_of(sound))
    beats = np.arange(len(triads)) * BEAT_S
    (place / "song.beats").write_text("".join(f"{beat:.3f} {at % 4 + 1}\n" for at, beat in enumerate(beats)))
    spans = np.arange(0, len(triads) + 1, 4) * BEAT_S
    labels = ["C:maj", "G:maj"] * 4
    rows = zip(spans[:-1], spans[1:], labels, strict=True)
    (place / "song.lab").write_text("".join(f"{start:.3f} {stop:.3f} {label}\n" for start, stop, label in rows))
    return place


def test_clear_beats_and_chords_are_followed(folder: Path) -> None:
    document = evaluate_live(folder, load_band("rock").with_voice("naive"), LiveSettings())
    assert document["beats_f"] > 0.85
    assert document["beat_error_p95_ms"] < 60
    assert document["lock_s"] < 6
    assert document["chord_tone_ratio"] > 0.5
    assert 0.0 < document["stop_reaction_bars"] < 2.0
    assert document["horizon_left_p99_ms"] < 1000 * LiveSettings().horizon_s
    assert document["offline_beats_f"] > 0.9
    assert document["clear"] == {name: document[name] for name in BEAT_FIGURES}
    assert document["replay_equal"]
    assert set(document["recordings"]["song"]) == {*FIGURES, *PLAYED, "replay_equal"}


def test_a_recording_whose_beats_come_late_is_counted_in_as_any_other(tmp_path: Path) -> None:
    silence_s, beats = 14.0, np.arange(12) * BEAT_S
    sound = np.concatenate([np.zeros(round(silence_s * RATE)), clicks(60 / BEAT_S, 7.0, 0.0)])
    write_clip(tmp_path / "late.wav", clip_of(sound))
    (tmp_path / "late.beats").write_text("".join(f"{silence_s + beat:.3f}\n" for beat in beats))
    live = LiveSettings(count_in_beats=4)
    document = evaluate_live(tmp_path, load_band("rock").with_voice("naive"), live, max_s=10.0)
    assert document["recordings"]["late"]["lock_s"] < BEAT_S


def test_who_is_counted_in_is_followed_from_the_first_beat(folder: Path) -> None:
    live = LiveSettings(count_in_beats=4)
    document = evaluate_live(folder, load_band("rock").with_voice("naive"), live, max_s=10.0)
    assert document["lock_s"] < BEAT_S
    assert document["beats_f"] == 1.0
    assert document["beat_error_p95_ms"] < 60
    assert document["replay_equal"]


def test_a_chart_is_followed_also_where_bars_are_left_out(folder: Path) -> None:
    band, live = load_band("rock").with_voice("naive"), LiveSettings()
    document = evaluate_live(folder, band, live, with_chart=True)
    assert document["chord_tone_ratio"] > 0.9
    assert document["lost_bars"] == 0
    assert document["clash_rate"] < document["offline_clash_rate"] + 0.01
    skipped = evaluate_live(folder, band, live, with_chart=True, skipped_bars=1)
    assert skipped["lost_bars"] <= 2
    assert skipped["chord_tone_ratio"] < document["chord_tone_ratio"]


def test_a_reference_tells_a_chart_from_its_first_bar_line_on() -> None:
    beats_s = np.arange(9) * 0.5
    reference = Annotation(
        beats_s=beats_s, downbeats_s=beats_s[1::4], beats_per_bar=4, chord_labels=("C:maj", "X", "A:min"),
        chord_spans_s=np.array([[0.0, 2.5], [2.5, 3.4], [3.4, 5.0]]),
    )  # fmt: skip
    text = chart_of(reference)
    assert text is not None
    assert parse_chart(text).tempo_bpm == 120
    assert [bar.chords for bar in parse_chart(text).bars] == [("C:maj",) * 4, ("C:maj", "C:maj", "A:min", "A:min")]
    assert chart_of(replace(reference, downbeats_s=None)) is None


def test_the_first_bar_line_of_a_chart_is_kept_wherever_it_lies(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar line is no whole number of frames: rounded up, it would lie before the beginning."""
    told: list[Annotation] = []
    monkeypatch.setattr(evaluating, "_played", lambda take, _: told.append(take.reference) or FOUND)
    clip = read_clip(folder / "song.wav")
    write_clip(tmp_path / "song.wav", clip_of(np.concatenate([np.zeros(round(0.337 * RATE)), clip.samples[0]])))
    lines = (folder / "song.beats").read_text().splitlines()
    later = [(float(line.split()[0]) + 0.337, line.split()[1]) for line in lines]
    (tmp_path / "song.beats").write_text("".join(f"{at_s:.3f} {place}\n" for at_s, place in later))
    (tmp_path / "song.lab").write_text("0.337 17.9 C:maj\n")
    evaluate_live(tmp_path, load_band("rock").with_voice("naive"), LiveSettings(), with_chart=True)
    assert told[0].downbeats_s is not None
    assert len(told[0].downbeats_s) == 8
    assert 0 <= told[0].downbeats_s[0] < 0.01


def test_a_folder_without_references_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "song.wav", clip_of(np.zeros(RATE)))
    with pytest.raises(DataError, match="beats or chords"):
        evaluate_live(tmp_path, load_band("rock"), LiveSettings())
    (tmp_path / "song.beats").write_text("0.5\n1.0\n")
    with pytest.raises(DataError, match="bars and chords"):
        evaluate_live(tmp_path, load_band("rock"), LiveSettings(), with_chart=True)
    with pytest.raises(DataError, match="no folder"):
        evaluate_live(tmp_path / "none", load_band("rock"), LiveSettings())
