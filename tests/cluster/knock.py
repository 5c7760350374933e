"""Knock at ports of another host, without the token and with it: a program, since it must run where the test is not.

    knock.py ADDRESS PORT...   prints {port: {"speaks": ..., "without": {path: answer}, "with": {path: answer}}}

An answer is an HTTP status, or the name of a gRPC status. The token is in RAY_AUTH_TOKEN.
"""

from __future__ import annotations

import http.client
import json
import os
import sys

import grpc

HTTP_PATHS = ("/metrics", "/api/version", "/api/cluster_status", "/api/job_agent/jobs/x", "/get_runtime_envs_info")
GRPC_METHODS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.CoreWorkerService/GetCoreWorkerStats",
    "/ray.rpc.ReporterService/GetTraceback",
    "/ray.rpc.RayletDriver/ClusterInfo",
    "/grpc.health.v1.Health/Check",
)
PATIENCE_S = 5.0


def ask_http(address: str, port: int, path: str, token: str) -> str | None:
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE_S)
    try:
        how = "POST" if path == "/get_runtime_envs_info" else "GET"
        connection.request(how, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def ask_grpc(address: str, port: int, method: str, token: str) -> str:
    with grpc.insecure_channel(f"{address}:{port}") as channel:
        metadata = [("authorization", f"Bearer {token}")] if token else []
        call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
        try:
            call(b"", timeout=PATIENCE_S, metadata=metadata)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


def knock(address: str, port: int, token: str) -> dict[str, object]:
    if ask_http(address, port, "/", "") is not None:
        ask, places, speaks = ask_http, HTTP_PATHS, "http"
    else:
        ask, places, speaks = ask_grpc, GRPC_METHODS, "grpc"
    without = {place: ask(address, port, place, "") for place in places}
    given = {place: ask(address, port, place, token) for place in places}
    nowhere = ("404", "UNIMPLEMENTED")
    known = [place for place in places if given[place] not in nowhere]
    return {
        "speaks": speaks,
        "without": {place: without[place] for place in known},
        "with": {place: given[place] for place in known},
    }


if __name__ == "__main__":
    address, *ports = sys.argv[1:]
    json.dump({port: knock(address, int(port), os.environ["RAY_AUTH_TOKEN"]) for port in ports}, sys.stdout)
