"""CRATE Explorer: look inside white-box transformers, one layer of compression and sparsification at a time."""
