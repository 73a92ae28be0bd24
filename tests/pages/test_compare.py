"""The Compare page: every pair of families, the differences against the measures, and models that come and go."""

import dataclasses
import shutil
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from explorer import runtime, zoo
from explorer.card import METADATA_KEY
from explorer.card_runs import class_change, epoch_of, first_partner, name_and_epoch, run_of, twins_of
from explorer.evaluation.record import CONTROL, MODEL, Result, Row
from explorer.inputs.gallery import gallery
from explorer.inputs.image import prepare_photo
from explorer.inputs.photo import sample
from explorer.measures.pairs.weights import match_heads, weight_changes
from explorer.studies import compare
from explorer.studies.compare import shared_framing
from explorer.studies.many_photos import PHOTO_KEYS, PhotoPlan, photo_row
from explorer.trace import Knobs
from explorer.ui.jobs.job import Job
from explorer.ui.sections.compare import many_photos as batch
from explorer.ui.sections.compare.film import Film, found_lines
from explorer.ui.sections.compare.pictures import Look, compare_sections, curves_section
from explorer.ui.sections.compare.sides import nearest_stride
from explorer.ui.view.photo_lens import view_name
from explorer.words import SCALES
from tests.ui.jobs.test_job import wait


def table(tested) -> dict[str, dict[str, str]]:
    """The table of differences: row → column → text."""
    frame = tested.dataframe[0].value
    return {row["from A to the others"]: row for row in frame.to_dict("records")}


@pytest.mark.parametrize("other", ["crate", "crate_alpha", "vit"])
@pytest.mark.parametrize("part", ["pictures", "numbers"])
def test_every_family_stands_beside_crate(app, other, part):
    rows = "attention objects parts heads rate tokens curves prediction"
    tested = app("compare", model="crate", b=other, c=other, c_runs="init", comparison=part, rows=rows)
    assert not tested.exception
    assert not tested.error
    assert len(tested.dataframe) >= 1


def test_a_model_and_itself_do_not_differ(app):
    tested = app("compare", model="crate", b="crate", b_runs="trained", comparison="numbers")
    assert not tested.exception
    (column,) = [name for name in tested.dataframe[0].value.columns if name.startswith("A → ")]
    found = [row[column] for row in table(tested).values()]
    assert found == ["0.000", "1", "0.000", "0.000", "1.000", "1.000", "0.000", "1.000", "1.000", "0.000"]


def test_the_control_differs_as_the_measures_say(app, cards):
    tested = app("compare", model="crate", b="crate", b_runs="init", comparison="numbers")
    rows = table(tested)
    assert len(rows) == len(SCALES)
    (column,) = [name for name in tested.dataframe[0].value.columns if name.startswith("A → ")]
    assert "random init" in column
    card = cards["crate"]
    own, drawn = zoo.layer_weights(card), zoo.layer_weights(card, zoo.draw_control(card))
    match = match_heads(own[0], drawn[0])
    assert match is not None
    assert rows["subspaces: overlap of matched heads"][column] == f"{match.mean:.3f}"
    changes = weight_changes(zoo.load_weights(card, card.init), zoo.draw_control(card))
    median = np.median([one.relative for one in changes.tensors])
    assert rows["weights: median relative change"][column] == f"{median:.3f}"


def test_a_vit_has_no_dictionary_to_compare(app):
    rows = table(app("compare", model="crate", b="vit", comparison="numbers"))
    (column,) = [name for name in next(iter(rows.values())) if name.startswith("A → ")]
    assert rows["dictionary: |cos| of matched atoms"][column] == "–"


def test_alone_there_is_nothing_to_tell_apart(app):
    tested = app("compare", model="crate", b="", comparison="numbers")
    tested.selectbox(key="b").set_value("").run()
    assert not tested.exception
    assert any("Choose a model for B" in info.value for info in tested.info)


def test_a_model_that_goes_while_it_is_compared_is_a_word_or_an_empty_box(app, cards, monkeypatch, tmp_path):
    for family in ("crate", "vit"):
        shutil.copy(cards[family].path, tmp_path / f"{family}.onnx")
    tested = app("compare", model="crate", b="vit")
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    tested.run()
    assert not tested.exception
    (tmp_path / "vit.onnx").unlink()
    tested.run()
    assert not tested.exception
    assert tested.selectbox(key="b").value != "vit"


