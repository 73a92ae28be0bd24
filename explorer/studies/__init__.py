"""What is asked of runs: ablations, comparisons, continuations, features, layers. One question each."""
