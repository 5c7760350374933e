"""Commands that are typed, run in this process: to start one with Torch takes longer than what is tested."""

from __future__ import annotations

import sys
from unittest.mock import patch

from click.testing import Result
from typer.testing import CliRunner

from cluster.cli.app import app


def ensemble(*words: object) -> Result:
    """What a command printed, and the error that it ended with."""
    typed = [str(word) for word in words]
    with patch.object(sys, "argv", ["ensemble", *typed]):
        return CliRunner().invoke(app, typed)
