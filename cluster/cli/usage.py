"""What is said about a command line that cannot be understood: one line, with the choice that was probably meant."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from typer.exceptions import TyperException

from ensemble.types.choices import offer

WrongUsage = TyperException
"""What a command line that cannot be understood raises."""


def usage_line(error: WrongUsage) -> str:
    """The error on one line, and which help to ask; empty where the help itself has been printed instead."""
    context = getattr(error, "ctx", None)
    said = " ".join((_choice_line(error) or error.format_message()).split()).removesuffix(".")
    return f"{said}; `{context.command_path} -h` says more" if said and context is not None else said


def _choice_line(error: WrongUsage) -> str:
    """Of a word that is none of an option's closed choices; empty of any other error."""
    option: Any = getattr(error, "param", None)
    if option is None or not isinstance(error.__cause__, ValidationError) or not option.type_descriptor.choices:
        return ""
    wrong = str(error.__cause__.errors()[0]["input"])[:40]
    told = offer(wrong, map(str, option.type_descriptor.choices))
    return f"Invalid value for {option.get_error_hint()}: {wrong!r} is unknown; {told}"
