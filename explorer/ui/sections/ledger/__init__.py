"""The page Ledger: the objective, half step by half step."""
