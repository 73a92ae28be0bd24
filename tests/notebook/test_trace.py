"""A trace that is asked directly, against the same by hand."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import explorer
from explorer.inputs import gallery_photo
from explorer.measures.patches import guide_of, photo_labels, segment_trace
from explorer.notebook import Model, NotebookTrace
from tests.conftest import pixels

PHOTO = gallery_photo("kangaroo").path


@pytest.fixture(scope="module")
def trace(cards) -> NotebookTrace:
    return Model(cards["crate"]).trace(PHOTO, stride=2, size=24)


@pytest.fixture(scope="module")
def text(word_card) -> NotebookTrace:
    return Model(word_card).trace("the cat sat")


def softmax(values: np.ndarray) -> np.ndarray:
    shares = np.exp(values.astype(np.float64))
    return shares / shares.sum(axis=-1, keepdims=True)


def official_rates(projections: np.ndarray) -> list[float]:
    """½ logdet(I + p/(N·0.01) WᵀW) of every head, tokens scaled to length 1."""
    rates = []
    for head in projections.astype(np.float64):
        unit = head / np.linalg.norm(head, axis=1, keepdims=True)
        rates.append(
            0.5 * np.linalg.slogdet(np.eye(head.shape[1]) + head.shape[1] / (len(head) * 0.01) * unit.T @ unit)[1]
        )
    return rates


def test_curves_are_those_of_the_trace_and_of_its_control(trace):
    control, trained = (line.y for line in trace.curve("compression").data)
    for one, line in ((trace, trained), (trace.control, control)):
        by_hand = [sum(official_rates(one.projections(layer))) for layer in (1, 2)]
        np.testing.assert_allclose(line, by_hand, rtol=1e-6)
    control, trained = (line.y for line in trace.curve("sparsity").data)
    for one, line in ((trace, trained), (trace.control, control)):
        np.testing.assert_allclose(line, [np.count_nonzero(one.z(layer)) / one.z(layer).size for layer in (2, 3)])
    heads = trace.curve("heads").data[:2]
    np.testing.assert_allclose(
        [bar.y for bar in heads], np.transpose([official_rates(trace.projections(n)) for n in (1, 2)])
    )
    with pytest.raises(explorer.ExplorerError, match="no curve loss: choose compression, sparsity, heads"):
        trace.curve("loss")


def test_curves_and_measures_of_an_image_of_a_batch_are_its_own(cards):
    model = Model(cards["crate"])
    both, second = model.trace(pixels(2)), model.trace(pixels(2)[1:])
    np.testing.assert_allclose(both.curve(image=1).data[1].y, second.curve().data[1].y, rtol=1e-5)
    assert both.measures(image=1)[0].coding_rate == pytest.approx(second.measures()[0].coding_rate, rel=1e-5)


def test_the_table_has_the_control_beside_every_layer(trace):
    rows = trace.table()
    assert [row["layer"] for row in rows] == [1, 2]
    for row in rows:
        assert row["Rᶜ"] == pytest.approx(sum(official_rates(trace.projections(row["layer"]))))
        assert row["Rᶜ, control"] == pytest.approx(sum(official_rates(trace.control.projections(row["layer"]))))


def test_attention_is_softmax_of_the_projections(trace, text):
    p = trace.card.head_dim
    U = trace.projections(2)
    expected = softmax(U[1, 0] @ U[1].T / p**0.5)
    np.testing.assert_allclose(trace.attention(2, head=2).ravel(), expected[1:], rtol=1e-5)
    U = text.projections(1)
    causal = [softmax(head[2] @ head[:3].T / text.card.head_dim**0.5) for head in U]
    np.testing.assert_allclose(text.attention(1, token=2)[:3], np.mean(causal, axis=0), rtol=1e-5)
    assert not text.attention(1, token=2)[3:].any()
    last = U.shape[1] - 1
    np.testing.assert_array_equal(text.attention(1), text.attention(1, token=last))
    for layer, head in ((3, None), (1, 3), (0, 1)):
        for one in (trace, text):
            with pytest.raises(explorer.ExplorerError, match="has no"):
                one.attention(layer, head)


def test_predictions_are_the_largest_shares(trace, text):
    shares = softmax(trace.logits[0])
    assert [name for name, _ in trace.predict()] == [trace.card.class_name(i) for i in np.argsort(-shares)]
    assert [share for _, share in trace.predict(2)] == pytest.approx(sorted(shares, reverse=True)[:2])
    ((_, share),) = text.predict(1)
    assert share == pytest.approx(softmax(text.logits[0, -1]).max())


def test_a_segmentation_lies_on_pixels_and_on_the_photo(trace, cards):
    found = trace.segment("attention", keep=0.3)
    assert found.labels.shape == (24, 24)
    small = segment_trace(trace, "attention", keep=0.3).labels
    np.testing.assert_array_equal(found.labels[2:23:2, 2:23:2], small)  # the pixels behind the patches' centres
    photo, drawn = np.asarray(trace.draw()), np.asarray(trace.draw(found))
    scale = len(photo) // 24
    assert photo.shape == (24 * scale, 24 * scale, 3)
    assert len(photo) >= 448
    large = found.labels.repeat(scale, 0).repeat(scale, 1)
    np.testing.assert_array_equal(drawn[large == 0], photo[large == 0])
    orange = np.array([0xFF, 0x7A, 0x1F])
    np.testing.assert_allclose(drawn[large == 1], 0.4 * photo[large == 1] + 0.6 * orange, rtol=0, atol=0.51)
    assert isinstance(trace.draw(trace.attention(2)), Image.Image)
    assert (
        trace.draw(trace.segment("pca")).size == trace.draw(trace.segment("subspace")).size == (24 * scale, 24 * scale)
    )
    with pytest.raises(explorer.ExplorerError, match="nothing to draw on"):
        Model(cards["crate"]).trace(pixels(1)).draw()


def test_a_segmentation_with_the_photos_edges_lies_on_the_shown_photo(trace):
    """The guide is the photo's own file at 456 pixels, not the enlarged 24 pixels of the input."""
    picture, scale = trace.picture
    found = trace.segment("kmeans")
    guide = guide_of(picture, scale * 4)
    labels = photo_labels(segment_trace(trace, "kmeans").labels, guide, scale * 4, scale * 2)
    assert (found.edges, picture.shape, scale) == ("photo", (456, 456, 3), 19)
    np.testing.assert_array_equal(found.labels, labels)
    parts = trace.segment("pca")
    assert parts.colours is not None
    assert not parts.colours[parts.labels == 0].any()
    with pytest.raises(explorer.ExplorerError, match="no edges 'sharp'"):
        trace.segment(edges="sharp")


