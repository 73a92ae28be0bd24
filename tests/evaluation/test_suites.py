"""Each suite on the tiny models, against numbers worked out another way."""

import dataclasses

import numpy as np
import pytest

from explorer import runtime, zoo
from explorer.dataset import open_part
from explorer.errors import ExplorerError
from explorer.evaluation.accuracy import accuracy, true_ranks
from explorer.evaluation.curves import curves
from explorer.evaluation.emergence import METHODS, emergence, strong_side
from explorer.evaluation.noise import LEVELS, disturb, noise
from explorer.evaluation.record import CONTROL, MODEL, Result, results_of
from explorer.evaluation.subjects import sample
from explorer.evaluation.suites import SUITES, evaluate
from explorer.inputs import frame_squares, normalise_squares
from explorer.measures.rates.layers import measure_layers
from tests.evaluation.conftest import task_of, write_part


def values_of(rows, **wanted) -> list[float]:
    return [row.value for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def test_ranks_by_hand():
    logits = np.array([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0], [5.0, 5.0, 5.0]])
    assert true_ranks(logits, np.array([0, 1, 2])).tolist() == [0, 2, 2]  # equal scores know nothing


def test_accuracy_matches_classes_by_name(named, squares):
    """The data's classes are blue, green, red; the model's red, blue, green."""
    card, part = named["crate"], open_part(squares / "val")
    framed = frame_squares(part.images, card.preprocessing, card.patch)
    logits = runtime.run(runtime.open_model(card), normalise_squares(framed, card.preprocessing), []).logits
    names = [card.classes[i] for i in logits.argmax(axis=1)]
    expected = np.mean([name == part.classes[label] for name, label in zip(names, part.labels, strict=True)])
    found = accuracy(task_of(card, squares))
    assert values_of(found.rows, measure="top-1", who=MODEL) == [pytest.approx(expected)]
    assert values_of(found.rows, measure="top-5", who=MODEL) == [1.0]  # there are three classes
    assert len(values_of(found.rows, measure="top-1", who=CONTROL)) == 1
    assert found.data == {
        "sources": ["made"], "licence": "made for a test", "part": "val", "images": 7, "of": 7, "pixels": 20,
    }  # fmt: skip


def test_accuracy_on_other_classes_is_refused(named, tmp_path):
    write_part(tmp_path / "val", 3, ["blue", "green", "violet"])
    with pytest.raises(ExplorerError, match="no class 'violet'"):
        accuracy(task_of(named["crate"], tmp_path))


@pytest.mark.parametrize("family", ["crate", "crate_alpha", "vit"])
def test_emergence_rates_every_method_and_baseline_on_the_same_boxes(named, squares, family):
    found = emergence(task_of(named[family], squares, divisor=2))
    for who in (MODEL, CONTROL):
        for method in METHODS:
            values = values_of(found.rows, measure="CorLoc", who=who, method=method, on="all boxes", minus="")
            assert len(values) == 1
            assert 0 <= values[0] <= 1
    (whole,) = values_of(found.rows, measure="box IoU", who="whole image", on="all boxes")
    assert whole == pytest.approx(64 / 400)  # every box has 8×8 of 20×20 pixels
    assert values_of(found.rows, measure="CorLoc", who="whole image", on="all boxes") == [0]
    assert values_of(found.rows, measure="CorLoc", who="colours alone", on="small boxes") == [1]
    (difference,) = values_of(found.rows, measure="box IoU", method="ncut", minus=CONTROL, on="all boxes")
    pair = [values_of(found.rows, measure="box IoU", who=w, method="ncut", on="all boxes", minus="")[0]
            for w in (MODEL, CONTROL)]  # fmt: skip
    assert difference == pytest.approx(pair[0] - pair[1])


def test_emergence_without_boxes_is_refused(named, tmp_path):
    write_part(tmp_path / "val", 3, boxes=False)
    with pytest.raises(ExplorerError, match="no boxes"):
        emergence(task_of(named["crate"], tmp_path))


def test_the_strong_side_does_not_depend_on_the_sign():
    vector = np.array([[-3.0, -2.9], [1.0, 1.1]])
    assert strong_side(vector).tolist() == [[True, True], [False, False]]
    assert (strong_side(-vector) == strong_side(vector)).all()


