"""A listener learns the chords and beats of composed pieces; the product hears what the trainer does, in any pieces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cluster.cli.app import app
from ensemble.audio.files import read_clip
from ensemble.errors import DataError, ListenerError
from ensemble.listen.causal_features import HOP_SAMPLES, LOWEST_MIDI, NUM_STEPS, features_of, windows_of
from ensemble.listen.causal_file import LISTENER
from ensemble.listen.causal_network import CausalListener
from ensemble.measure.listening_causal import evaluate_listener
from ensemble.train.listener.crops import NOT_ASKED, ListenerDataset
from ensemble.train.listener.fit import fit_listener
from ensemble.train.listener.material import composed_pieces, gather
from ensemble.train.listener.network import ListenerNet
from ensemble.train.listener.settings import ListenerAugmentation, TrainListenerSettings
from tests.train.listener.chord_set import BEAT_S, BEATS_PER_BAR, chord_sound, write_chord_set

SETTINGS = TrainListenerSettings(
    hidden=24, qualities=("maj", "min"), batch_size=4, crop_frames=100, max_steps=40, audit_steps=40, audit_crops=6,
    learning_rate=0.01, dropout=0.0, rise_steps=5, device="cpu",
)  # fmt: skip
PLAIN = ListenerAugmentation(
    shift_semitones=0.0,
    gain_db=0.0,
    drop_share=0.0,
    alone_share=0.0,
    room_share=0.0,
    band_share=0.0,
    drive_share=0.0,
    noise_share=0.0,
)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chord_set(tmp_path_factory.mktemp("chords") / "set")


@pytest.fixture(scope="module")
def trained(pieces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("listener")
    fit_listener(SETTINGS, gather([pieces]), out)
    return out


def test_the_composer_knows_the_truth(pieces: Path) -> None:
    (piece,) = composed_pieces([pieces], "test")
    assert (piece.beats_per_bar, len(piece.bar_chords), piece.sounds_chords) == (4, 8, (True, False))
    crop = ListenerDataset([piece], SETTINGS.model_copy(update={"augment": PLAIN, "crop_frames": 380}), 0)[0]
    changes = np.flatnonzero(np.diff(crop["chords"])) + 1
    downbeats = np.flatnonzero(crop["beats"][:, 1] == 1)
    assert np.isin(changes, [downbeats - 1, downbeats, downbeats + 1]).all()
    assert set(np.diff(downbeats).tolist()) == {round(25 * BEAT_S * BEATS_PER_BAR)}
    bar = round(crop["chords"].shape[0] / 25 / (BEAT_S * BEATS_PER_BAR)) // 2
    rows = {(chord.root - LOWEST_MIDI) % 12 for chord in piece.bar_chords if chord is not None}
    assert set((crop["chords"][crop["chords"] != NOT_ASKED] // 2).tolist()) <= rows
    assert bar > 0


def test_a_transposed_piece_is_asked_for_transposed_chords(pieces: Path) -> None:
    """The pitch class that sounds in the bass is the one that is asked for, however fast and high the piece is."""
    taught = composed_pieces([pieces], "train")
    shifted = ListenerDataset(
        taught, SETTINGS.model_copy(update={"augment": PLAIN.model_copy(update={"shift_semitones": 5.0})}), 0
    )
    for item in range(6):
        crop = shifted[item]
        bass = crop["features"][:, : 3 * 24 + 1].numpy()  # thirds of a semitone, two octaves
        heard = (np.argmax(bass, axis=1) - 1) / 3 % 12
        asked = (crop["chords"] // 2).numpy()
        away = np.abs((heard - asked + 6) % 12 - 6)[crop["chords"] != NOT_ASKED]
        assert np.median(away) <= 0.7


def test_one_voice_has_no_chord_and_silence_no_beat(pieces: Path) -> None:
    alone = SETTINGS.model_copy(update={"augment": PLAIN.model_copy(update={"alone_share": 0.99})})
    crops = [ListenerDataset(composed_pieces([pieces], "train"), alone, 0)[item] for item in range(8)]
    assert all((crop["chords"] == 12 * 2).all() for crop in crops)
    sounds = [bool(crop["features"][:, NUM_STEPS].max() > -8.5) for crop in crops]
    assert [bool(crop["beats"].any()) for crop in crops] == sounds
    assert 0 < sum(sounds) < 8


def test_it_learns_chords_and_beats(pieces: Path, trained: Path) -> None:
    weights = LISTENER.read(trained / "listener.safetensors")
    assert weights.card.metrics["chords_right"] > 0.8
    listener = CausalListener(weights)
    (piece,) = composed_pieces([pieces], "test")
    heard = listener.hear_whole(read_clip(piece.mix).samples[0])
    told = [listener.chords[at] for at in heard.chords.argmax(axis=1)]
    true = [piece.bar_chords[min(frame // 50, 7)] for frame in range(len(told))]
    assert np.mean([one == other for one, other in zip(told, true, strict=True)]) > 0.8
    on_beat = np.rint(piece.beats_s[:-1] * 25).astype(int)
    assert heard.beats[on_beat].mean() > 1.5 * np.delete(heard.beats, on_beat).mean()


def test_the_product_hears_what_the_trainer_does(pieces: Path, trained: Path) -> None:
    weights = LISTENER.read(trained / "listener.safetensors")
    network = ListenerNet(weights.card.hidden, len(weights.card.qualities)).eval()
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in weights.tensors.items()})
    samples = read_clip(composed_pieces([pieces], "test")[0].mix).samples[0][: 100 * HOP_SAMPLES]
    with torch.no_grad():
        chords, beats = network(torch.from_numpy(features_of(windows_of(samples, 100)))[None])
    heard = CausalListener(weights).hear_whole(samples)
    np.testing.assert_allclose(heard.chords, chords[0].softmax(dim=-1), atol=2e-4)
    np.testing.assert_allclose(np.stack([heard.beats, heard.downbeats], axis=1), beats[0].sigmoid(), atol=2e-4)


def test_it_can_be_asked_in_place_of_the_chord_network(pieces: Path, trained: Path) -> None:
    listener = CausalListener(LISTENER.read(trained / "listener.safetensors"))
    (piece,) = composed_pieces([pieces], "test")
    samples = read_clip(piece.mix).samples[0]
    said = listener.chord_probability(samples, 16_000, 0.0)
    assert said.shape == (100, 160)
    np.testing.assert_allclose([said[:73].sum(axis=0), said[86:90].sum(axis=0)], 1.0, atol=1e-4)
    true = [1 + 12 * (chord.quality == "min") + chord.root for chord in piece.bar_chords if chord is not None]
    assert np.mean(said[:73].argmax(axis=0) == np.repeat(true, 20)) > 0.75


@pytest.mark.parametrize("piece_samples", [160, 640, 4001, 50_000])
def test_hearing_in_pieces_gives_the_same_bytes(pieces: Path, trained: Path, piece_samples: int) -> None:
    listener = CausalListener(LISTENER.read(trained / "listener.safetensors"))
    samples = read_clip(composed_pieces([pieces], "test")[0].mix).samples[0][:32_000]
    whole, _ = listener.hear(samples, listener.start())
    state, found = listener.start(), []
    for start in range(0, len(samples), piece_samples):
        heard, state = listener.hear(samples[start : start + piece_samples], state)
        found.append(heard)
    for one, other in zip(whole, map(np.concatenate, zip(*found, strict=True)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(whole.beats) == (len(samples) - 2048) // HOP_SAMPLES + 1  # it waits for 128 ms, and for no more


@pytest.mark.parametrize(("root", "is_minor"), [(0, False), (9, True), (6, False)])
def test_the_one_that_ships_knows_a_plain_chord(root: int, is_minor: bool) -> None:
    listener = CausalListener(LISTENER.load("causal"))
    heard = listener.hear_whole(chord_sound(root, is_minor))
    told = listener.chords[int(heard.chords[25:].mean(axis=0).argmax())]
    assert (told.root, told.form.plain in ("min", "min7")) == (root, is_minor)


def test_an_item_is_the_same_in_every_process_and_no_two_are_alike(pieces: Path) -> None:
    one, other = (ListenerDataset(gather([pieces]).train, SETTINGS, 3) for _ in range(2))
    assert torch.equal(one[7]["features"], other[7]["features"])
    assert not torch.equal(one[7]["features"], one[8]["features"])


def test_the_command_line_trains_and_measures_beside_the_baselines(pieces: Path, tmp_path: Path) -> None:
    run, config = tmp_path / "run", tmp_path / "few.yaml"
    config.write_text("{hidden: 8, batch_size: 1, crop_frames: 50, audit_crops: 2, device: cpu}")
    learn = ["train", "listener", "--data", str(pieces), "--out", str(run), "--config", str(config), "--json"]
    told = json.loads(CliRunner().invoke(app, [*learn, "--max-steps", "2"]).stdout)
    assert (told["steps"], told["listener"]) == (2, str(run / "listener.safetensors"))
    told = json.loads(CliRunner().invoke(app, [*learn, "--max-steps", "3", "--resume"]).stdout)
    assert told["steps"] == 3
    measured = CliRunner().invoke(app, ["evaluate", "listener", told["listener"], "--data", str(pieces)])
    assert "chords_majmin" in measured.stdout
    (piece,) = composed_pieces([pieces], "test")
    (tmp_path / "set").mkdir()
    shutil.copy(piece.mix, tmp_path / "set" / "song.wav")
    (tmp_path / "set" / "song.beats").write_text("\n".join(str(beat_s) for beat_s in piece.beats_s[:-1]))
    beside = ["evaluate", "listening", str(tmp_path / "set"), "--listener", told["listener"], "--json"]
    document = json.loads(CliRunner().invoke(app, beside).stdout)
    assert document["causal"]["beats_f"] == document["recordings"]["song"]["causal"]["beats_f"] is not None
    assert document["causal"]["f0_rpa"] is None


def test_what_it_has_learned_is_measured_beside_templates_and_the_most_frequent_chord(
    pieces: Path, trained: Path
) -> None:
    listener = CausalListener(LISTENER.read(trained / "listener.safetensors"))
    figures = evaluate_listener(listener, composed_pieces([pieces], "test"))
    assert figures["learned"]["chords_majmin"] > 0.75
    assert figures["majority"]["chords_majmin"] < 0.5
    assert figures["majority"]["beats_f"] is None


def test_what_cannot_be_learned_from_or_used_is_refused(pieces: Path, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no composed set"):
        gather([tmp_path])
    track = next(pieces.glob("Track*"))
    told = (track / "composer.json").read_text()
    (track / "composer.json").write_text("{}")
    with pytest.raises(DataError, match="does not tell the chords and beats"):
        gather([pieces])
    (track / "composer.json").write_text(told)
    card = json.loads((trained / "listener.json").read_text())
    (tmp_path / "listener.json").write_text(json.dumps(card))
    (tmp_path / "listener.safetensors").write_bytes((trained / "listener.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(ListenerError, match="sha256 differs"):
        LISTENER.read(tmp_path / "listener.safetensors")
