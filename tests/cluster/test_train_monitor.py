"""What is printed of an evaluation: voices of one instrument can be told apart, and what was not measured is a dash."""

from __future__ import annotations

from cluster.cli.train_view import _COLUMNS, show_evaluation


def figures(voice: str, path: str, mss: float) -> dict:
    return dict.fromkeys(_COLUMNS, 0.5) | {
        "voice": voice, "path": path, "mss": mss, "brightness_slope_ratio": None, "pieces": 3, "tracker": "swift-f0",
        "two_sample_auc": 0.75, "two_sample_auc_naive": None, "f0_outlier_truth": None,
        "intervals": {"mss_ratio": (0.1, 0.2)},
        "baselines": {"naive": {"mss": 9.0, "log_mel": 8.0, "loudness_error_db": 7.0}},
    }  # fmt: skip


def test_two_recipes_of_one_instrument_stand_side_by_side(capsys):
    show_evaluation([figures("violin", "a/v.safetensors", 1.25), figures("violin", "b/v.safetensors", 2.5)])
    shown = capsys.readouterr().out
    first, second = (next(line for line in shown.splitlines() if line.startswith(f"violin {n} ")) for n in (1, 2))
    assert ("1.250" in first, "2.500" in second) == (True, True)
    assert " - " in first
    assert "violin 2, b/v.safetensors: 3 pieces" in shown
    assert "AUC of 0.750 (naive -)" in " ".join(shown.split())


def test_one_voice_goes_by_its_instrument(capsys):
    show_evaluation([figures("violin", "a/v.safetensors", 1.25), figures("cello", "b/v.safetensors", 2.5)])
    shown = capsys.readouterr().out
    assert "violin, a/v.safetensors: 3 pieces" in shown
    assert "violin 1" not in shown
