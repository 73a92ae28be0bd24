"""The page Embeddings: the rows of an embedding matrix."""
