import pytest

from ensemble.clock import SAMPLE_RATES_HZ, blocks, frames_for, hop_samples
from ensemble.errors import ConfigError


def test_the_hop_is_whole_at_every_rate() -> None:
    assert [hop_samples(rate) for rate in SAMPLE_RATES_HZ] == [160, 320, 441, 480]


def test_another_rate_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ConfigError, match="22050 Hz cannot be rendered; choose one of 16000, 32000, 44100, 48000"):
        hop_samples(22_050)


@pytest.mark.parametrize(("num_samples", "frames"), [(0, 0), (1, 1), (480, 1), (481, 2)])
def test_frames_cover_every_sample(num_samples: int, frames: int) -> None:
    assert frames_for(num_samples, 48_000) == frames


@pytest.mark.parametrize("length", [1, 7, 100, 999])
def test_blocks_tile_the_piece_and_only_the_last_is_last(length: int) -> None:
    cut = list(blocks(250, length))
    assert [block.start_frame for block in cut[1:]] == [block.stop_frame for block in cut[:-1]]
    assert (cut[0].start_frame, cut[-1].stop_frame) == (0, 250)
    assert [block.is_last for block in cut] == [False] * (len(cut) - 1) + [True]
    assert max(block.num_frames for block in cut) <= length


def test_a_block_without_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="block_frames"):
        list(blocks(10, 0))
