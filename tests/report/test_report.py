"""The report as a file: whole, small, and harmless."""

from __future__ import annotations

import base64
import dataclasses
import json
import re

import numpy as np
import pytest

from explorer.figures.style import GHOST_NAME
from explorer.inputs import prepare_text
from explorer.inputs.gallery import gallery_photo
from explorer.measures.patches.methods import Segments
from explorer.report import (
    MAX_BYTES,
    AsTrained,
    PhotoReport,
    report_html,
    run_report,
    run_text_report,
    text_report_html,
)
from explorer.trace import Trace
from explorer.words import METHODS


@pytest.fixture(scope="module")
def subject(cards) -> PhotoReport:
    photo = gallery_photo("kangaroo").path
    return run_report(photo.read_bytes(), photo.name, cards["crate"], 64, 4, "crop")


@pytest.fixture(scope="module")
def text(subject) -> str:
    return report_html(subject).decode()


def test_nothing_is_fetched_from_anywhere(text: str):
    ours = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)\s*=\s*"(?!#)', ours)
    assert "default-src 'none'" in ours
    assert "$" not in ours  # no place of the template left empty


def test_the_numbers_are_those_of_the_measures(subject: PhotoReport, text: str):
    for row in subject.rows:
        assert f"<td>{row.subspace_coding_rate_official:,.3f}</td>" in text or (
            f"<td>{row.subspace_coding_rate_official:,.1f}</td>" in text
        )
        assert f"<td>{row.nonzero_fraction:,.3f}</td>" in text


def test_names_that_look_like_markup_stay_text(subject: PhotoReport):
    evil = "</script><script>alert(1)</script>"
    told = dataclasses.replace(subject, title=evil, about={evil: evil}, top=([evil], np.array([0.5])), file_stem=evil)
    text = report_html(told).decode()
    assert "<script>alert" not in text


@pytest.mark.parametrize(("heads", "width"), [(6, 96), (12, 64)], ids=["S/8", "B/8"])
def test_a_224_pixel_patch_8_model_stays_under_ten_megabytes(subject: PhotoReport, heads: int, width: int):
    """785 tokens, 12 layers of CRATE-S's and CRATE-B's width, on numbers that do not compress."""
    card = dataclasses.replace(subject.trace.card, layers=12, heads=heads, head_dim=width, dim=heads * width, patch=8)
    points = {}
    for layer in range(1, 13):
        tokens = np.random.default_rng(layer).standard_normal((1, heads, 785, width)).astype(np.float32)
        points[f"subspace.{layer}"] = tokens
    rows = [
        dataclasses.replace(subject.rows[0], layer=layer, per_head_official=np.ones(heads)) for layer in range(1, 13)
    ]
    picture = np.random.default_rng(0).integers(0, 255, (448, 448, 3), np.uint8)  # noise: the worst photo
    large = dataclasses.replace(
        subject, trace=Trace(card, points, (28, 28), 8), picture=picture, scale=2, rows=rows, control=rows
    )

    def segment(method: str, layer: int, **_) -> Segments:
        labels = np.random.default_rng(layer).integers(0, 6, (28, 28)).astype(np.uint8)
        return Segments(method, layer, None, labels, np.random.default_rng(1).random((28, 28, 3)))

    assert len(report_html(large, segment)) < MAX_BYTES


def test_turned_knobs_stand_beside_the_run_as_trained(subject: PhotoReport):
    old = dataclasses.replace(subject.rows[0], per_head_official=np.array([1000.0, 234.5]))
    told = dataclasses.replace(
        subject, trained=AsTrained(subject.trace, [old, *subject.rows[1:]]), before=np.full(len(subject.top[0]), 0.125)
    )
    text = report_html(told).decode()
    assert f"12.5% → {subject.top[1][0]:.1%}" in text
    settings = json.loads(re.findall(r'id="settings">(.*?)</script>', text, re.DOTALL)[0])
    assert set(settings["views"]) == {"report", "trained"}
    titles = [panel["title"] for panel in settings["sections"][0]["panels"]]
    assert [title for title in titles if title.endswith("as trained")] == [
        "Attention as trained", f"{METHODS['maskcut']} as trained",
    ]  # fmt: skip
    figures = json.loads(re.findall(r'id="figures">(.*?)</script>', text, re.DOTALL)[0])
    (ghost,) = (line for line in figures[0]["data"] if line["name"] == GHOST_NAME)
    assert np.frombuffer(base64.b64decode(ghost["y"]["bdata"]), ghost["y"]["dtype"])[0] == 1234.5


def test_a_report_of_a_text_speaks_of_texts(word_card):
    prepared = prepare_text("the cat sat", word_card.tokenizer, word_card.context)
    text = re.sub(
        r"<script.*?</script>", "", text_report_html(run_text_report(prepared, word_card)).decode(), flags=re.S
    )
    assert "CLS" not in text
    assert "R^c" not in text
    assert "surprise" in text
