"""Fill the object store of every node with objects in use, until a line comes on standard input: a program."""

from __future__ import annotations

import os
import sys
from typing import Any

PIECE_BYTES = 8 << 20


class Filler:
    """Holds one node's store full: what is in use can be neither spilled nor dropped."""

    def fill(self, num_bytes: int) -> int:
        """Put pieces and keep looking at them; how many bytes that are."""
        import numpy as np
        import ray

        pieces = -(-num_bytes // PIECE_BYTES)
        self._refs = [ray.put(np.zeros(PIECE_BYTES, np.uint8)) for _ in range(pieces)]
        self._views = [ray.get(ref) for ref in self._refs]
        return sum(view.nbytes for view in self._views)


def main() -> None:
    """Two arguments, an address and a number of bytes: says what it holds, and waits."""
    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    import logging

    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    address, num_bytes = sys.argv[1], int(sys.argv[2])
    ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    kind: Any = ray.remote(Filler)
    nodes: Any = ray.nodes  # Ray does not say what it is
    fillers = [
        kind.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote()
        for node in nodes()
        if node["Alive"]
    ]
    held = ray.get([filler.fill.remote(num_bytes) for filler in fillers], timeout=120.0)
    said.write(f"{min(held) >> 20} MiB on each of {len(held)} nodes\n")
    sys.stdin.readline()


if __name__ == "__main__":
    main()
