"""What is looked at: a photo or a text with its run, the lens on it, and what a user takes away."""