def made_run(cards, folder) -> list:
    """Three epochs of one run and a model of another."""
    found = []
    for name, run, epoch in (("late", "made", 9), ("start", "made", 0), ("middle", "made", 3.5), ("alone", "x", 1)):
        model = onnx.load(cards["crate"].path)
        entry = next(e for e in model.metadata_props if e.key == METADATA_KEY)
        card = dataclasses.replace(cards["crate"], provenance={"run": run, "epoch": epoch})
        entry.value = card.to_metadata()
        found.append(zoo.install(model.SerializeToString(), name, folder))
    return found


def test_a_run_is_in_the_order_of_its_epochs_and_starts_with_its_first(cards, tmp_path):
    late, start, middle, alone = made_run(cards, tmp_path)
    zoo_cards = [late, start, middle, alone]
    assert [card.name for card in run_of(late, zoo_cards)] == ["start", "middle", "late"]
    assert run_of(alone, zoo_cards) == []
    assert first_partner(late, zoo_cards) == ("start", False)
    assert first_partner(start, zoo_cards) == ("start", True)
    assert epoch_of(dataclasses.replace(alone, provenance={"epoch": True})) is None


def test_twins_know_the_same_classes_and_are_built_in_another_way(cards):
    found = twins_of(cards["crate"], list(cards.values()))
    assert all(card.classes == cards["crate"].classes and card.name != "crate" for card in found)
    other = dataclasses.replace(cards["vit"], classes=("something else",))
    assert twins_of(cards["crate"], [cards["crate"], other]) == []


def test_presets_fill_the_boxes(app, cards, monkeypatch, tmp_path):
    made_run(cards, tmp_path)
    tested = app("compare")
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    tested.run()
    tested.selectbox(key="model").set_value("late").run()
    tested.button(key="preset_Epochs of this run").click().run()
    assert not tested.exception
    chosen = [tested.selectbox(key=letter).value for letter in "bcd"]
    assert set(chosen) <= {"start", "middle", "late", ""}
    assert chosen[2] == ""


def test_models_that_crop_in_other_ways_see_the_whole_photo(cards):
    crate = cards["crate"]
    wider = dataclasses.replace(crate.preprocessing, resize=2 * crate.preprocessing.crop)
    other = dataclasses.replace(crate, preprocessing=wider)
    assert shared_framing([crate, crate], "crop") == "crop"
    assert shared_framing([crate, other], "crop") == "whole"
    assert nearest_stride(crate, 100) == crate.patch
    assert nearest_stride(crate, 1) == 1


def test_the_pictures_of_a_link_come_back(app):
    tested = app("compare", model="crate", rows="parts curves")
    assert tested.query_params["rows"] == "parts curves"
    assert sorted(tested.pills(key="rows_pills").value) == ["curves", "parts"]
    tested.pills(key="rows_pills").set_value(["prediction"]).run()
    assert tested.query_params["rows"] == "prediction"
    assert len(tested.dataframe) == 1


def test_a_model_without_other_epochs_is_no_film(app):
    tested = app("compare", model="crate", comparison="film")
    assert not tested.exception
    assert any("no other checkpoint" in info.value for info in tested.info)


def test_a_run_is_a_film_with_what_its_cards_say(app, cards, monkeypatch, tmp_path):
    made = made_run(cards, tmp_path)
    data = {"sources": ["made"], "part": "val", "images": 9, "of": 9}
    for card, found in zip(made[:3], (0.5, 0.1, 0.3), strict=True):
        rows = tuple(
            Row("CorLoc", who, share, 9, method="attention", on="small boxes")
            for who, share in ((MODEL, found), (CONTROL, 0.05))
        )
        result = Result("emergence", "2026-01-02T03:04:05+00:00", "abc", 1.0, {}, data, rows)
        zoo.record_evaluation(card, "emergence", result.values())
    tested = app("compare")
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    tested.run()
    tested.selectbox(key="model").set_value("late").run()
    tested.segmented_control(key="comparison").set_value("film").run()
    assert not tested.exception
    assert not tested.info
    film = Film(tuple(SimpleNamespace(card=zoo.find_model(name)) for name in ("start", "middle", "late")))  # pyright: ignore[reportArgumentType]
    assert film.epochs == ["0", "3.5", "9"]
    lines = found_lines([view.card for view in film.views])
    assert [(name, values.tolist()) for name, _, _, values in lines] == [
        ("attention", [0.1, 0.3, 0.5]), ("attention, control", [0.05] * 3),
    ]  # fmt: skip
    alone = zoo.find_model("alone")
    assert found_lines([view.card for view in film.views] + [alone]) == []  # one that was not evaluated: no line


