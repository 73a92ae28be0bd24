"""What does each layer make of a text, which tokens does each look at, and what is predicted?"""

import streamlit as st

from explorer.ui.frame.page import glossary, title
from explorer.ui.frame.sidebar import language_card
from explorer.ui.frame.widgets import fragment, page_part, plain
from explorer.ui.panels.headline import headline
from explorer.ui.sections.ledger.accounts import ledger_accounts, ledger_note
from explorer.ui.sections.ledger.table import ledger_table
from explorer.ui.sections.text import text_knobs, text_layers
from explorer.ui.view.layer import layer_slider
from explorer.ui.view.take_away import take_away
from explorer.ui.view.text import current_text
from explorer.ui.view.text_lens import text_lens

PARTS = {
    "tokens": "Token by token",
    "layers": "Layer by layer",
    "knobs": "Turn the knobs",
    "ledger": "The ledger",
}

title("Text")
if language_card().has_ista:
    what = (
        "A language model by the same derivation: every layer **compresses** the tokens of a text towards its "
        "subspaces, each token looking only at those before it, then **sparsifies** them; the last layer predicts the "
        "next token."
    )
else:
    what = (
        "A transformer of the usual kind, for comparison: every layer lets each token **attend** to those before it, "
        "then **transforms** it by an MLP; the last layer predicts the next token."
    )
st.markdown(f"{what} **Type something, then move over the tokens.**")
view = current_text()
st.markdown(f"**And here?** {plain(headline(view, 'this text'))}.")
part = page_part("read", PARTS)


@fragment
def tokens() -> None:
    """The lens: a choice in it reruns only this."""
    text_lens(view)


@fragment
def layers() -> None:
    """What depends on the layer."""
    text_layers(view, layer_slider(view))


@fragment
def knobs() -> None:
    """The knobs beside what they change: while one is turned only this runs, then the page follows."""
    text_knobs(view, layer_slider(view, "Turn the knobs of layer ℓ"))


def ledger() -> None:
    """The objective, half step by half step."""
    ledger_note(view.card)
    ledger_table(view, ledger_accounts(view))


draw = {"tokens": tokens, "layers": layers, "knobs": knobs, "ledger": ledger}
draw[part]()
take_away(view)
glossary()
