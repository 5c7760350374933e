"""What a player asks for while playing: taps, "this is one", another style; by itself, or from a file of times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
from pydantic import Field, model_validator

from ensemble.clock import FRAME_RATE_HZ
from ensemble.errors import ConfigError, printable
from ensemble.live.horizon import Horizon, read_horizon
from ensemble.settings.reading import Settings, parse
from ensemble.settings.style import Style
from ensemble.settings.style_file import load_style
from ensemble.types.choices import offer

LeverKind = Literal["tap", "one", "half", "double", "style", "density", "mute", "unmute", "gain"]
OF_A_PART: tuple[LeverKind, ...] = ("density", "mute", "unmute", "gain")
"""Levers for one part, or for all where none is named."""
VALUES = {"density": (0.0, 1.0), "gain": (-40.0, 24.0)}
"""Least and greatest value of those levers that have one."""

_HORIZON = "# --horizon "
"""Begins the file of a session, which has its horizon then; for who writes such files it is a comment."""

_EXAMPLE = "write: 12.5 mute bass"

SLOWEST_TAPS_FRAMES, MOST_TAPS = 200, 8
"""Taps further apart begin anew; so many tell the tempo."""


class LiveLever(Settings):
    """One thing that is asked for; it decides the bytes from its frame on."""

    frame: int = Field(ge=0)
    """Control frame of the leader's stream in which it was asked."""
    kind: LeverKind
    """A tap on a beat; this beat opens a bar; half or double the tempo; how the band, or a part, plays from now on."""
    part: str | None = None
    """Whom `density`, `mute`, `unmute` and `gain` are for; everybody when absent."""
    value: float = Field(default=0.0, allow_inf_nan=False)
    """Of `density`, 0 few notes to 1 many; of `gain`, how much louder it is played than before the first, in dB."""
    style: Style | None = None
    """Of `style`."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.kind == "style") != (self.style is not None):
            raise ValueError("style needs a style, and nothing else has one")
        if self.part is not None and self.kind not in OF_A_PART:
            raise ValueError("is for the whole band")
        low, high = VALUES.get(self.kind, (0.0, 0.0))
        if not low <= self.value <= high:
            raise ValueError(f"{self.value:g} must lie between {low:g} and {high:g}")
        return self


class Taps:
    """Taps on beats."""

    def __init__(self) -> None:
        self._frames: list[int] = []

    def tap(self, frame: int) -> float | None:
        """Add a tap; how many frames a beat has by the last of them, or None after a single one."""
        if self._frames and frame - self._frames[-1] > SLOWEST_TAPS_FRAMES:
            self._frames = []
        self._frames = [*self._frames, frame][-MOST_TAPS:]
        return float(np.median(np.diff(self._frames))) if len(self._frames) > 1 else None


def lever_at(frame: int, kind: str, argument: str = "") -> LiveLever:
    """One lever as people write it.

    Args:
        frame: when it is asked.
        kind: its name.
        argument: the style's name or file; `PART` of mute and unmute; `PART=VALUE` or `VALUE` of density and gain.

    Raises:
        ConfigError: it cannot be read, or there is no such style.
    """
    if kind not in get_args(LeverKind):
        raise ConfigError("lever", f"{kind!r} is unknown", offer(kind, get_args(LeverKind)))
    document: dict[str, object] = {"frame": frame, "kind": kind}
    if kind == "style":
        document["style"] = load_style(argument).model_dump()
    elif kind in VALUES:
        part, _, value = argument.rpartition("=")
        try:
            document |= {"part": part or None, "value": float(value)}
        except ValueError as error:
            raise ConfigError(
                f"the lever {kind}", f"has no number in {argument!r}", f"write: {kind} bass=0.5"
            ) from error
    elif argument:
        document["part"] = argument
    return parse(LiveLever, document, f"the lever {kind}")


def read_levers(path: Path, parts: Sequence[str], *, was_cut_off: bool = False) -> tuple[LiveLever, ...]:
    """Read levers from a file with one a line: seconds, lever, and what it needs; `#` begins a comment.

    A line in braces is a `LiveLever` in JSON.

    Args:
        path: the file.
        parts: the band's.
        was_cut_off: whether who wrote it was killed, maybe while writing: a last line that does not end is none.

    Raises:
        ConfigError: a line cannot be read; names it.
    """
    lines = _text_of(path).splitlines(keepends=True)
    if was_cut_off and lines and not lines[-1].endswith("\n"):
        lines.pop()
    levers = []
    for number, line in enumerate(lines, 1):
        is_json, words = line.startswith("{"), line.partition("#")[0].split()
        if not words and not is_json:
            continue
        where = f"{printable(path)}, line {number}"
        try:
            lever = _in_json(line) if is_json else _in_words(words)
            check_part(lever, parts)
        except ConfigError as error:
            raise ConfigError(where, f"{error.what} {error.problem}", error.cure) from error
        levers.append(lever)
    return tuple(sorted(levers, key=lambda lever: lever.frame))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(printable(path), "cannot be read", "give a text file of levers") from error


def _in_json(line: str) -> LiveLever:
    try:
        return parse(LiveLever, json.loads(line), "the lever")
    except (ValueError, RecursionError) as error:
        raise ConfigError("the line", "begins with a brace and is no JSON", _EXAMPLE) from error


def _in_words(words: Sequence[str]) -> LiveLever:
    try:
        frame = round(float(words[0]) * FRAME_RATE_HZ)  # of infinity or no number none
    except (ValueError, OverflowError) as error:
        raise ConfigError("the beginning", f"{words[0]!r} is no time in seconds", _EXAMPLE) from error
    if len(words) not in (2, 3):
        raise ConfigError("the line", "must have a time, a lever and at most one word more", _EXAMPLE)
    return lever_at(frame, *words[1:])


def begin_levers(path: Path, horizon: Horizon) -> None:
    """Begin the file of a session with its horizon, for `horizon_in`; what it held is replaced.

    Raises:
        OSError: it cannot be written.
    """
    path.write_text(f"{_HORIZON}{horizon}\n", encoding="utf-8")


def horizon_in(path: Path) -> Horizon | None:
    """The horizon of the session whose file of levers this is; None where people wrote it.

    Raises:
        ConfigError: it cannot be read.
    """
    first, end, _ = _text_of(path).partition("\n")
    with suppress(ConfigError):
        return read_horizon(first.removeprefix(_HORIZON)) if end and first.startswith(_HORIZON) else None
    return None


def add_levers(path: Path, levers: Sequence[LiveLever]) -> None:
    """Add levers to a file, so that `read_levers` reads the same, wherever the styles came from.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{_line(lever)}\n" for lever in levers))


def _line(lever: LiveLever) -> str:
    if lever.style is not None:
        return json.dumps(lever.model_dump(mode="json"))
    where = "" if lever.part is None else lever.part
    if lever.kind in VALUES:
        where += f"{'=' if where else ''}{lever.value!r}"
    return f"{lever.frame / FRAME_RATE_HZ:.2f} {lever.kind} {where}".rstrip()


def check_part(lever: LiveLever, parts: Sequence[str]) -> None:
    """Check that a lever is for somebody who plays.

    Raises:
        ConfigError: the band lacks the part.
    """
    if lever.part is not None and lever.part not in parts:
        raise ConfigError("the band", f"has no part {lever.part!r}", offer(lever.part, parts))
