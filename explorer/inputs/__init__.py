"""Bytes, files and arrays → what a model takes in."""
