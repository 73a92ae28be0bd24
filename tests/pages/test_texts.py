"""The pages that read text, with a tiny language model: parts, files, knobs, unusual texts, and a continuation."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import zoo
from explorer.ui.components.text_link import to_link
from explorer.ui.components.textbox import EXAMPLES
from tests.pages.conftest import ROOT, TIMEOUT_S
from tests.pages.test_every_page import texts
from tests.ui.jobs.test_job import wait

PARTS = [
    *(("text", {"read": part}) for part in ("tokens", "layers", "knobs", "ledger")),
    *(("subspaces", {"on": "text", "about": part}) for part in ("tokens", "weights")),
    *(("compare", {"on": "text", "comparison": part}) for part in ("pictures", "numbers", "film")),
]
UNUSUAL = ("a", "🐕‍🦺", "שלום", "zero\u200bwidth", "\n\n", "猫が好き", "the cat " * 3000)


def start(page: str, **query: str) -> AppTest:
    """The app with a page of text, run once."""
    tested = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=TIMEOUT_S)
    for name, value in query.items():
        tested.query_params[name] = value
    tested.run()
    return tested.switch_page(f"pages/{page}.py").run()


@pytest.fixture
def reads(word_card, monkeypatch) -> Callable[..., AppTest]:
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(word_card.path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    return start


@pytest.mark.parametrize(("page", "part"), PARTS)
def test_every_part_shows_the_model(reads, page, part):
    tested = reads(page, **part)
    assert not tested.exception
    assert not tested.error
    assert "reads 16 tokens at most" in texts(tested)  # the example is longer than the tiny context


@pytest.mark.parametrize("kind", ["square", "gpt"])
@pytest.mark.parametrize(("page", "part"), PARTS)
def test_other_families_take_token_numbers(text_cards, monkeypatch, kind, page, part, tmp_path):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(text_cards[kind].path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    tested = start(page, lm=kind, **part)
    assert "has no tokenizer" in texts(tested)
    np.save(tmp_path / "x.npy", np.array([[3, 1, 4, 1, 5]]))
    upload(tested, tmp_path / "x.npy")
    assert not tested.exception
    assert not tested.error


def upload(tested: AppTest, path: Path) -> None:
    tested.sidebar.segmented_control(key="text_from").set_value("file").run()
    tested.sidebar.file_uploader[0].set_value((path.name, path.read_bytes(), "application/octet-stream")).run()


@pytest.mark.parametrize("text", UNUSUAL)
@pytest.mark.parametrize("page", ["text", "generate"])
def test_any_text_works(reads, text, page):
    tested = reads(page, text=text)
    assert not tested.exception
    assert not tested.error


def test_files_that_do_not_fit_are_said(reads, tmp_path):
    tested = reads("text")
    for name, data, sentence in (
        ("picture.txt", b"\x89PNG\r\n\x1a\n\x00", "is not text in UTF-8"),
        ("broken.jsonl", b'{"text": ', "line 1, is not JSON"),
        ("empty.txt", b"", "There is no text"),
        ("floats.npy", b"no array", "floats.npy"),
    ):
        (tmp_path / name).write_bytes(data)
        upload(tested, tmp_path / name)
        assert not tested.exception
        assert sentence in texts(tested).replace("\\", "")  # names are not Markdown


def test_a_text_in_an_older_encoding_is_read_and_said(reads, tmp_path):
    tested = reads("text")
    for encoding, said in (("utf-16", ""), ("cp1252", "Read as Windows-1252")):
        (tmp_path / f"{encoding}.txt").write_bytes("the café".encode(encoding))
        upload(tested, tmp_path / f"{encoding}.txt")
        assert not tested.error
        assert ("Windows-1252" in texts(tested).replace("\\", "")) == bool(said)


def test_a_row_of_a_table_is_read_and_both_can_be_chosen(reads, tmp_path):
    (tmp_path / "x.csv").write_text("id,text,title\n1,the cat sat,a cat\n2,on the mat,the mat\n")
    tested = reads("text", read="knobs")

    def shown() -> str:
        assert not tested.exception
        names = tested.select_slider(key="place").options
        return "".join(name.split(": ")[1] for name in names).replace("␣", " ")

    upload(tested, tmp_path / "x.csv")
    assert shown() == "the cat sat"
    assert tested.selectbox(key="table_column").options == ["id", "text", "title"]
    tested.number_input(key="table_row").set_value(2).run()
    assert shown() == "on the mat"
    tested.selectbox(key="table_column").set_value("title").run()
    assert shown() == "the mat"


@pytest.mark.parametrize("text", ["  \n", "猫", "\t", "é"])
@pytest.mark.parametrize("part", ["tokens", "knobs"])
def test_no_heading_has_an_empty_quotation(reads, text, part):
    tested = reads("text", text=text, read=part)
    assert not tested.exception
    said = texts(tested)
    assert not re.search(r"(“\s*”|''|\"\s*\"|' ')", said)


def test_no_language_model_says_what_to_do(cards, monkeypatch):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(cards["crate"].path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()
    tested = start("text")
    assert not tested.exception
    assert "no language model" in texts(tested)


def test_one_token_has_no_surprise(reads):
    tested = reads("text", text="a", read="layers")
    assert not tested.exception
    assert "no surprise" in texts(tested)


def test_the_models_page_tells_how_a_language_model_reads(reads):
    tested = reads("models")
    assert not tested.exception
    (row,) = tested.dataframe[0].value.to_dict("records")
    assert (row["name"], row["context"]) == ("words", 16)
    assert row["pixels"] != 224


def test_pages_of_pictures_do_not_offer_language_models(reads):
    tested = reads("segment")
    assert not tested.exception
    assert "no model of pictures" in texts(tested)


@pytest.mark.parametrize("colour", ["surprise", "rate", "strongest"])
@pytest.mark.parametrize("weights", ["trained", "control"])
def test_the_cloud_of_a_text_has_every_token_once(reads, colour, weights):
    tested = reads("subspaces", on="text", token_colour=colour, weights=weights, subspace="2")
    assert not tested.exception
    figure = json.loads(tested.get("plotly_chart")[0].proto.spec)
    numbers = [number for trace in figure["data"] for _, number in trace["customdata"]]
    assert sorted(numbers) == list(range(16))
    assert "subspace U_2" in figure["layout"]["title"]["text"]
    assert ("control" in figure["layout"]["title"]["text"]) == (weights == "control")


def test_a_cloud_needs_three_tokens_and_umap_twenty(reads):
    few = reads("subspaces", on="text", text="a")
    assert "at least 3 tokens" in texts(few)
    short = reads("subspaces", on="text", layout="umap")
    assert "UMAP needs at least 20 tokens" in texts(short)


def test_knobs_are_turned_and_said(reads):
    tested = reads("text", read="knobs", knobs="g1:2=0,l*=0.2")
    assert not tested.exception
    said = texts(tested)
    assert "2 knobs turned" in said
    assert "against the network as trained" in said
    tested.sidebar.button(key="reset_turned").click().run()
    assert "knobs turned" not in texts(tested)


def test_a_continuation_is_drawn_and_read(reads):
    tested = reads("generate", text="the cat", tokens="20", temperature="0.0")
    next(button for button in tested.button if button.label == "Continue the text").click().run()
    job = wait(tested.session_state["generate_job"].job)
    tested.run()
    assert not tested.exception
    assert not tested.error
    assert len(job.results) == 20
    assert "20 tokens" in texts(tested)
    assert "The last 16 tokens" in texts(tested)  # the tiny context
    assert "The strongest codes at" in texts(tested)
    codes = tested.dataframe[0].value["value"]
    assert codes.is_monotonic_decreasing
    assert codes.min() > 0
    next(button for button in tested.button if button.label == "Go on from here").click().run()
    assert tested.session_state["typed"].startswith("the cat")
    assert len(tested.session_state["typed"]) > len("the cat")


def test_a_continuation_can_be_stopped(reads, monkeypatch):
    tested = reads("generate", text="the cat", tokens="400")
    next(button for button in tested.button if button.label == "Continue the text").click().run()
    job = tested.session_state["generate_job"].job
    job.cancel()
    assert len(wait(job).results) < 400


def test_examples_are_readable_in_a_link():
    assert {to_link(text)[0] for text in EXAMPLES.values()} == {"text"}


def test_a_long_text_is_in_the_link_and_one_that_is_too_long_is_asked_of_the_browser(reads):
    text = "the cat sat on the mat. " * 200
    name, value = to_link(text)
    tested = reads("text", **{name: value})
    assert not tested.exception
    assert tested.session_state["typed"] == text
    waiting = reads("text", kept_text="48211-0123456789abcdef")
    assert not waiting.exception
    assert "Looking for the text of this link" in texts(waiting)
    assert "48211-0123456789abcdef" in waiting.query_params["kept_text"]
    damaged = reads("text", packed_text=value[:-30])
    assert not damaged.exception
    assert damaged.session_state["typed"] == EXAMPLES["Ishmael"]
    assert "damaged" in damaged.toast[0].value
