"""Keeps Serve's replicas on 127.0.0.1 where the whole Ray is."""

from __future__ import annotations

from typing import Any


def keep_replicas_on_loopback() -> None:
    """Let this replica listen on loopback; called in its constructor, before it listens.

    Ray Serve 2.60 lets every replica listen on all interfaces for calls of other replicas. They ask for Ray's token,
    but on one machine nobody else needs to reach them.
    """
    from ray.serve._private import replica

    internals: Any = replica
    listen = internals.add_port_to_grpc_server

    def on_loopback(server: Any, address: str) -> Any:
        return listen(server, f"127.0.0.1:{address.rpartition(':')[2]}")

    internals.add_port_to_grpc_server = on_loopback
