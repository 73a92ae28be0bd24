"""What the benchmark of the pages makes by itself: a lens on a large model."""

import json

from explorer.bench.pages import large_lens


def test_the_large_lens_is_made_of_a_real_card(cards):
    feeds, settings = large_lens(cards["crate"])
    attention = feeds[1]
    assert len(attention) > 2 * 785 * 12 * 64
    assert json.loads(json.dumps(settings))["views"]["large"]["rows"] == 28
