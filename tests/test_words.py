"""How things are called: sentences from the glossaries, and how a difference is told."""

from explorer.measures import patches
from explorer.words import EFFECTS, METHODS, SCALES, TEXT_SCALES, meaning


def test_a_word_of_a_glossary_is_a_sentence():
    assert meaning("IoU") == "IoU: overlap of two masks over their union; 1 is a perfect match."
    assert meaning("surprise").startswith("Surprise: −log")


def test_a_difference_has_its_unit_in_every_form():
    attention = SCALES["attention_js_bits"]
    assert attention.name == "attention of all patches: JS (bits)"
    assert (attention.head, attention.measure) == ("attention JS (bits)", "JS (bits)")
    assert TEXT_SCALES["agreement"].name == "next tokens: the same first choice"
    assert (SCALES["cka"].name, SCALES["cka"].head) == ("tokens: CKA", "tokens CKA")
    assert EFFECTS["kl_nats"][0] == SCALES["kl_nats"].measure == "KL (nats)"


def test_every_way_to_segment_has_a_name():
    assert list(METHODS) == list(patches.METHODS)
