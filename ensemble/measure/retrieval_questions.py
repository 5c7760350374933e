"""The questions: leaders cut out of first takes, as the retriever meets them, and what truly follows each."""

from __future__ import annotations

from dataclasses import dataclass

from ensemble.listen.listener import Listener, at_analysis_rate
from ensemble.measure.retrieval_songs import Song, leaders_of
from ensemble.measure.retrieval_store import SecondTakes, mean_chroma
from ensemble.retrieve.join.exit_point import find_exit
from ensemble.retrieve.search.context import JoinContext, context_of_leader
from ensemble.types.music import AudioClip, FloatArray, Heard

LEADERS_PER_SONG = 3
TAIL_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalQuestion:
    """A leader and what follows it."""

    song: int
    """Number of the song that it is cut from."""
    clip: AudioClip
    """As recorded."""
    heard_clip: AudioClip
    """As listened to: one channel at 16 kHz."""
    heard: Heard
    context: JoinContext
    """What search is asked with."""
    tail_chroma: FloatArray
    """Mean chroma of its last seconds.  [12]"""
    answer: tuple[str, int] | None
    """sha256 and number of the chunk that truly comes next; None where none begins within half a beat."""


def questions_of(song: Song, takes: SecondTakes) -> list[RetrievalQuestion]:
    """A song's questions: it is left where the retriever would leave it."""
    questions = []
    for start_s, clip in leaders_of(song, LEADERS_PER_SONG):
        heard_clip = at_analysis_rate(clip)
        heard = Listener().listen(heard_clip)
        at_s = find_exit(heard, heard_clip.duration_s).at_s
        beat_s = 60 / (song.order.tempo_bpm * song.tempo_ratio)
        questions.append(
            RetrievalQuestion(
                song=song.number, clip=clip, heard_clip=heard_clip, heard=heard,
                context=context_of_leader(heard, heard_clip, at_s),
                tail_chroma=mean_chroma(heard.frames.chroma, at_s - TAIL_S, at_s),
                answer=takes.nearest(song.number, song.other_s(start_s + at_s), beat_s / 2),
            )
        )  # fmt: skip
    return questions
