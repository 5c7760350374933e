"""The studio on Ray Serve: one deployment answers pages, another renders, and grows with the queue.

`build` makes the application from the arguments of a Serve config, which names it `cluster.serve.deployment:build`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from agents.environment import prepare_environment
from ensemble.config import Settings

prepare_environment()

from ray import serve  # noqa: E402  it reads the environment as it is imported
from starlette.types import ASGIApp  # noqa: E402

from cluster.serve.app import make_app  # noqa: E402
from cluster.serve.archive import archive_at, store_at  # noqa: E402
from cluster.serve.loopback import keep_replicas_on_loopback  # noqa: E402
from cluster.serve.renderers import RenderWorker, ServeRenderers  # noqa: E402
from cluster.serve.storage import StudioStorage, studio_key  # noqa: E402
from cluster.serve.studio import MAX_UPLOAD_BYTES, Studio  # noqa: E402

APP = "studio"
BUSY_S = 1.0
"""How long jobs wait before Serve starts another renderer."""
ENDING_S = 1.0
"""What runs is not waited for: it is done again, or goes on, after the next start."""
IDLE_S = 600.0
"""How long a renderer without work stays warm."""


class StudioArguments(Settings):
    """How the studio is set up."""

    data: str
    """The folder of songs and their renders, which every node sees."""
    kept_at: str | None = None
    """The URL of a store at which songs are kept, besides; a studio on another machine goes on from there."""
    hosts: tuple[str, ...]
    """As which it may be addressed: `HOST:PORT`, or `HOST` for any port."""
    max_renderers: int = Field(ge=1, le=1000)
    """How many songs are worked on at a time, at most."""
    min_renderers: int = Field(default=1, ge=1, le=1000)
    """How many renderers are kept warm."""
    renderer_cpus: float = Field(default=1.0, gt=0.0)
    """What each takes of a node."""
    max_upload_bytes: int = Field(default=MAX_UPLOAD_BYTES, ge=1)
    """Of one upload."""
    is_secure: bool = False
    """Whether it is reached by HTTPS alone; cookies are then kept from HTTP."""
    is_local: bool = False
    """Whether everything runs on this machine, and nothing of it is to be reached from others."""


@serve.ingress()
class StudioReplica:
    """Answers pages. There is one, so every session comes to it; it holds the list and the queue."""

    def __init__(self, document: dict[str, Any], renderers: Any) -> None:
        arguments = StudioArguments.model_validate(document)
        if arguments.is_local:
            keep_replicas_on_loopback()
        storage = StudioStorage(Path(arguments.data))
        archive = None if arguments.kept_at is None else archive_at(storage, store_at(arguments.kept_at))
        studio = Studio(
            storage, ServeRenderers(renderers, arguments.max_renderers), arguments.max_upload_bytes, archive
        )
        self._app = make_app(studio, studio_key(storage.root), arguments.hosts, is_secure=arguments.is_secure)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """What is served."""
        return self._app


class RendererReplica(RenderWorker):
    """Renders one song at a time."""

    def __init__(self, *, is_local: bool) -> None:
        if is_local:
            keep_replicas_on_loopback()
        super().__init__()


def build(document: dict[str, Any]) -> Any:
    """The application for Serve, from `StudioArguments`."""
    arguments = StudioArguments.model_validate(document)
    scaling = {
        "min_replicas": arguments.min_renderers, "initial_replicas": arguments.min_renderers,
        "max_replicas": max(arguments.max_renderers, arguments.min_renderers), "target_ongoing_requests": 1,
        "aggregation_function": "max",  # the mean of 30 s sees a second song 15 s late
        "upscale_delay_s": BUSY_S, "downscale_delay_s": IDLE_S,
    }  # fmt: skip
    deployment: Any = serve.deployment
    renderer = deployment(
        RendererReplica, name="renderer", autoscaling_config=scaling, max_ongoing_requests=1,
        ray_actor_options={"num_cpus": arguments.renderer_cpus}, graceful_shutdown_timeout_s=ENDING_S,
    )  # fmt: skip
    studio = deployment(
        StudioReplica, name="studio", num_replicas=1, max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0},
        graceful_shutdown_timeout_s=ENDING_S,
    )  # fmt: skip
    return studio.bind(document, renderer.bind(is_local=arguments.is_local))
