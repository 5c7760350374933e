"""What an actor's method answers with is read from its annotation: nothing says it twice."""

from __future__ import annotations

import pytest

from agents.calls import answer_kinds
from agents.conductor import ConductorAgent
from agents.instrument import InstrumentAgent
from agents.retrieval import RetrievalAgent
from ensemble.types.music import Arrangement, ConductorState, Heard, PlayerState, Score, Stem


@pytest.mark.parametrize(
    ("method", "kinds"),
    [
        (ConductorAgent.listen, (Heard,)),
        (ConductorAgent.arrange, (Arrangement,)),
        (ConductorAgent.conduct, (Score, ConductorState)),
        (InstrumentAgent.ready, (tuple,)),
        (InstrumentAgent.play, (Stem, PlayerState)),
        (RetrievalAgent.retrieve, (tuple,)),
    ],
)
def test_the_annotation_says_what_a_method_answers_with(method, kinds):
    assert answer_kinds(method) == kinds
