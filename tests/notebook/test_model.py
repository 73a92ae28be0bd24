"""Models in a notebook: opened by name, run on anything, beside their control."""

import html
import re
import threading
import warnings

import numpy as np
import pytest

import explorer
from explorer import runtime, zoo
from explorer.inputs import gallery_photo, prepare
from explorer.measures.rates import before_threshold
from explorer.notebook import Model
from tests.conftest import pixels, torch_points


@pytest.fixture
def model(cards, monkeypatch) -> Model:
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(cards["crate"].path.parent))
    return explorer.open("crate")


def test_a_model_opens_by_its_name_or_its_path_and_an_unknown_name_says_which_there_are(model, cards):
    assert explorer.model_names() == sorted(cards)
    assert explorer.open(cards["vit"].path).card == cards["vit"]
    assert (model.name, model.layers, model.heads) == ("crate", 2, 2)
    with pytest.raises(explorer.ExplorerError, match="no model crates: it has crate, crate_alpha, vit"):
        explorer.open("crates")


def test_a_trace_is_what_torch_computes_with_its_stride_and_its_knobs(model, modules):
    trace = model.trace(pixels(2), stride=2, knobs="g2:1=0.5,l*=0.3,e2=0.05")
    gain = np.array([[1, 1], [0.5, 1]], np.float32)
    lam, eta = np.array([0.3, 0.3], np.float32), np.array([model.card.eta[0], 0.05], np.float32)
    expected = torch_points(modules["crate"], pixels(2), mssa_gain=gain, ista_lambda=lam, ista_eta=eta, stride=2)
    for name, value in expected.items():
        np.testing.assert_allclose(trace.points[name], value, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(trace.z(2, image=1), trace.points["z.2"][1])
    assert [one.lam for one in trace.weights] == pytest.approx([0.3, 0.3])
    assert [one.eta for one in trace.weights] == pytest.approx([model.card.eta[0], 0.05])
    assert trace.weights[1].dictionary is model.weights(2).dictionary


def test_turned_weights_are_those_of_the_run(model):
    """The thresholded entries, computed from the turned weights, are the next layer's tokens."""
    trace = model.trace(pixels(1), knobs="l2=0.4,e2=0.2")
    before, threshold = before_threshold(trace.z_half(2), trace.weights[1])
    np.testing.assert_allclose(np.maximum(before - threshold, 0), trace.z(3), rtol=0, atol=1e-5)


def test_the_control_has_the_drawn_weights_and_sees_the_same_input_and_knobs(model):
    trace = model.trace(pixels(1), stride=2, knobs="g1:*=0", want=["z.2"])
    drawn = zoo.draw_control(model.card, 5)
    other = model.control(5).trace(pixels(1))
    expected = runtime.run(runtime.open_model(model.card, drawn), prepare(pixels(1), model.card))
    np.testing.assert_array_equal(other.logits, expected.logits)
    np.testing.assert_array_equal(
        model.control(5).weights(1).subspaces, drawn[model.card.weights["subspaces"].format(l=0)]
    )
    assert set(trace.control.points) == {"logits", "z.2"}
    again = model.control().trace(trace.prepared, knobs=trace.knobs, want=[])
    np.testing.assert_array_equal(trace.control.logits, again.logits)
    assert (trace.control.logits != trace.logits).any()
    assert trace.control.stride == 2


def test_a_session_is_opened_once_for_all_runs_threads_and_the_control(model, monkeypatch):
    opened, real = [], runtime.open_model
    monkeypatch.setattr(runtime, "open_model", lambda *given: opened.append(1) or real(*given))
    first = model.trace(pixels(1))
    found = []
    threads = [threading.Thread(target=lambda: found.append(model.trace(pixels(1)).logits)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    for logits in found:
        np.testing.assert_array_equal(logits, first.logits)
    assert model.control() is model.control()
    _ = first.control, model.trace(pixels(1)).control
    assert len(opened) == 2


def test_knobs_layers_and_inputs_that_do_not_fit_are_refused_in_a_sentence(model, word_card):
    refused = [
        (lambda: model.trace(pixels(1), knobs="g9:1=0"), "no knob 'g9:1=0'"),
        (lambda: model.trace(pixels(1), stride=9), "Stride 9"),
        (lambda: model.trace("quagga"), "no photo 'quagga'"),
        (lambda: model.trace(pixels(1), want=["z.9"]), "no trace point z.9"),
        (lambda: model.trace(pixels(1)).z(4), r"no z.4: it has z.1 … z.3, subspace.1 … subspace.2, z_half.1"),
        (lambda: model.trace(pixels(1), want=[]).z(1), "has the logits alone"),
        (lambda: model.weights(3), "no layer 3: choose 1 to 2"),
        (lambda: model.weights(0), "no layer 0"),
        (lambda: model.report(pixels(1)), "is no picture"),
        (lambda: model.control().report("kangaroo"), "stands in the report of crate"),
        (lambda: Model(word_card).trace("the cat", stride=2), "has no stride"),
        (lambda: Model(word_card).report("the cat", stride=2), "has no stride"),
    ]
    for call, words in refused:
        with pytest.raises(explorer.ExplorerError, match=words):
            call()


def test_what_reading_changed_is_a_warning(word_card):
    model = Model(word_card)
    with pytest.warns(UserWarning, match="reads 16 tokens at most"):
        trace = model.trace("the mat " * 40)
    assert "reads 16 tokens at most" in trace._repr_html_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.trace("the mat").logits.shape[1] < 16


def test_a_model_shows_its_card(model, word_card):
    shown = model._repr_html_()
    for words in ("crate", "2 × 2 of 4 directions in 8", "patches of 4", f"{model.card.parameters:,}"):
        assert words in shown
    assert "text of up to 16 tokens" in Model(word_card)._repr_html_()
    assert "random-init control" in model.control()._repr_html_()
    assert len(repr(model)) < 100


def test_a_report_of_a_photo_or_a_text_shows_itself_and_is_saved(model, word_card, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo = model.report(gallery_photo("kangaroo").path, stride=2, size=32)
    text = Model(word_card).report("the cat sat")
    for report, words in ((photo, "kangaroo.jpg through crate"), (text, "the cat sat")):
        assert words in report.html.decode()
        framed = re.search(r'srcdoc="([^"]*)"', report._repr_html_())
        assert framed
        assert html.unescape(framed[1]) == report.html.decode()
        assert report.save().read_bytes() == report.html
    assert "32 × 32 pixels, patches of 4 at stride 2" in photo.html.decode()
    assert {path.name for path in tmp_path.iterdir()} == {"kangaroo_crate.html", "text_words.html"}
    with pytest.raises(explorer.ExplorerError, match="cannot be written"):
        photo.save(tmp_path / "no" / "report.html")
