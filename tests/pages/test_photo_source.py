"""Photos that are brought: kept for the visit, told when a link lacks them; and what of them the model sees."""

import numpy as np
import pytest
import streamlit as st

from explorer.ui.state import visit
from tests.pages.test_every_page import photo_file, png, texts

HELD = "abcdefghijklmnopqrstuv"


@pytest.fixture
def cookie(monkeypatch) -> dict[str, str]:
    """The cookies that this browser sends; AppTest has none of its own."""
    sent: dict[str, str] = {}
    monkeypatch.setattr(type(st.context), "cookies", property(lambda _: sent))
    return sent


def said(tested) -> str:
    return "\n".join([texts(tested), *(str(one.value) for one in tested.warning)])


def bring(tested, *files):
    tested.segmented_control(key="source").set_value("upload").run()
    tested.file_uploader(key="uploader").set_value(list(files)).run()
    assert not tested.exception
    return tested


def test_an_upload_lies_under_the_key_that_the_browser_holds(app, cookie):
    cookie[visit.COOKIE] = HELD
    first = bring(app("segment"), photo_file("flamingo"))
    assert first.session_state["choice"].photo.name == "flamingo.jpg"
    store = visit._visits()
    assert first.session_state[visit.VISIT] == HELD
    assert list(store.of(HELD, "uploads")) == ["flamingo.jpg"]


def test_a_new_session_of_a_browser_takes_up_what_it_brought(app, cookie):
    cookie[visit.COOKIE] = HELD
    tested = app()
    visit._visits().put(HELD, "uploads", "ibis.jpg", photo_file("ibis")[1])
    tested.segmented_control(key="source").set_value("upload").run()
    assert tested.session_state["choice"].photo.name == "ibis.jpg"
    assert f"for {visit.KEPT_HOURS} hours" in said(tested)
    tested.button(key="forget_uploads").click().run()
    assert tested.session_state["choice"].photo is None
    assert visit._visits().of(HELD, "uploads") == {}


@pytest.mark.parametrize("source", ["upload", "camera"])
def test_a_link_without_its_photo_says_so_and_shows_another(app, cookie, source, monkeypatch):
    monkeypatch.setattr("streamlit.camera_input", lambda *_, **__: None)
    tested = app("segment", source=source)
    assert not tested.exception
    assert "A link does not carry it" in said(tested)
    assert tested.session_state["choice"].photo.name == "kangaroo"
    tested.segmented_control(key="source").set_value("gallery").run()
    assert "A link does not carry it" not in said(tested)


def test_a_wide_photo_says_what_is_cut_and_its_crop_moves(app, cookie):
    pixels = np.zeros((50, 400, 3), np.uint8)
    pixels[:, :50] = 255
    # at 12 pixels of a resize to 14: 12/14 of 50 are 43, and padded 1.5 → 2 rows of 12 are the photo
    tested = bring(app("segment"), ("wide.png", png(pixels), "image/png"))
    assert "The model sees the middle 43 × 43 of 400 × 50 pixels: 9% of the picture." in said(tested)
    tested.slider(key="crop_at").set_value(0).run()
    assert tested.session_state["choice"].framing == "crop@0"
    assert "0% from the left, 43 × 43" in said(tested)
    tested.selectbox(key="framing").select("whole").run()
    assert "choose the framing pad" in said(tested).replace("\\", "")
    tested.selectbox(key="framing").select("pad").run()
    assert not tested.exception
    assert not tested.error
    assert "83% of the input is padding" in said(tested)


def test_an_address_restores_the_place_of_the_crop(app):
    tested = app("segment", photo="emu", crop_at="20")
    assert tested.slider(key="crop_at").value == 20
    assert tested.session_state["choice"].framing == "crop@20"
