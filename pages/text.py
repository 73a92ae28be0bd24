"""What does each layer make of a text, which tokens does each look at, and what is foretold?"""

import streamlit as st

from explorer import ui

PARTS = {
    "tokens": "Token by token",
    "layers": "Layer by layer",
    "knobs": "Turn the knobs",
    "ledger": "The ledger",
}

ui.title("Text")
if ui.language_card().has_ista:
    what = (
        "A language model by the same derivation: every layer **compresses** the tokens of a text towards its "
        "subspaces, each token looking only at those before it, then **sparsifies** them; the last layer foretells the "
        "next token."
    )
else:
    what = (
        "A transformer of the usual kind, for comparison: every layer lets each token **attend** to those before it, "
        "then **transforms** it by an MLP; the last layer foretells the next token."
    )
st.markdown(f"{what} **Type something, then move over the tokens.**")
view = ui.current_text()
part = ui.page_part("read", PARTS)


@ui.fragment
def tokens() -> None:
    """The lens: a choice in it reruns only this."""
    ui.text_lens(view)


@ui.fragment
def layers() -> None:
    """What depends on the layer."""
    ui.text_layers(view, ui.layer_slider(view))


@ui.fragment
def knobs() -> None:
    """The knobs beside what they change: while one is turned only this runs, then the page follows."""
    ui.text_knobs(view, ui.layer_slider(view, "Turn the knobs of layer ℓ"))


def ledger() -> None:
    """The objective, half step by half step."""
    ui.ledger_note(view.card)
    settings = ui.ledger_settings()
    ui.plot(ui.ledger_figure(view, settings), "ledger_curve")
    st.caption(ui.LEDGER_CAPTION)
    ui.verdict(view, settings)
    ui.ledger_table(view, settings)
    st.caption(ui.TABLE_CAPTION)


draw = {"tokens": tokens, "layers": layers, "knobs": knobs, "ledger": ledger}
draw[part]()
ui.take_away(view)
ui.glossary()
