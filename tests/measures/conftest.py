"""What the measures of a whole layer are tested on."""

import pytest

from explorer import runtime, zoo
from tests.conftest import pixels, prepared


@pytest.fixture(params=["crate", "crate_alpha", "vit"])
def measured(request, cards, opened):
    """(card, trace of two images, weights of every layer) of one tiny model of each family."""
    card = cards[request.param]
    return card, runtime.run(opened[request.param], prepared(pixels(2))), zoo.layer_weights(card)
