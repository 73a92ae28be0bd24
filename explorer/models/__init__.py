"""Torch definitions, one family per file, with the parameter names of the released code."""
