"""What several sections draw."""
