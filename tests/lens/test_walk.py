"""What the film of a layer says and sends: computed from the walk, in each family."""

import dataclasses
import json
import re
import struct

import numpy as np
import pytest

from explorer import runtime, zoo
from explorer.lens.walk import stages, walk_feed
from explorer.measures.patches import walk_layer
from tests.conftest import pixels, prepared


@pytest.fixture(params=["crate", "crate_alpha", "vit"])
def walked(request, cards, opened):
    trace = runtime.run(opened[request.param], prepared(pixels(1)))
    return trace, walk_layer(trace, zoo.layer_weights(cards[request.param])[1], 2, 5)


def test_the_sentences_tell_the_numbers_of_the_walk(walked):
    trace, walk = walked
    said = [stage.sentence for stage in stages(walk, trace)]
    before, after = walk.rates
    assert "3 × 3 patches" in said[0]
    assert f"{walk.nearer:.0%} of a sample" in said[2]
    assert f"from {before:.1f} to {after:.1f} nats" in said[2]
    assert f"{np.count_nonzero(walk.entries[1])} of {walk.entries.shape[1]}" in said[3]
    assert ("threshold ηλ = 0.01" in said[3]) == trace.card.has_ista
    assert ("no subspaces" in said[1]) != trace.card.has_subspaces


def test_what_happened_is_said_whichever_way_it_went(walked):
    trace, walk = walked
    fell, rose = (stages(dataclasses.replace(walk, rates=rates), trace)[2].sentence for rates in ((9, 4), (4, 9)))
    assert "falls from 9.0 to 4.0 nats: compressed" in fell
    assert "rises from 4.0 to 9.0 nats: not compressed" in rose


def test_a_layer_without_a_second_half_step_has_three_stages(walked):
    trace, walk = walked
    cut = dataclasses.replace(walk, entries=np.zeros((2, 0)), threshold=None)
    assert [stage.title for stage in stages(cut, trace)] == [stage.title for stage in stages(walk, trace)][:3]


def test_the_feed_holds_the_numbers_in_half_precision(walked):
    trace, walk = walked
    feed = walk_feed("w", walk, trace, np.zeros((24, 24, 3), np.uint8), scale=2)
    length = struct.unpack("<I", feed[:4])[0]
    header, body = json.loads(feed[4 : 4 + length]), feed[4 + length :]
    assert (header["grid"]["patch"], header["grid"]["width"], header["token"]) == (8, 24, 5)
    assert [int(re.findall(r"\d+", head["name"])[0]) for head in header["heads"]] == walk.heads.tolist()
    for name in ("before", "after", "attention", "entries"):
        place = header["arrays"][name]
        sent = np.frombuffer(body[place["start"] : place["end"]], place["dtype"]).reshape(place["shape"])
        np.testing.assert_allclose(sent, getattr(walk, name), atol=1e-3, rtol=1e-3)