def test_many_photos_are_compared_one_by_one_and_can_be_opened(app, cards, monkeypatch):
    monkeypatch.setattr(batch, "gallery", lambda: gallery()[:3])
    tested = app("compare", model="crate", b="crate_alpha", comparison="photos")
    tested.button(key="batch_start").click().run()
    assert wait(tested.session_state["batch_job"]).error is None
    tested.run()
    assert not tested.exception
    frame = tested.dataframe[0].value
    assert list(frame["photo"]) == [photo.name.replace("_", " ") for photo in gallery()[:3]]
    assert frame["A → B kl_nats"].notna().all()
    means = tested.dataframe[1].value
    assert means["A R^c"][0] == pytest.approx(frame["A R^c"].mean())
    assert means["A R^c"][1] == pytest.approx(frame["A R^c"].std())


def test_a_cancelled_batch_says_how_far_it_came_and_goes_on(app, monkeypatch):
    monkeypatch.setattr(batch, "gallery", lambda: gallery()[:3])
    tested = app("compare", model="crate", b="crate_alpha", comparison="photos")
    tested.button(key="batch_start").click().run()
    whole = wait(tested.session_state["batch_job"])
    stopped = Job(whole.key, 3, whole.results[:1], running=False)
    tested.session_state["batch_job"] = stopped
    tested.run()
    assert "Cancelled after 1 of 3 photos" in tested.info[0].value
    assert list(tested.dataframe[1].value.iloc[:, 0]) == ["mean of 1", "standard deviation"]
    tested.button(key="batch_on").click().run()
    job = wait(tested.session_state["batch_job"])
    assert job.results[0] is whole.results[0]
    assert [row["photo"] for row in job.results] == [row["photo"] for row in whole.results]
    tested.run()
    assert not tested.info
    assert not tested.exception


def test_a_batch_belongs_to_the_way_in_which_layers_go_together(app, monkeypatch):
    monkeypatch.setattr(batch, "gallery", lambda: gallery()[:1])
    keys = []
    monkeypatch.setattr(batch, "_start", lambda *arguments: keys.append(arguments[-1]))
    for by_depth in (True, False):
        monkeypatch.setattr("explorer.ui.sections.compare.pictures.layers_go", lambda sides, by=by_depth: by)
        tested = app("compare", model="crate", b="crate_alpha", comparison="photos")
        tested.button(key="batch_start").click().run()
    assert len(set(keys)) == 2


