"""The page Experiment: the two steps on tokens of known subspaces."""
