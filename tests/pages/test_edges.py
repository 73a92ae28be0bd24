"""The setting Edges: what the lens is sent, on the page that has it and on others, and what is taken away."""

import pytest

from explorer import lens
from explorer.measures.patches import connected_parts, guide_of, photo_labels, segment_trace
from explorer.ui.sections import segment as section


@pytest.fixture
def sent(monkeypatch):
    """Every segmentation that a lens was sent, by its name."""
    found, real = {}, lens.segments_feed

    def feed(view, segments, maps=None):
        found.update(segments)
        return real(view, segments, maps)

    monkeypatch.setattr(lens, "segments_feed", feed)
    return found


@pytest.fixture
def views(monkeypatch):
    """The views of which the Segment page offered files."""
    seen, real = [], section.segment_downloads

    def downloads(view, settings):
        seen.append((view, settings))
        real(view, settings)

    monkeypatch.setattr(section, "segment_downloads", downloads)
    return seen


def test_masks_follow_the_photo_until_patches_are_chosen_on_every_page(app, sent, views):
    tested = app("segment", photo="kangaroo")
    assert not tested.exception
    view, settings = views[-1]
    layer = settings.choice.layer
    grid = segment_trace(view.trace, "maskcut", layer).labels
    patch, stride = view.scale * view.card.patch, view.scale * view.trace.stride
    expected = photo_labels(grid, guide_of(view.picture, patch), patch, stride)
    name = f"maskcut.{layer}"
    assert (sent[name].edges, sent[name].labels.tolist()) == ("photo", expected.tolist())
    assert sent[f"pca.{layer}"].labels.shape == view.picture.shape[:2]
    assert sent[f"pca.{layer}"].colours.shape == (*grid.shape, 3)  # colours stay on the patches: small to send
    tested.toggle(key="parts").set_value(True).run()
    assert sent[name].labels.tolist() == connected_parts(expected).tolist()
    tested.toggle(key="parts").set_value(False).run()
    tested.segmented_control(key="edges").set_value("patches").run()
    assert tested.query_params["edges"] == "patches"
    assert (sent[name].edges, sent[name].labels.tolist()) == ("patches", grid.tolist())
    sent.clear()
    tested.switch_page("pages/start.py").run()
    assert {one.edges for one in sent.values()} == {"patches"}
