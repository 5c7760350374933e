"""Ctrl-C ends a command also where what it raises is swallowed, and never in the midst of a clean-up."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

COMMAND = """
import os, signal, sys, time
from cluster.main import main

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)

{body}
main(command)
"""

IN_A_FINALIZER = """
class Closing:
    def __del__(self):
        ctrl_c()

def command():
    Closing()
    time.sleep(20)
"""
BESIDE_A_FORK = """
def command():
    os.register_at_fork(after_in_parent=ctrl_c)
    if not os.fork():
        os._exit(0)
    time.sleep(20)
"""
PRINTED_BY_A_LIBRARY = """
def command():
    try:
        ctrl_c()
    except BaseException:
        sys.excepthook(*sys.exc_info())  # as PyErr_Print does
    time.sleep(20)
"""
IN_A_CLEAN_UP = """
class Closing:
    def __del__(self):
        ctrl_c()

def command():
    try:
        raise OSError("the disk is full")
    finally:
        Closing()
        time.sleep(0.3)
        print("cleaned up", flush=True)
"""
AT_THE_END = """
class Closing:
    def __del__(self):
        ctrl_c()

def command():
    Closing()
"""
AFTER_THE_END = """
import atexit

def cleaned_up():
    ctrl_c()
    time.sleep(0.3)
    print("cleaned up", flush=True)

def command():
    atexit.register(cleaned_up)
    atexit.register(ctrl_c)
"""
OF_ITS_OWN = """
class Closing:
    def __del__(self):
        raise OSError("lost")

def command():
    Closing()
"""


def ended(body: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", COMMAND.format(body=body)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("body", [IN_A_FINALIZER, BESIDE_A_FORK, PRINTED_BY_A_LIBRARY, AT_THE_END])
def test_an_interruption_that_is_swallowed_is_raised_again(body: str) -> None:
    began = time.perf_counter()
    done = ended(body)
    assert (done.returncode, done.stderr) == (130, "ensemble: interrupted\n")
    assert time.perf_counter() - began < 15.0


def test_a_clean_up_is_not_interrupted_again() -> None:
    done = ended(IN_A_CLEAN_UP)
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleaned up\n", "ensemble: interrupted\n")


def test_what_comes_after_the_end_takes_nothing_back() -> None:
    done = ended(AFTER_THE_END)
    assert (done.returncode, done.stdout, done.stderr) == (0, "cleaned up\n", "")


def test_other_errors_of_finalizers_are_told() -> None:
    done = ended(OF_ITS_OWN)
    assert done.returncode == 0
    assert "OSError: lost" in done.stderr
