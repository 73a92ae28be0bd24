"""The page Compare: two to four models on one photo or text."""
