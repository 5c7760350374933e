"""Solo pieces, for the corpus and for measuring retrieval. Composing them needs FluidSynth, renders do not."""

from ensemble.data.compose.solo.outline import SoloOrder as SoloOrder
from ensemble.data.compose.solo.take import SoloTake as SoloTake
from ensemble.data.compose.solo.take import play_take as play_take
