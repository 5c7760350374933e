"""How much memory a process takes does not grow much with the leader's length."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SLOPE = """
import json, resource, sys
from contextlib import closing
from pathlib import Path
import numpy as np, soundfile
from ensemble.rendering.leader import take_in
from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.measure.cases import onsets_in
from ensemble.mix.bus import mix_files
from ensemble.mix.stem_sum import StemSum
from ensemble.config import MixSettings

def follow(seconds):
    folder = Path(sys.argv[1]) / str(seconds)
    folder.mkdir()
    time_s = np.arange(44_100) / 44_100
    with soundfile.SoundFile(folder / 'given.wav', 'w', 44_100, 2, 'PCM_16') as given:
        for second in range(seconds):
            tone = 0.3 * np.sin(2 * np.pi * 220 * 2 ** (second % 7 / 12) * time_s) * np.exp(-3 * time_s)
            given.write(np.stack([tone, 0.5 * tone], axis=1))
    lead = take_in(folder / 'given.wav', 48_000, folder)
    Listener().listen(at_analysis_rate(lead.clip))
    with closing(StemSum(folder, seconds * 48_000)) as stems:
        mix_files(folder / 'leader.wav', stems, folder / 'mix.wav', MixSettings(), 0.0)
    with soundfile.SoundFile(folder / 'mix.wav') as mix:
        onsets_in((piece.T for piece in mix.blocks(65_536, dtype='float32')), 48_000, mix.frames)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

print(json.dumps([follow(90), follow(270)]))
"""
MAX_MIB_PER_MINUTE = 22.0
"""A minute of the leader, once: what is listened to takes 4, and what is heard of it a few more."""


@pytest.mark.slow
def test_long_music_takes_little_more_than_short_music(tmp_path: Path) -> None:
    """Reading, listening, mixing and measuring; the short one is long enough for every chunk to be full."""
    program = [sys.executable, "-c", SLOPE, str(tmp_path)]
    home = Path(__file__).parents[2]
    done = subprocess.run(program, capture_output=True, text=True, timeout=280, check=True, cwd=home, env=os.environ)
    short, long = json.loads(done.stdout)
    assert (long - short) / 3 < MAX_MIB_PER_MINUTE
