"""Finding the `ray` and `ensemble` commands in a text, and asking the real command lines what they think of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer

PROGRAMS = ("ensemble", "ray")


def calls(shell: str) -> Iterator[list[str]]:
    """Every call of a program of ours in some lines of shell, as words; the path before its name is dropped."""
    for line in shell.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("();<>|&"):
                words.append(word)
                continue
            while words and re.match(r"\w+=", words[0]):
                words.pop(0)
            if words and Path(words[0]).name in PROGRAMS:
                yield [Path(words[0]).name, *words[1:]]
            words = []


def shown_commands(text: str) -> str:
    """The shell that a comment, or a Markdown page, tells its reader to type."""
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    comments = re.findall(r"^#   (\S.*)$", text, re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`((?:ensemble|ray) [a-z][^`]* -[^`]*)`", prose)
    return "\n".join([*blocks, *comments, *spans])


def complaint(words: list[str]) -> str:
    """What the command line that is called would say against it; empty if it would run. Nothing is run.

    An `ensemble submit` carries another command of ours: that one is asked, too.
    """
    command, rest, path = _program(words[0]), words[1:], words[0]
    while hasattr(command, "commands"):
        if rest[:1] in (["-h"], ["--help"]) or (not rest and command.invoke_without_command):
            return ""
        if not rest or rest[0] not in command.commands:
            return f"{path} has no command {' '.join(rest[:1])}"
        command, path, rest = command.commands[rest[0]], f"{path} {rest[0]}", rest[1:]
    if {"-h", "--help"} & set(rest):
        return ""
    try:
        command.make_context(path, list(rest))
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return f"{path}: {error.format_message()}"
    return ""


def start_parameters(words: list[str]) -> dict[str, Any]:
    """What `ray start` makes of its arguments."""
    command = _program("ray").commands["start"]
    return dict(command.make_context("ray start", words).params)


def options(*path: str) -> set[str]:
    """The long options of a command of `ray`, without their dashes."""
    command = _program("ray")
    for name in path:
        command = command.commands[name]
    return {text[2:] for parameter in command.params for text in parameter.opts if text.startswith("--")}


def _program(name: str) -> Any:
    if name == "ensemble":
        from cluster.cli.app import app

        return typer.main.get_command(app)
    from ray.scripts.scripts import cli

    assert isinstance(cli, click.Group)
    return cli
