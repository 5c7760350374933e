"""What could come next: description, query, relevance and reranking."""
