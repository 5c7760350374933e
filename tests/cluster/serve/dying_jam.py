"""The process of a session that has recorded a second, and dies at a lever, while it writes the next; or at the end."""

import json
import os
import sys
from pathlib import Path

import numpy as np

from cluster.serve.jam_models import JamReady
from cluster.serve.jam_process import LEVER, READY, SOUND, framed, frames_in
from ensemble.audio.disk import sound_file
from ensemble.live.levers import add_levers, lever_at
from ensemble.rendering.live_run import levers_of

LEVER_FRAME = 57


def main() -> None:
    """Die as if the system had taken it: nothing is closed."""
    frames = frames_in(sys.stdin.buffer)
    next(frames)
    file = sound_file(Path(sys.argv[1]), "w", 16_000, 1, "PCM_24", format="WAV")
    file.write(np.arange(16_000, dtype=np.int32) % 100 << 22)
    sys.stdout.buffer.write(framed(READY, JamReady(horizon_s=1.0, players=()).model_dump_json().encode()))
    sys.stdout.flush()
    letter, asked = next((one for one in frames if one[0] != SOUND), (b"", b""))
    if letter == LEVER:
        add_levers(levers_of(Path(sys.argv[1])), [lever_at(LEVER_FRAME, *json.loads(asked))])
        with levers_of(Path(sys.argv[1])).open("a") as levers:
            levers.write("0.60 gain dru")
    sys.stderr.write("Traceback\nit broke\n")
    sys.stderr.flush()
    os._exit(3)


if __name__ == "__main__":
    main()
