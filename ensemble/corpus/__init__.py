"""The shipped corpus: solo pieces that continuations come from where the user names no others.

Composed by rule in this project (`ensemble.data.compose.solo`), played by FluidSynth, kept as Vorbis; NOTICE says what
from. Only `tests/bench/build_corpus.py`, which makes them, and measurements need FluidSynth again.
"""

from ensemble.corpus.catalogue import CorpusPiece as CorpusPiece
from ensemble.corpus.catalogue import corpus_digest as corpus_digest
from ensemble.corpus.catalogue import corpus_pieces as corpus_pieces
