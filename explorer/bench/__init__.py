"""A real Chromium and a server of its own: how fast the pages answer in it, and the README's pictures."""
