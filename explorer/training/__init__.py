"""Data, recipes and the loop that train the families of explorer.models into checkpoints in their official formats."""
