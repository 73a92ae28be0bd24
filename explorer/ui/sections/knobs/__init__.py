"""The page Knobs: turned knobs, and what every head does."""
