"""Voices that a user added: files in a folder of theirs, named as shipped ones are."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ensemble.config import own_voices_dir, voice_names
from ensemble.errors import VoiceError
from ensemble.play.kit_file import KIT, KitCard
from ensemble.play.voice_file import VOICE, VoiceCard
from ensemble.settings.installed import PLAYERS, installed_names

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def voice_card(path: Path) -> VoiceCard | KitCard:
    """Read and check a voice or a drum kit; its card.

    Raises:
        VoiceError: see `Format.read`.
    """
    return KIT.read(path).card if _is_kit(path) else VOICE.read(path).card


def add_voice(path: Path, name: str) -> VoiceCard | KitCard:
    """Copy a trained voice to where a band finds it by its name.

    Args:
        path: of the weights; the card lies beside them.
        name: under which it is kept, for this user.

    Returns:
        The card.

    Raises:
        VoiceError: it cannot be used, the name is taken or is none, or there is no place to keep it.
    """
    if not _NAME.fullmatch(name):
        raise VoiceError(name, "is no name for a voice", "use small letters, digits, - and _: --name my_violin")
    if name in (*voice_names(), *installed_names(PLAYERS)):
        raise VoiceError(name, "is the name of a voice already", "give another with --name")
    try:
        place = own_voices_dir() / f"{name}.safetensors"
    except OSError as error:
        raise VoiceError(name, f"cannot be kept ({error.strerror})", "set XDG_DATA_HOME") from error
    return KIT.write(place, KIT.read(path)) if _is_kit(path) else VOICE.write(place, VOICE.read(path))


def _is_kit(path: Path) -> bool:
    """Whether the card says so; a card that cannot be read is told by `Format.read`."""
    try:
        card = json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(card, dict) and card.get("kind") == "kit"
