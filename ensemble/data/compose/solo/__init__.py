"""The composer of solo pieces, for the corpus and for measuring retrieval. It needs FluidSynth, renders do not."""

from ensemble.data.compose.solo.order import SoloOrder as SoloOrder
from ensemble.data.compose.solo.playing import SoloTake as SoloTake
from ensemble.data.compose.solo.playing import play_take as play_take
from ensemble.data.compose.solo.solo import write_solo as write_solo