def test_curves_are_the_means_of_single_pictures(named, squares):
    card = named["crate_alpha"]
    found = curves(task_of(card, squares))
    model, weights = runtime.open_model(card), zoo.layer_weights(card)
    for name, count in (("train", 5), ("val", 7)):
        framed = frame_squares(open_part(squares / name).images, card.preprocessing, card.patch)
        trace = runtime.run(model, normalise_squares(framed, card.preprocessing))
        layers = [measure_layers(trace, weights, image) for image in range(count)]
        rates = np.array([[one.subspace_coding_rate_official for one in image] for image in layers])
        rows = [row for row in found.rows if (row.measure, row.who, row.on) == ("R^c", MODEL, name)]
        np.testing.assert_allclose([row.value for row in rows], rates.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose([row.std for row in rows], rates.std(axis=0, ddof=1), rtol=1e-3)
        assert [(row.at, row.images) for row in rows] == [(1, count), (2, count)]
    assert len(values_of(found.rows, measure="non-zeros", who=CONTROL)) == 4


def test_noise_is_nested_and_level_zero_changes_nothing():
    """What is random at one level is so, with the same colour, at every higher one; Gaussian noise scales."""
    picture = np.full((40, 40, 3), 128, np.uint8)
    for kind in LEVELS:
        assert (disturb(picture, kind, 0.0, 0, 1) == picture).all()
    some, more = (disturb(picture, "random pixels", level, 0, 1) for level in (0.25, 0.5))
    changed = (some != picture).any(axis=-1)
    assert (some[changed] == more[changed]).all()
    assert changed.mean() == pytest.approx(0.25, abs=0.04)
    assert (more != picture).any(axis=-1).mean() == pytest.approx(0.5, abs=0.05)
    weak, strong = (disturb(picture, "Gaussian noise", level, 0, 1) - 128 for level in (10.0, 20.0))
    assert weak.std() == pytest.approx(10, rel=0.05)
    np.testing.assert_allclose(strong, 2 * weak, atol=1e-4)
    assert (disturb(picture, "Gaussian noise", 10.0, 0, 2) - 128 != weak).any()
    loud = disturb(picture, "Gaussian noise", 500.0, 0, 1)
    assert (loud.min(), loud.max()) == (0, 255)


def test_noise_rates_every_level(named, squares):
    found = noise(task_of(named["crate"], squares, divisor=2, limit=3))
    for kind, levels in LEVELS.items():
        rows = [r for r in found.rows if (r.who, r.on, r.method, r.measure) == (MODEL, kind, "maskcut", "box IoU")]
        assert [row.at for row in rows] == list(levels)
        assert all(row.images == 3 for row in rows)
    clean = [values_of(found.rows, who=CONTROL, on=kind, at=0.0, measure="box IoU") for kind in LEVELS]
    assert clean[0] == clean[1]
    kept = values_of(found.rows, who=MODEL, on="random pixels", method="attention", measure="box kept")
    assert kept[0] == 1  # without noise it is the same box
    assert kept[-1] < 1


def test_a_sample_is_drawn_once_and_kept_in_order():
    numbers = np.arange(100, 200)
    drawn = sample(numbers, 10, 3)
    assert len(set(drawn.tolist())) == 10
    assert (np.diff(drawn) > 0).all()
    assert (sample(numbers, 10, 3) == drawn).all()
    assert (sample(numbers, None, 0) == numbers).all()


def test_a_result_lives_in_the_file_and_leaves_the_weights_alone(named, squares, tmp_path):
    path = tmp_path / "crate.onnx"
    path.write_bytes(named["crate"].path.read_bytes())
    card = zoo.read_card(path)
    before = zoo.load_weights(card, card.init)
    result = evaluate(card, "accuracy", squares, limit=4)
    recorded = zoo.record_evaluation(card, "accuracy", result.values())
    assert results_of(recorded) == {"accuracy": result}
    assert result.settings["size"] == card.image_size
    after = zoo.load_weights(recorded, card.init)
    assert all((after[name] == array).all() for name, array in before.items())
    assert dataclasses.replace(recorded, evaluation={}, sha256="", size_bytes=0) == dataclasses.replace(
        card, sha256="", size_bytes=0
    )
    again = zoo.record_evaluation(recorded, "noise", dataclasses.replace(result, suite="noise").values())
    assert set(results_of(again)) == {"accuracy", "noise"}


def test_a_model_that_was_replaced_is_not_written_to(named, tmp_path):
    path = tmp_path / "crate.onnx"
    path.write_bytes(named["crate"].path.read_bytes())
    card = dataclasses.replace(zoo.read_card(path), parameters=1)
    with pytest.raises(ExplorerError, match="was replaced while"):
        zoo.record_evaluation(card, "accuracy", {})
    assert zoo.read_card(path).evaluation == {}


@pytest.mark.parametrize(
    "values",
    [
        3,
        {"date": "d"},
        {"date": "d", "commit": "", "seconds": 1, "settings": {}, "data": {}, "rows": [{"measure": "x"}]},
        {"date": "d", "commit": "", "seconds": 1, "settings": {}, "data": {}, "rows": [{"html": "x"}]},
        {
            "date": "d", "commit": "", "seconds": 1, "settings": {}, "data": {},
            "rows": [{"measure": "x", "who": "y", "images": 1, "value": float("nan")}],
        },
    ],
)  # fmt: skip
def test_a_card_with_something_else_is_refused_in_words(named, values):
    card = dataclasses.replace(named["crate"], evaluation={"accuracy": values})
    with pytest.raises(ExplorerError, match="evaluate it again"):
        results_of(card)


def test_every_suite_is_listed_and_others_are_refused(named, squares):
    of_pictures = {"accuracy", "emergence", "curves", "heads", "noise", "voc", "coco", "regions"}
    assert set(SUITES) == of_pictures | {"language", "embedding"}
    with pytest.raises(ExplorerError, match="no suite speed"):
        evaluate(named["crate"], "speed", squares)
    with pytest.raises(ExplorerError, match="--limit 1"):
        evaluate(named["crate"], "accuracy", squares, limit=1)


def test_another_model_is_compared_on_the_same_images(named, squares):
    result = evaluate(named["crate"], "emergence", squares, [named["vit"]], limit=4)
    assert isinstance(result, Result)
    assert {row.who for row in result.rows} >= {MODEL, CONTROL, "vit"}
    assert values_of(result.rows, minus="vit", method="attention", measure="CorLoc", on="all boxes")
    assert result.settings["compared"] == {"vit": "12 px, stride 2"}
