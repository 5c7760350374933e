"""libsndfile, from the beginning to the end and without words."""

from __future__ import annotations

from typing import Any

import soundfile

from ensemble.audio.quiet import quiet_libraries


class Decoder(soundfile.SoundFile):  # type: ignore[misc]
    """Decodes from the beginning; soundfile would ask some formats where they are, which they cannot tell.

    The decoder of MP3 writes a line to the terminal for everything that it finds wrong.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        with quiet_libraries():
            super().__init__(*arguments, **named)

    def read(self, *arguments: Any, **named: Any) -> Any:
        """As `soundfile.SoundFile.read`."""
        with quiet_libraries():
            return super().read(*arguments, **named)

    def seekable(self) -> bool:
        """Whether soundfile may look for its place after each reading: it need not."""
        return False
