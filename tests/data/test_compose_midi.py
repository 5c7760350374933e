from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from ensemble.data.compose import midi
from ensemble.data.compose.performance import ComposedPerformance, perform, velocity_db
from ensemble.data.compose.piece import Piece, draw_piece
from ensemble.data.compose.tempo import TICKS_PER_QUARTER
from ensemble.files.midi import save_midi


def seconds(path: Path) -> list[tuple[float, mido.Message]]:
    """Every message of a file with its time by mido, which is not the code under test."""
    now, found = 0.0, []
    for message in mido.MidiFile(str(path)):
        now += message.time
        found.append((now, message))
    return found


def save(path: Path, piece: Piece, performance: ComposedPerformance) -> None:
    tracks = [midi.lead_track(piece.metre, piece.tempo), midi.player_track(performance, piece.tempo)]
    save_midi(path, tracks, TICKS_PER_QUARTER)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Piece, ComposedPerformance, Path]]:
    folder = tmp_path_factory.mktemp("midi")
    piece = draw_piece(2, 4, "house", (10.0, 12.0))
    found = []
    for index, part in enumerate(piece.parts):
        performance, path = perform(piece, part), folder / f"{index}.mid"
        save(path, piece, performance)
        found.append((piece, performance, path))
    return found


def test_a_reader_finds_every_note_at_its_labelled_time(written: list[tuple[Piece, ComposedPerformance, Path]]) -> None:
    for _, performance, path in written:
        struck = [(at, m) for at, m in seconds(path) if m.type == "note_on"]
        assert [(m.note, m.velocity) for _, m in struck] == [(n.midi, n.velocity) for n in performance.notes]
        np.testing.assert_allclose([at for at, _ in struck], [n.onset_s for n in performance.notes], atol=2e-5)
        released = sorted(at for at, m in seconds(path) if m.type == "note_off")
        np.testing.assert_allclose(released, sorted(n.stop_s for n in performance.notes), atol=2e-5)


def test_volume_expression_and_velocity_together_give_the_asked_level(
    written: list[tuple[Piece, ComposedPerformance, Path]],
) -> None:
    for piece, performance, path in written:
        if performance.part.player.is_drums:
            continue
        volume, expression, velocity, misses = 100, 127, 127, []
        notes = {round(note.onset_s, 4): note for note in performance.notes}
        for at, message in seconds(path):
            if message.type == "control_change" and message.control == 7:
                volume = message.value
            if message.type == "control_change" and message.control == 11:
                expression = message.value
            if message.type == "note_on" and message.velocity:
                velocity = message.velocity
                frame = min(int(notes[round(at, 4)].onset_s * 100) + 1, piece.num_frames - 1)
                sounding_db = 40 * np.log10(volume * expression / 127**2) + velocity_db(velocity)
                reachable_db = min(performance.level_db[frame], velocity_db(velocity))
                misses.append(sounding_db - reachable_db)
        assert np.percentile(np.abs(misses), 90) < 0.2  # every note begins at its own level
        assert abs(np.median(misses)) < 0.1


def test_bends_follow_the_pitch_curve(written: list[tuple[Piece, ComposedPerformance, Path]]) -> None:
    for piece, performance, path in written:
        if performance.part.player.is_drums:
            continue
        times = [(at, m.pitch) for at, m in seconds(path) if m.type == "pitchwheel"]
        frame = np.arange(piece.num_frames) / 100 + 0.003
        held = np.searchsorted([at for at, _ in times], frame, side="right") - 1
        sent = np.array([0] + [pitch for _, pitch in times])[held + 1] / 8192 * 200
        assert np.abs(sent - performance.bend_cents).max() < 0.05
        assert np.ptp(sent) > 5


def test_the_release_is_shortened_as_the_soundfont_standard_says() -> None:
    sent = [(message.control, message.value) for message in midi.nrpn(midi.RELEASE, -3600, 0)]
    assert sent[:2] == [(99, 120), (98, 38)]
    data = dict(sent[2:])
    assert data[6] * 128 + data[38] == 8192 - 1800
    assert sent[-1][0] == 6  # the synthesizer acts on this one: all else must have come before


def test_softer_notes_close_the_filter_further(written: list[tuple[Piece, ComposedPerformance, Path]]) -> None:
    for _, performance, _ in written:
        if performance.part.player.is_drums:
            continue
        loudest = np.array([note.loudest_db for note in performance.notes])
        cents = np.array([note.filter_cents for note in performance.notes])
        assert np.corrcoef(loudest, cents)[0, 1] > 0.8
        assert cents.min() < -1000


def test_the_same_piece_gives_the_same_bytes(
    written: list[tuple[Piece, ComposedPerformance, Path]], tmp_path: Path
) -> None:
    piece = draw_piece(2, 4, "house", (10.0, 12.0))
    performance = perform(piece, piece.parts[1])
    again = tmp_path / "again.mid"
    save(again, piece, performance)
    assert again.read_bytes() == written[1][2].read_bytes()
    assert again.read_bytes() != written[0][2].read_bytes()
