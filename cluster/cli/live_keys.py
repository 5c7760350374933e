"""The keys of the terminal that a player pulls levers with while playing."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from ensemble.rendering.live import LiveSession

PLAIN = {" ": "tap", "o": "one", "h": "half", "d": "double"}
STEPS = {"<": ("gain", -1.0), ">": ("gain", 1.0), "-": ("density", -0.1), "+": ("density", 0.1)}


class LiveKeys:
    """Reads keys as they are pressed, where the input is a terminal. Open it in a `with`.

    Args:
        session: is asked for what the keys mean.
    """

    def __init__(self, session: LiveSession) -> None:
        from ensemble.live.levers import VALUES
        from ensemble.settings.style_file import shipped_styles

        request = session.request
        self._session = session
        self._parts = [one.name for one in request.band.followers]
        self._muted: set[str] = set()
        self._limits, self._values = VALUES, {"gain": 0.0, "density": 0.5}
        played = request.band.style
        self._styles = [name for name in shipped_styles() if played is None or name != played.name]
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if sys.stdin.isatty():
            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def pull(self) -> None:
        """Ask for what has been pressed since the last time."""
        while self._before is not None and select.select([sys.stdin], [], [], 0)[0]:
            pressed = os.read(sys.stdin.fileno(), 64).decode(errors="ignore")
            if not pressed:
                return
            for key in pressed:
                self.press(key)

    def press(self, key: str) -> None:
        """Ask for what one key means; others mean nothing."""
        if key in PLAIN:
            self._session.ask(PLAIN[key])
        elif key in STEPS:
            kind, step = STEPS[key]
            low, high = self._limits[kind]
            self._values[kind] = round(min(max(self._values[kind] + step, low), high), 2)
            self._session.ask(kind, str(self._values[kind]))
        elif key == "s":
            self._styles.append(self._styles.pop(0))
            self._session.ask("style", self._styles[-1])
        elif key.isdecimal() and 1 <= int(key) <= len(self._parts):
            part = self._parts[int(key) - 1]
            self._session.ask("unmute" if part in self._muted else "mute", part)
            self._muted ^= {part}
