"""What Ray reads from the environment, set before Ray is loaded: it reads most of it once, at import."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a seat without a GPU leaves CUDA_VISIBLE_DEVICES alone
}


def prepare_environment() -> None:
    """Ask for a token on every connection, and make one if there is none; what the operator set stays.

    Does nothing once Ray is loaded: its own default for a local Ray is a token, too.
    """
    if "ray" in sys.modules:
        return
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    has_token = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if os.environ["RAY_AUTH_MODE"] == "token" and not has_token and not _token_at_home():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _token_at_home() -> bool:
    """Whether Ray's token file is there; makes it, readable by the user alone, where the home can be written."""
    path = Path.home() / ".ray" / "auth_token"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        return path.is_file()
    except OSError:
        return False
    return True
