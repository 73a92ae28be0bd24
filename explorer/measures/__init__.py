"""Numbers from arrays: how compressed, how sparse, what attends to what, and which patches belong together.

Every function takes and returns NumPy arrays; none sees a file, a widget or a session. Tokens are rows (the papers
use columns), CLS is row 0, rates are in nats. Called by their group, as measures.rates.coding_rate.
"""

from explorer.measures import pairs, patches, prediction, rates, texts, weights

__all__ = ["pairs", "patches", "prediction", "rates", "texts", "weights"]
