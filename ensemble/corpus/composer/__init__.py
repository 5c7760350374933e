"""The composer of solo pieces, for the corpus and for measuring retrieval. It needs FluidSynth, renders do not."""

from ensemble.corpus.composer.order import SoloOrder as SoloOrder
from ensemble.corpus.composer.playing import Take as Take
from ensemble.corpus.composer.playing import play_take as play_take
from ensemble.corpus.composer.solo import write_solo as write_solo
