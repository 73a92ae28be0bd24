"""The Subspaces page under AppTest: every family and setting, links, the selection and the files it gives."""

import csv
import io

import numpy as np
import pytest

from explorer.tables import csv_text, token_rows
from explorer.ui.jobs.umap import DIED, UmapJob, UmapOptions
from explorer.ui.panels import placing as layout
from explorer.ui.sections.subspaces.photo_cloud import COLOURS
from explorer.ui.view import tokens as gathered
from tests.pages.test_every_page import texts


class StillService:
    """Stands in for the UMAP process: every job stays as it is made."""

    def __init__(self, **job) -> None:
        self.job = job
        self.asked: list[str] = []

    def find(self, key: str) -> UmapJob | None:
        return self.made if self.asked else None

    def submit(self, key: str, vectors: np.ndarray, options: UmapOptions) -> UmapJob:
        self.asked.append(key)
        coordinates = np.zeros((len(vectors), options.components)) if self.job.get("done") else None
        self.made = UmapJob(1, options, vectors, error=self.job.get("error"), coordinates=coordinates)
        return self.made


@pytest.fixture(autouse=True)
def service(monkeypatch):
    """No child process: UMAP never ends."""

    def use(**job) -> StillService:
        service = StillService(**job)
        monkeypatch.setattr(layout, "umap_service", lambda: service)
        return service

    use()
    return use


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_every_family(app, model):
    tested = app("subspaces", model=model)
    assert not tested.exception
    assert not tested.error
    assert ("keys play their part" in texts(tested)) == (model == "vit")


@pytest.mark.parametrize("colour", [name for name in COLOURS if name != "source"])
def test_every_colour_for_one_head_in_3d(app, colour):
    tested = app(
        "subspaces", colour=colour, subspace="2", dims="3", weights="control", marks="thumbnails", paint="True"
    )
    assert not tested.exception
    assert tested.selectbox(key="colour").value == colour
    assert tested.selectbox(key="subspace").value == 2
    assert "PCA of head 2: the 3 directions" in texts(tested)


@pytest.mark.parametrize("colour", ["source", "clusters", "pixels"])
def test_the_gallery_as_one_cloud(app, colour):
    tested = app("subspaces", of="gallery", colour=colour)
    assert not tested.exception
    assert "28 photos × 10 tokens = 280 points" in texts(tested)
    assert "any single one of the 280 tokens" in texts(tested)


def test_too_many_points_leave_photos_out_and_say_so(app, monkeypatch):
    monkeypatch.setattr(gathered, "MAX_TOKENS", 55)
    tested = app("subspaces", of="gallery")
    assert not tested.exception
    assert "5 photos × 10 tokens = 50 points" in texts(tested)
    assert "23 photos are left out" in texts(tested)


def test_which_photo_is_offered_for_the_gallery_only(app):
    tested = app("subspaces", colour="source")
    assert tested.selectbox(key="colour").value == "position"
    assert not tested.exception


def test_while_umap_runs_pca_is_shown(app, service):
    still = service()
    tested = app("subspaces", layout="umap", neighbors="30", metric="euclidean", seed="4", min_dist="0.5")
    assert not tested.exception
    assert "PCA of all heads" in texts(tested)
    assert len(still.asked) == 1
    assert "neighbors=30, min_dist=0.5, metric='euclidean', seed=4" in still.asked[0]
    assert "Cancel" in [button.label for button in tested.button]
    tested.run()
    assert len(still.asked) == 1  # a rerun asks for nothing new


def test_a_finished_umap_is_shown_with_its_warning(app, service):
    service(done=True)
    tested = app("subspaces", layout="umap")
    assert not tested.exception
    assert "axes mean little" in texts(tested)
    assert "PCA of all heads" not in texts(tested)


def test_a_failed_umap_is_a_sentence_and_may_be_tried_again(app, service):
    still = service(error=DIED)
    tested = app("subspaces", layout="umap")
    assert not tested.exception
    assert "ended before it was done" in tested.error[0].value
    assert "PCA of all heads" in texts(tested)
    next(b for b in tested.button if b.label == "Run UMAP again").click().run()
    assert len(still.asked) == 2


def test_rows_of_tokens_by_hand():
    rates, places = np.arange(14) / 10, np.stack([np.arange(14), -np.arange(14)], axis=1)
    about = {"layer": 2}
    rows = token_rows(about, ("one", "two"), (2, 3), np.array([0, 4, 12]), rates, ("x", "y"), places)
    assert rows[0] == {
        "layer": 2,
        "photo": "one",
        "token": 0,
        "row": None,
        "column": None,
        "rate_nats": 0.0,
        "x": 0,
        "y": 0,
    }
    assert (rows[1]["row"], rows[1]["column"]) == (2, 1)
    assert (rows[2]["photo"], rows[2]["token"], rows[2]["row"], rows[2]["column"]) == ("two", 5, 2, 2)
    read = list(csv.DictReader(io.StringIO(csv_text(rows))))
    assert read[2]["rate_nats"] == "1.2"
    assert read[0]["row"] == ""
