"""Listen: what the leader plays, and what it means."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime reads it as it is imported
