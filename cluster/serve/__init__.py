"""The studio: songs, renders, edits and exports by HTTP, on Ray Serve. `launch` starts it; `app` holds its routes."""
