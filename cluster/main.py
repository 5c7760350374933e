"""The way in: runs a command, and is the only place that turns errors into lines and exit statuses."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from cluster.cli.app import app
from ensemble.errors import EnsembleError

POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Ctrl-C, or another polite request to end: everything on the way out is cleaned up, nothing stays behind."""

    was_raised = False


def main(command: Callable[[], object] = app) -> None:
    """Run a command, the whole command line if none is given.

    Exit status: 0 done, 1 failed with one line, 2 wrong usage, 130 interrupted.
    """
    for polite in POLITE:
        signal.signal(polite, _interrupt)
    try:
        command()
    except BaseException as error:
        if Interrupted.was_raised:  # others may have turned it into an error of their own
            _end("interrupted", 130)
        if isinstance(error, EnsembleError):
            _end(" ".join(str(error).split()), 1)
        if isinstance(error, BrokenPipeError):
            os._exit(141)
        if isinstance(error, OSError):
            _end(f"{error.filename or 'standard output'}: {error.strerror or error}", 1)
        raise


def _interrupt(_signal: int, _frame: object) -> None:
    for polite in POLITE:
        signal.signal(polite, signal.SIG_IGN)  # a second one must not break the cleaning up
    Interrupted.was_raised = True
    raise Interrupted


def _end(line: str, status: int) -> None:
    """Say the last line and leave at once: what had to be cleaned up has been."""
    sys.stderr.write(f"ensemble: {line}\n")
    sys.stderr.flush()
    os._exit(status)
