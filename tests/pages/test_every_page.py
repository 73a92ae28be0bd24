"""Every page, empty, with uploads, with bad files, with settings from the URL."""

import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from explorer import zoo
from explorer.inputs.gallery import gallery_photo
from explorer.words import METHODS

PAGES = (None, "segment", "layers", "knobs", "subspaces", "ledger", "experiment", "models")


def photo_file(name: str = "flamingo") -> tuple[str, bytes, str]:
    return f"{name}.jpg", gallery_photo(name).path.read_bytes(), "image/jpeg"


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def texts(app) -> str:
    """All that a page says, as one string."""
    elements = [*app.markdown, *app.caption, *app.error, *app.info, *app.title, *app.success]
    return "\n".join(str(element.value) for element in elements)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_every_page_shows_every_family(app, page, model):
    tested = app(page, model=model)
    assert not tested.exception
    assert not tested.error


@pytest.mark.parametrize("page", ["segment", "compare"])
def test_a_run_that_the_gpu_does_not_hold_is_said_aloud(app, stand_in_gpu, page):
    """Once, also where the model and its control were compared."""
    tested = app(page, model="crate")
    assert not tested.exception
    (said,) = [str(warning.value).replace("\\", "") for warning in tested.warning]
    assert re.fullmatch(r"crate ran on the CPU: the GPU's memory does not hold a run of \d+ tokens\.", said)


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_zoo_says_what_to_do(app, page, monkeypatch, tmp_path):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    tested = app()
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    if page:
        tested.switch_page(f"pages/{page}.py").run()
    assert not tested.exception
    assert "import a checkpoint" in texts(tested)


def test_pages_share_photo_model_and_layer(app):
    tested = app("segment")
    tested.selectbox(key="photo").select("flamingo").run()
    tested.selectbox(key="model").select("crate_alpha").run()
    tested.switch_page("pages/ledger.py").run()
    assert tested.selectbox(key="photo").value == "flamingo"
    assert tested.selectbox(key="model").value == "crate_alpha"
    tested.segmented_control(key="books").set_value("photo").run()
    tested.slider(key="layer").set_value(2).run()
    tested.switch_page("pages/segment.py").run()
    assert tested.session_state["layer"] == 2
    assert not tested.exception


def test_the_url_restores_the_view(app):
    query = {"model": "vit", "photo": "ibis", "layer": "2", "head": "2", "stride": "2", "size": "64", "token": "3"}
    tested = app("segment", **query)
    assert tested.selectbox(key="model").value == "vit"
    assert tested.selectbox(key="photo").value == "ibis"
    assert tested.session_state["layer"] == 2
    assert tested.session_state["head"] == "2"
    assert tested.selectbox(key="stride").value == 2
    assert tested.selectbox(key="size").value == 64
    assert tested.session_state["token"] == 3
    assert not tested.exception


@pytest.mark.parametrize(
    "query",
    [
        {"model": "gone"},
        {"photo": "../x"},
        {"layer": "99"},
        {"stride": "0"},
        {"size": "abc"},
        {"token": "-4"},
        {"head": "3"},
        {"head": "2,1"},
        {"head": "1,,2"},
        {"head": "x"},
    ],
)
def test_a_broken_link_still_opens(app, query):
    tested = app("segment", **query)
    assert not tested.exception
    assert not tested.error


def test_an_uploaded_photo_is_shown_on_all_pages(app):
    tested = app("segment")
    tested.segmented_control(key="source").set_value("upload").run()
    assert "no photo yet" in texts(tested)
    tested.file_uploader(key="uploader").set_value([photo_file("flamingo"), photo_file("ibis")]).run()
    assert tested.selectbox(key="upload").options == ["ibis.jpg", "flamingo.jpg"]
    for page in ("segment", "layers", "start"):
        tested.switch_page(f"pages/{page}.py").run()
        assert not tested.exception
        assert not tested.error


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("notes.jpg", b"only some text, and no picture at all", "not a"),
        ("half.jpg", photo_file()[1][:2000], "half.jpg"),
        ("empty.png", b"", "empty"),
        ("thin.png", png(np.zeros((400, 1, 3), np.uint8)), "thin.png"),
    ],
)
def test_a_bad_photo_is_one_sentence_and_the_app_goes_on(app, name, data, sentence):
    tested = app("segment")
    tested.segmented_control(key="source").set_value("upload").run()
    tested.file_uploader(key="uploader").set_value([(name, data, "image/jpeg")]).run()
    assert not tested.exception
    assert len(tested.error) == 1
    assert sentence in tested.error[0].value
    assert "\n" not in tested.error[0].value
    tested.segmented_control(key="source").set_value("gallery").run()
    assert not tested.error


def test_a_mask_is_compared_with_every_method(app):
    tested = app("segment", size="64")
    mask = np.zeros((120, 120), np.uint8)
    mask[30:90, 30:90] = 255
    with Image.open(gallery_photo("kangaroo").path) as photo:
        mask = np.asarray(Image.fromarray(mask).resize(photo.size))
    tested.file_uploader(key="mask_file").set_value(("mask.png", png(mask), "image/png")).run()
    assert not tested.exception
    assert not tested.error
    table = tested.dataframe[0].value
    assert list(table["method"]) == list(METHODS.values())
    assert table["its IoU"].between(0, 1).all()


def test_a_mask_of_another_shape_is_refused_in_words(app):
    tested = app("segment")
    tested.file_uploader(key="mask_file").set_value(("mask.png", png(np.zeros((30, 300), np.uint8)), "image/png")).run()
    assert not tested.exception
    assert "mask.png" in tested.error[0].value


def test_a_setting_that_does_not_fit_into_memory_is_refused_with_numbers(app, monkeypatch):
    monkeypatch.setenv("CRATE_EXPLORER_MEMORY_GB", "0.00001")
    tested = app("segment")
    assert not tested.exception
    assert "tokens" in tested.error[0].value


def test_the_models_page_shows_a_card_and_removes_a_model(app, cards, monkeypatch, tmp_path):
    for family in ("crate", "vit"):
        shutil.copy(cards[family].path, tmp_path / f"{family}.onnx")
    tested = app("models")
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))
    tested.run()
    assert list(tested.dataframe[0].value["name"]) == ["crate", "vit"]
    tested.selectbox(key="remove").select("vit").run()
    tested.button(key="remove_confirmed").click().run()
    assert not tested.exception
    assert not (tmp_path / "vit.onnx").exists()
    assert (tmp_path / "crate.onnx").exists()
