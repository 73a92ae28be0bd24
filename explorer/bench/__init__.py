"""A real Chromium and a server of its own, and how fast the pages answer in it."""
