"""The page Models: the zoo and what was measured."""
