"""Keys that a player presses while playing."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from cluster.cli.live_keys import LiveKeys
from ensemble.live.settings import LiveSettings
from ensemble.plan import RenderRequest
from ensemble.rendering.request import request_for


class Asked:
    """Remembers what it is asked for."""

    def __init__(self) -> None:
        self.request: RenderRequest = request_for("rock", voice="naive", live=LiveSettings())
        self.levers: list[tuple[str, str]] = []

    def ask(self, kind: str, argument: str = "") -> None:
        self.levers.append((kind, argument))


def test_keys_ask_for_what_they_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, terminal = pty.openpty()
    asked = Asked()
    with os.fdopen(terminal) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        with LiveKeys(asked) as keys:  # type: ignore[arg-type]
            keys.pull()
            os.write(ours, b" oh11><+x9s")
            while len(asked.levers) < 9:
                keys.pull()
    os.close(ours)
    assert asked.levers[:8] == [
        ("tap", ""), ("one", ""), ("half", ""), ("mute", "bass"), ("unmute", "bass"), ("gain", "1.0"), ("gain", "0.0"),
        ("density", "0.6"),
    ]  # fmt: skip
    assert asked.levers[8][0] == "style"
    assert len(asked.levers) == 9
