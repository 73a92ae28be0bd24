"""The page Subspaces: tokens in their subspaces, and the weights."""