def test_a_strongest_subspace_has_the_colour_of_its_head(trace):
    found = trace.segment("subspace", edges="patches")
    scale = len(np.asarray(trace.draw())) // 24
    large = found.labels.repeat(scale, 0).repeat(scale, 1)
    photo, drawn = np.asarray(trace.draw()), np.asarray(trace.draw(found))
    for head in np.unique(large):
        colour = explorer.figures.head_color(int(head) - 1)
        channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        at = large == head
        np.testing.assert_allclose(drawn[at], 0.4 * photo[at] + 0.6 * np.array(channels), rtol=0, atol=0.51)


def test_the_logit_lens_ends_at_the_models_own_surprise(text):
    tokens = text.prepared.data[0]
    shares = softmax(text.logits[0])
    expected = -np.log(shares[np.arange(len(tokens) - 1), tokens[1:]])
    np.testing.assert_allclose(text.logit_lens()[-1].surprise, expected, rtol=1e-5)
    assert len(text.logit_lens()) == 3
    np.testing.assert_allclose(text.control.logit_lens()[-1].divergence, 0, atol=1e-5)


def test_what_is_of_pictures_or_of_texts_alone_says_so(trace, text):
    with pytest.raises(explorer.ExplorerError, match="words reads text: segment takes models of pictures"):
        text.segment()
    with pytest.raises(explorer.ExplorerError, match="crate reads pictures: logit_lens takes a language model"):
        trace.logit_lens()
    with pytest.raises(explorer.ExplorerError, match="nothing to draw on"):
        text.draw()


@pytest.mark.parametrize("family", ["crate", "crate_alpha", "vit"])
def test_a_trace_shows_the_shapes_of_its_points(cards, family):
    trace = Model(cards[family]).trace(PHOTO, size=24)
    shown = trace._repr_html_()
    for name, value in trace.points.items():
        assert f">{value.shape}<" in shown, name
    assert ">z.1 … z.3<" in shown
    assert "kangaroo.jpg" in shown
    assert len(repr(trace)) < 120


def test_texts_and_names_that_look_like_markup_stay_text(text):
    evil = dataclasses.replace(text, prepared=dataclasses.replace(text.prepared, label="<script>", note="<b>"))
    assert "<script>" not in evil._repr_html_()
    assert "&lt;script&gt;" in evil._repr_html_()
    assert "<b>&lt;" in evil._repr_html_()
