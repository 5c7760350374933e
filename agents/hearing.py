"""Hearing a leader in a thread of this process, while something else is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ensemble.listen.overrides import Overrides
from ensemble.threads import one_thread
from ensemble.types.music import AudioClip, Heard


def heard_meanwhile(leader: AudioClip, overrides: Overrides) -> Callable[[], Heard]:
    """Begin to hear a leader in a thread. A program that is interrupted meanwhile ends when it has been heard: networks
    that are asked do not outlive an interpreter.

    Returns:
        What waits for the result, or raises what went wrong.
    """
    done: list[Heard] = []
    failed: list[BaseException] = []

    def hear() -> None:
        from ensemble.listen.listener import Listener

        try:
            with one_thread():
                done.append(Listener().listen(leader, overrides))
        except BaseException as error:  # noqa: BLE001  raised where the result is wanted
            failed.append(error)

    thread = threading.Thread(target=hear)
    thread.start()

    def result() -> Heard:
        thread.join()
        if failed:
            raise failed[0]
        return done[0]

    return result
