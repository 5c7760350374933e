"""A render from request to manifest: session, recorder, checkpoint, exports, verification."""
