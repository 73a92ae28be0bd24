"""The page Features: the codes of a token, of words, all of them, and one in detail."""