def test_a_batch_is_measured_at_the_layer_of_its_slider(app, cards, monkeypatch):
    monkeypatch.setattr(batch, "gallery", lambda: gallery()[:1])
    tested = app("compare", model="crate", b="crate", b_runs="init", comparison="photos")
    tested.slider(key="layer").set_value(1).run()
    tested.button(key="batch_start").click().run()
    (row,) = wait(tested.session_state["batch_job"]).results
    card = cards["crate"]
    prepared = prepare_photo(sample(gallery()[0].name).data, card.preprocessing, card.patch)
    a, b = (compare.run(card, prepared, Knobs(stride=card.patch // 2), drawn) for drawn in (False, True))
    expected = {one.key: one.value for one in compare.differences(a, b, 1, 1)}
    assert row["A → B cka"] == pytest.approx(expected["cka"])
    tested.run()
    assert any("compared at layer 1 of A" in caption.value for caption in tested.caption)


def test_other_classes_are_said_where_the_numbers_are(cards):
    card = cards["crate"]
    prepared = prepare_photo(sample("kangaroo").data, card.preprocessing, card.patch)
    a = compare.run(card, prepared, Knobs())
    names = [card.class_name(i) for i in range(a.trace.logits.shape[1])]
    first = names[int(a.trace.logits[0].argmax())]
    lacks = tuple("something else" if name == first else name for name in names)
    b = dataclasses.replace(a, card=dataclasses.replace(card, classes=lacks))
    kl, rank, *_ = compare.differences(a, b, 1, 1)
    assert (kl.value, kl.text) == (pytest.approx(0), f"0.000 ({len(names) - 1} classes)")
    assert (rank.value, rank.text) == (None, f"– (no class {first})")
    assert compare.differences(a, a, 1, 1)[1].text == "1"


def test_a_name_says_where_in_the_training_a_model_stands(cards):
    def named(**provenance) -> str:
        return name_and_epoch(dataclasses.replace(cards["crate"], provenance=provenance))

    assert named() == "crate"
    assert named(epoch=0) == "crate, epoch 0"
    assert named(epoch=15.026) == "crate, epoch 15"


def test_a_film_knows_where_its_classes_change(cards):
    card = cards["crate"]
    other = dataclasses.replace(card, classes=("something else",))
    assert class_change([card, card, other]) == 2
    assert class_change([card, card]) is None


def test_an_emptied_box_leaves_nothing_in_the_address(app):
    tested = app("compare", model="crate", b="vit", b_stride=4, b_runs="init")
    assert tested.query_params["b_stride"] == "4"
    tested.selectbox(key="b").set_value("").run()
    assert not {"b_stride", "b_runs"} & set(tested.query_params)


@pytest.mark.parametrize("one_scale", [True, False])
def test_one_colour_scale_is_of_all_the_pictures_of_a_row(one_scale):
    sides = [SimpleNamespace(letter=one, title=one, view=SimpleNamespace(key=one)) for one in "AB"]
    look = Look(over=True, one_scale=one_scale)
    (section,) = compare_sections("attention", sides, look)  # pyright: ignore[reportArgumentType]
    names = tuple(view_name(side.view) for side in sides)  # pyright: ignore[reportArgumentType]
    assert [panel.like for panel in section.panels] == [names if one_scale else ()] * 3
    assert [panel.kind for panel in section.panels] == ["attention", "attention", "versus"]
    (alone,) = compare_sections("attention", sides, Look(over=False))  # pyright: ignore[reportArgumentType]
    assert len(alone.panels) == 2


def test_a_row_of_a_photo_is_what_compare_says(cards):
    card = cards["crate"]
    photo = sample("kangaroo")
    own, drawn = runtime.open_model(card), zoo.draw_control(card)
    plans = [
        PhotoPlan("A", own, zoo.layer_weights(card), Knobs(), None, "crop", False),
        PhotoPlan("B", runtime.open_model(card, drawn), zoo.layer_weights(card, drawn), Knobs(), None, "crop", True),
    ]
    row = photo_row(photo, plans, 1, True)
    prepared = prepare_photo(photo.data, card.preprocessing, card.patch)
    a, b = (compare.run(card, prepared, Knobs(), is_drawn) for is_drawn in (False, True))
    expected = {one.key: one.value for one in compare.differences(a, b, 1, 1)}
    assert {key: row[f"A → B {key}"] for key in PHOTO_KEYS} == pytest.approx({key: expected[key] for key in PHOTO_KEYS})


def test_the_band_is_of_networks_built_as_a_is():
    def side(letter: str, family: str, curve: list[float], control: list[float]):
        card = SimpleNamespace(family=family, layers=2, dim=8, heads=2, has_ista=family != "vit")
        pairs = {False: curve, True: control}
        view = SimpleNamespace(card=card, curves=lambda control=False: (np.array(pairs[control]),) * 2)
        return SimpleNamespace(letter=letter, color="#000000", view=view)

    sides = [side("A", "crate", [3, 2], [4, 4]), side("B", "vit", [9, 9], [10, 10]), side("C", "crate", [3, 3], [5, 5])]
    section = curves_section(sides)  # pyright: ignore[reportArgumentType]
    assert [line["values"] for line in section.panels[0].chart["series"]] == [[3, 2], [9, 9], [3, 3]]
    band = section.panels[0].chart["band"]
    assert (band["low"], band["high"]) == ([4, 4], [5, 5])
    assert "that of B cannot be held against A's" in section.explanation
    assert "Nothing in B sets an entry to zero" in section.explanation
    assert curves_section(sides[::2]).explanation == ""  # pyright: ignore[reportArgumentType]
