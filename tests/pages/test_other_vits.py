"""The pages with ViTs that have no head, registers in front of the patches, or no class token."""

import json
import shutil

import pytest
import torch

from explorer import zoo
from explorer.export import checkpoint
from explorer.export.importer import import_file
from explorer.inputs.gallery import gallery_photo
from explorer.report import report_html, run_report
from explorer.ui.sections.models.card import input_facts
from tests.conftest import draw, read_in_process
from tests.models.forms import size_of
from tests.pages.test_every_page import texts

FORMS = {"dino": "DINOv2: registers without positions", "gap": "no class token", "bare": "no class token, no head"}
NO_HEAD = "no head: it gives features alone"


@pytest.fixture(scope="module")
def other_zoo(cards, tmp_path_factory):
    """A zoo of these ViTs beside a CRATE."""
    folder = tmp_path_factory.mktemp("other_vits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_run_reader", read_in_process)
        for name, form in FORMS.items():
            torch.save(draw("vit", size_of(form)).state_dict(), folder / f"{name}.pth")
            (folder / "card.json").write_text(json.dumps({"heads": 2}))
            import_file(folder / f"{name}.pth", name, card_path=folder / "card.json", directory=folder)
    shutil.copy(cards["crate"].path, folder / "crate.onnx")
    return folder


@pytest.fixture
def others(app, other_zoo, monkeypatch):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(other_zoo))
    return app


@pytest.mark.parametrize("page", [None, "segment", "layers", "knobs", "subspaces", "ledger", "models"])
@pytest.mark.parametrize("model", FORMS)
def test_no_page_fails(others, page, model):
    tested = others(page, model=model)
    assert not tested.exception
    assert not tested.error


@pytest.mark.parametrize("page", [None, "segment", "knobs"])
def test_pages_that_predict_say_that_there_is_no_head(others, page):
    assert NO_HEAD in texts(others(page, model="dino"))
    assert NO_HEAD not in texts(others(page, model="gap"))


def test_the_first_page_says_whose_attention_it_shows(others):
    assert "that of CLS" in texts(others(model="dino"))
    assert "and is classified" not in texts(others(model="dino"))
    assert "all patches on average: this model has no class token" in texts(others(model="gap"))


@pytest.mark.parametrize("part", ["fit", "weights", "theory"])
def test_the_other_parts_of_the_subspaces(others, part):
    for model in FORMS:
        tested = others("subspaces", model=model, part=part)
        assert not tested.exception
        assert not tested.error


@pytest.mark.parametrize(("a", "b"), [("dino", "crate"), ("crate", "dino"), ("gap", "crate"), ("bare", "dino")])
@pytest.mark.parametrize("comparison", ["pictures", "numbers"])
def test_they_are_compared_with_a_crate(others, a, b, comparison):
    tested = others("compare", model=a, b=b, comparison=comparison)
    assert not tested.exception
    assert not tested.error
    if "gap" not in (a, b):
        assert "no head" in texts(tested)


def test_the_heads_are_ranked_by_the_features(others):
    tested = others("knobs", model="dino")
    tested.button(key="ablate_layer").click().run()
    for _ in range(20):
        if tested.dataframe:
            break
        tested.run()
    table = tested.dataframe[0].value
    assert {"feature_change", "mask_change"} <= set(table.columns)
    assert "kl_nats" not in table.columns
    assert (table["feature_change"] > 0).all()


def test_their_cards_say_what_they_have(others):
    card = zoo.find_model("dino")
    assert card.prefix == ("CLS", *(f"register {i}" for i in range(1, 5)))
    assert not card.has_head


def test_the_report_of_a_model_without_a_head(other_zoo):
    card = zoo.find_model("dino", other_zoo)
    subject = run_report(gallery_photo("flamingo").path.read_bytes(), "flamingo", card, None, None, "crop")
    page = report_html(subject).decode()
    assert NO_HEAD in page
    assert '<table class="prediction"></table>' in page


def test_a_card_in_words_says_what_stands_in_front_and_that_there_is_no_head(other_zoo):
    dino, bare, crate = (dict(input_facts(zoo.find_model(name, other_zoo))) for name in ("dino", "bare", "crate"))
    assert dino["in front of the patches"] == "CLS and 4 registers"
    assert bare["in front of the patches"] == "nothing: no class token"
    assert NO_HEAD in dino["head"]
    assert (crate["in front of the patches"], crate["head"]) == (None, None)
