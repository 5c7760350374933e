"""Output folders: written aside, published whole, here or at a URL."""
