"""Entry point of `ensemble`: runs a command; the only place that turns errors into lines and exit statuses."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from cluster.cli.app import app
from cluster.cli.usage import WrongUsage, usage_line
from cluster.extras import extra_of, install_line
from ensemble.errors import EnsembleError, printable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a command cleanly."""
AGAIN_S = 0.05
"""After which an interruption that was swallowed is raised again."""


class Interrupted(BaseException):
    """Raised by Ctrl-C, SIGTERM or SIGHUP; contexts on the way out clean up, so that nothing stays behind."""

    was_raised = False
    """Whether one was raised in this process; a library may have turned it into an error of its own."""


def _ensemble() -> object:
    return app(standalone_mode=False)  # wrong usage is raised, and told like every other error


def main(command: Callable[[], object] = _ensemble) -> None:
    """Run a command (default: what the command line names).

    Exit status: 0 done, 1 failed with one line, 2 wrong usage, 130 interrupted.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt_again)
    sys.excepthook = _or_again(sys.excepthook)
    sys.unraisablehook = _or_again(sys.unraisablehook)
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal has no signs for
    try:
        status = command()
        if signal.setitimer(signal.ITIMER_REAL, 0)[0]:
            raise Interrupted  # it was swallowed just now
    except BaseException as error:
        if Interrupted.was_raised:
            _end("interrupted", 130)
        if isinstance(error, WrongUsage):
            if line := usage_line(error):
                _end(line, error.exit_code)
            sys.exit(error.exit_code)
        if isinstance(error, EnsembleError):
            _end(" ".join(str(error).split()), 1)
        if isinstance(error, ModuleNotFoundError) and (extra := extra_of(error.name or "")):
            package = str(error.name).split(".", maxsplit=1)[0]
            _end(f"this command needs {package}, which is not installed; {install_line(extra)}", 1)
        if isinstance(error, BrokenPipeError):
            os._exit(141)
        if isinstance(error, OSError):
            _end(f"{error.filename or 'standard output'}: {error.strerror or error}", 1)
        raise
    signal.signal(signal.SIGALRM, signal.SIG_IGN)  # what comes later is for nobody
    sys.exit(status if isinstance(status, int) else 0)


def _open_streams() -> None:
    """Let a stream that was closed lead nowhere; a file that is opened later would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _interrupt(_signal: int, _frame: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the clean-up
    Interrupted.was_raised = True
    raise Interrupted


def _or_again(report: Callable[..., object]) -> Callable[..., None]:
    """A hook of `sys` for errors that nothing raised further: an interruption is raised again in place of a traceback.

    It is swallowed when the signal comes in a finalizer, a callback of a library's C code or one beside a fork.
    """

    def hook(*error: Any) -> None:
        kind = error[0] if isinstance(error[0], type) else error[0].exc_type
        if issubclass(kind, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        else:
            report(*error)

    return hook


def _interrupt_again(_signal: int, _frame: object) -> None:
    if sys.exc_info()[0] is None:
        raise Interrupted
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)  # later: an error is handled, whose clean-up is not to be disturbed


def _end(line: str, status: int) -> None:
    """Print the last line and exit at once: every context has cleaned up by now."""
    with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
        sys.stdout.flush()
    sys.stderr.write(f"ensemble: {printable(line)}\n")
    sys.stderr.flush()
    os._exit(status)
