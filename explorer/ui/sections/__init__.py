"""One room for each page: what stands on it, from controls to captions."""
