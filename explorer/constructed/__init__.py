"""Data and networks that are made, not loaded: known subspaces and the steps on them, small networks."""
