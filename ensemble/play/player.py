"""Makes the player of a part from the follower's settings."""

from __future__ import annotations

from ensemble.config import BRUSHES, BUILT_IN_VOICES, FollowerSettings
from ensemble.errors import ConfigError
from ensemble.play.controls import ControlModel
from ensemble.play.effects import EffectsPlayer, effects_of
from ensemble.play.fitted_kit import FittedKit
from ensemble.play.kit_file import KIT
from ensemble.play.naive import NaiveVoice
from ensemble.play.percussion import DrumKit, PercussionPlayer
from ensemble.play.pitched import KernelSynthesizer, PitchedPlayer, Synthesizer
from ensemble.play.quantum import Player
from ensemble.play.seeded import seeded_voice
from ensemble.play.strokes import brushed_stroke
from ensemble.play.strokes import stroke as formula_stroke
from ensemble.play.voice_file import VOICE, VoiceWeights, is_installed
from ensemble.play.voice_kernel import NeuralVoice
from ensemble.settings.installed import PLAYERS, load_installed


def make_player(follower: FollowerSettings, sample_rate: int, seed: int) -> Player:
    """Make the player of a part, with its voice loaded and its effects behind it.

    A player that another package brings gets the same arguments.

    Args:
        follower: gives the role, the voice and the device.
        sample_rate: one of `clock.SAMPLE_RATES_HZ`.
        seed: the render's seed; decides the noise and, for the voice `seeded`, the weights.

    Raises:
        ConfigError: the rate is unknown; or the device is cuda and there is no GPU, or the part is drums.
        VoiceError: the voice cannot be used.
    """
    player = _without_effects(follower, sample_rate, follower.played_seed(seed))
    effects = effects_of(follower, sample_rate)
    return EffectsPlayer(player, effects, sample_rate) if effects else player


def _without_effects(follower: FollowerSettings, sample_rate: int, seed: int) -> Player:
    if is_installed(follower.voice):
        player: Player = load_installed(PLAYERS, follower.voice)(follower, sample_rate, seed)
        return player
    if follower.role == "drums":
        if follower.device == "cuda":
            raise ConfigError(f"{follower.name}.device", "is cuda, but drums play on the CPU", "set it to auto or cpu")
        return PercussionPlayer(_kit(follower), sample_rate, seed, follower.name)
    voice, synthesizer = _on_torch(follower, seed) if follower.device == "cuda" else _on_kernels(follower, seed)
    return PitchedPlayer(voice, synthesizer, sample_rate, seed, follower.name)


def _kit(follower: FollowerSettings) -> DrumKit:
    if follower.voice in BUILT_IN_VOICES:  # both names mean the built-in kit
        return formula_stroke
    if follower.voice == BRUSHES:
        return brushed_stroke
    return FittedKit(KIT.load(follower.voice)).stroke


def _on_kernels(follower: FollowerSettings, seed: int) -> tuple[ControlModel, Synthesizer]:
    if follower.voice == "naive":
        return NaiveVoice(follower.spec), KernelSynthesizer()
    return NeuralVoice(_weights(follower, seed)), KernelSynthesizer()


def _on_torch(follower: FollowerSettings, seed: int) -> tuple[ControlModel, Synthesizer]:
    from ensemble.play.torch_player import TorchSynthesizer, TorchVoice, cuda_device

    device = cuda_device()
    if follower.voice == "naive":
        return NaiveVoice(follower.spec), TorchSynthesizer(device)
    return TorchVoice(_weights(follower, seed), device), TorchSynthesizer(device)


def _weights(follower: FollowerSettings, seed: int) -> VoiceWeights:
    if follower.voice == "seeded":
        return seeded_voice(seed, follower.instrument)
    return VOICE.load(follower.voice)
