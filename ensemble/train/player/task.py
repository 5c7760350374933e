"""A voice's training as a Lightning module: one step of either stage, and a listening to what is held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ensemble.clock import hop_samples
from ensemble.listen.loudness import loudness_db
from ensemble.play.voice_file import VoiceWeights
from ensemble.play.voice_network import NeuralSynthesizer
from ensemble.train.pace import annealing
from ensemble.train.player.analysis import median_hnr_db
from ensemble.train.player.asked_loudness import loudness_error
from ensemble.train.player.crops import AUDIBLE_DB, PlayerCrop
from ensemble.train.player.losses import (
    longest_window,
    mel_l1_loss,
    multi_scale_loss,
    noise_distance,
    regression_loss,
)
from ensemble.train.player.settings import TrainPlayerSettings
from ensemble.train.recordings import TrainingRecording
from ensemble.train.sounding import sound
from ensemble.train.trainer import FitTask

Controls = tuple[Tensor, Tensor, Tensor]


class PlayerTask(FitTask[TrainPlayerSettings, NeuralSynthesizer]):
    """Teaches one voice: first analysed controls, where the loss is multi_scale, then how it sounds.

    Args:
        settings: of the run.
        voice: the weights to start from.
    """

    def __init__(self, settings: TrainPlayerSettings, voice: VoiceWeights) -> None:
        super().__init__(settings, NeuralSynthesizer.from_weights(voice))
        lowest_midi = voice.card.learned.pitch_midi[0] if voice.card.learned else voice.card.f0_centre_midi
        lowest_hz = voice.card.fundamental * 440.0 * 2.0 ** ((lowest_midi - 69.0) / 12.0)
        self._longest_window = settings.longest_window or longest_window(lowest_hz)
        self._noise_window = longest_window(lowest_hz / 2.0)  # what a partial spills leaves a gap to the next
        self.state.is_warming_up = settings.loss == "multi_scale" and settings.start is None
        self._regression_share = settings.regression_share if self.state.is_warming_up else 0.0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam; its rate is set before every step."""
        return torch.optim.Adam(self.network.parameters(), self.settings.learning_rate, betas=(0.9, 0.99))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the card: a run that goes on does not need the voice it began with."""
        checkpoint["card"] = self.network.card.model_dump(mode="json")

    def rate(self) -> float:
        """Rises at the start of either stage, and falls in the second."""
        return self.settings.learning_rate * annealing(self.state, self.settings.rise_steps, self._regression_share)

    def on_train_batch_start(self, batch: PlayerCrop, batch_idx: int) -> None:
        """Begin the second stage where it is time, and set the learning rate."""
        if self.state.is_warming_up and self.state.done >= self._regression_share:
            self.state.is_warming_up, self.state.stage_start = False, self.state.step
            self.trainer.optimizers[0].state.clear()  # the gradients of the two losses differ in size
        super().on_train_batch_start(batch, batch_idx)

    def training_step(self, batch: PlayerCrop, batch_idx: int) -> Tensor:
        """The loss of one batch in the stage of the moment."""
        del batch_idx
        controls = self.shape(batch)
        if self.state.is_warming_up:
            return regression_loss(controls, batch["harmonics"], batch["noise"], batch["is_known"])
        heard = self.sounded(controls, batch)
        with torch.autocast(self.device.type, enabled=False):
            if self.settings.loss == "mel_l1":
                return mel_l1_loss(heard, batch["samples"], self.settings.sample_rate)
            return self._spectral_loss(controls, heard, batch)

    def _spectral_loss(self, controls: Controls, heard: Tensor, batch: PlayerCrop) -> Tensor:
        """Of stage two: the spectral distance, that of the noise and the error in loudness."""
        wanted, rate, weight = batch["samples"], self.settings.sample_rate, self.settings.linear_weight
        loss = multi_scale_loss(heard, wanted, rate, weight, self._longest_window) + self._noise_loss(heard, batch)
        return loss + self._loudness_loss(controls, batch)

    def _loudness_loss(self, controls: Controls, batch: PlayerCrop) -> Tensor:
        lead = batch["f0_hz"].shape[1] - batch["is_known"].shape[1]
        f0_hz, asked_db = batch["f0_hz"][:, lead:], batch["loudness_db"][:, lead:]
        error = loudness_error(_single(controls), f0_hz, asked_db, self.settings.sample_rate)
        return self.settings.loudness_weight * error

    def _noise_loss(self, heard: Tensor, batch: PlayerCrop) -> Tensor:
        if not self.settings.noise_weight:
            return torch.zeros((), device=heard.device)
        lead = batch["f0_hz"].shape[1] - batch["is_known"].shape[1]
        return self.settings.noise_weight * noise_distance(
            heard, batch["samples"], batch["f0_hz"][:, lead:], self.settings.sample_rate,
            self.network.card.inharmonicity, self._noise_window,
        )  # fmt: skip

    def shape(self, batch: PlayerCrop) -> Controls:
        """The network's controls from the crop's first frame to its last, its memory filled by the warm-up."""
        f0_hz, asked_db = batch["f0_hz"], batch["loudness_db"]
        lead = f0_hz.shape[1] - batch["is_known"].shape[1]
        hidden = None
        if lead:
            with torch.no_grad():
                hidden = self.network(f0_hz[:, :lead], asked_db[:, :lead])[3]
        amplitude, harmonics, noise, _ = self.network(f0_hz[:, lead:], asked_db[:, lead:], hidden)
        return amplitude, harmonics, noise

    def sounded(self, controls: Controls, batch: PlayerCrop) -> Tensor:
        """What a batch sounds like.  [batch, samples]"""
        lead = batch["f0_hz"].shape[1] - batch["is_known"].shape[1]
        with torch.autocast(self.device.type, enabled=False):
            return sound(
                _single(controls), batch["f0_hz"][:, lead:], batch["loudness_db"][:, lead:], batch["white"],
                self.settings.sample_rate, self.network.card.inharmonicity,
            )  # fmt: skip

    @torch.no_grad()
    def audit(self, batch: PlayerCrop) -> dict[str, float]:
        """Listen to held-out crops.

        Returns:
            stage: 1 or 2; held_out: the loss of stage two, also where mel_l1 is trained; loudness_error_db: median over
            sounding frames; hnr_error_db: how far the harmonic-to-noise ratio's median is off. A voice that has lost
            its harmonics has a fair distance and terrible errors.
        """
        rate = self.settings.sample_rate
        with torch.autocast(self.device.type, enabled=False):
            controls = self.shape(batch)
            heard = self.sounded(controls, batch)
            held_out = self._spectral_loss(controls, heard, batch)
        made, truth = heard.float().cpu().numpy(), batch["samples"].cpu().numpy()
        num_frames = truth.shape[1] // hop_samples(rate)
        lead = batch["f0_hz"].shape[1] - batch["is_known"].shape[1]
        f0_hz, asked_db = (batch[name].cpu().numpy()[:, lead:][:, :num_frames] for name in ("f0_hz", "loudness_db"))
        known = batch["is_known"].cpu().numpy()[:, :num_frames] > 0
        errors_db, ratios_db = [], []
        for item in range(len(made)):
            sounds = (made[item], truth[item])
            levels = [loudness_db(one, rate, num_frames) for one in sounds]
            inside = (asked_db[item] > AUDIBLE_DB) & (levels[1] > AUDIBLE_DB)
            inside[:5], inside[-5:] = False, False  # windows that reach outside the crop
            errors_db.append(np.abs(levels[0] - levels[1])[inside])
            asked = TrainingRecording(
                name="", samples=truth[item], sample_rate=rate, f0_hz=f0_hz[item], loudness_db=asked_db[item],
                is_voiced=known[item], licence="",
            )  # fmt: skip
            ratios_db.append([median_hnr_db(one, asked, self.network.card.inharmonicity) for one in sounds])
        pairs = np.array([pair for pair in ratios_db if np.isfinite(pair).all()])
        return {
            "stage": 1.0 if self.state.is_warming_up else 2.0,
            "held_out": float(held_out),
            "loudness_error_db": _median(np.concatenate(errors_db)),
            "hnr_error_db": _median(np.abs(pairs[:, 0] - pairs[:, 1])) if len(pairs) else 0.0,
        }


def _single(controls: Controls) -> Controls:
    amplitude, harmonics, noise = controls
    return amplitude.float(), harmonics.float(), noise.float()


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0
