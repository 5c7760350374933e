"""The clocks: 100 Hz control frames, 25 Hz conductor frames, samples at four rates.

A *hop* is the number of samples in one control frame, whole at every rate. Every network and every synthesizer runs in
*quanta* of 20 frames, counted from frame 0 whatever block the caller asks for: so the bytes do not depend on the block
size. A live band that commits itself less than 0.4 s ahead runs in quanta of 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ensemble.errors import ConfigError

FRAME_RATE_HZ = 100
CONDUCTOR_RATE_HZ = 25
QUANTUM_FRAMES, SHORT_QUANTUM_FRAMES = 20, 4
FRAMES_PER_CONDUCTOR_FRAME = FRAME_RATE_HZ // CONDUCTOR_RATE_HZ
SAMPLE_RATES_HZ = (16_000, 32_000, 44_100, 48_000)


def hop_samples(sample_rate: int) -> int:
    """Samples per control frame.

    Raises:
        ConfigError: the rate is not one of `SAMPLE_RATES_HZ`.
    """
    if sample_rate not in SAMPLE_RATES_HZ:
        known = ", ".join(str(rate) for rate in SAMPLE_RATES_HZ)
        raise ConfigError("sample rate", f"{sample_rate} Hz cannot be rendered", f"choose one of {known}")
    return sample_rate // FRAME_RATE_HZ


def frames_for(num_samples: int, sample_rate: int) -> int:
    """Number of control frames that cover `num_samples`; the last one may be covered only in part."""
    return -(-num_samples // hop_samples(sample_rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Consecutive control frames that are conducted and played in one call."""

    start_frame: int
    """First control frame."""
    stop_frame: int
    """First control frame after the block."""
    is_last: bool
    """Whether the performance ends with this block; players then return all sound that is left."""

    @property
    def num_frames(self) -> int:
        """Length in control frames."""
        return self.stop_frame - self.start_frame


def blocks(num_frames: int, block_frames: int, start_frame: int = 0, stop_frame: int | None = None) -> Iterator[Block]:
    """Cut the frames from `start_frame` to `stop_frame` into consecutive blocks; the last one may be shorter.

    Args:
        num_frames: length of the performance; the block that ends there is the last.
        block_frames: length of a block.
        start_frame: where the first block begins.
        stop_frame: where the last block ends; `num_frames` when absent.

    Raises:
        ConfigError: `block_frames` is not positive.
    """
    if block_frames < 1:
        raise ConfigError("block_frames", f"{block_frames} is not a length", "use 1 or more")
    end = num_frames if stop_frame is None else stop_frame
    for start in range(start_frame, end, block_frames):
        stop = min(start + block_frames, end)
        yield Block(start_frame=start, stop_frame=stop, is_last=stop == num_frames)


def seams(num_frames: int, sample_rate: int) -> range:
    """Samples at which the sound of one quantum ends and the next one's begins.

    Sound is interpolated from frame i to frame i + 1, so a quantum's sound ends at its last frame, one hop before the
    first frame of the next quantum.
    """
    hop = hop_samples(sample_rate)
    return range((QUANTUM_FRAMES - 1) * hop, num_frames * hop, QUANTUM_FRAMES * hop)
