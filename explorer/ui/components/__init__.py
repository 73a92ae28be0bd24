"""Browser components of our own, each with its files in web/."""
