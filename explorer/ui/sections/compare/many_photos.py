"""The comparison over many photos: a table that grows, with mean and spread, and a way to any of them."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from explorer.inputs.decode import read_photo
from explorer.inputs.gallery import gallery
from explorer.inputs.photo import Photo, sample
from explorer.studies.compare import notes
from explorer.studies.many_photos import PHOTO_KEYS, PhotoPlan, photo_row
from explorer.tables import csv_text
from explorer.ui.frame.photo_source import uploads
from explorer.ui.frame.widgets import download, fragment, plain, show_problem
from explorer.ui.jobs.job import Job, start_job
from explorer.ui.jobs.progress import show_progress
from explorer.ui.sections.compare.sides import CONTROL, Side
from explorer.ui.state import caches
from explorer.ui.state.settings import set_next, url_setting
from explorer.ui.view.layer import layer_slider
from explorer.words import SCALES

JOB = "batch_job"
"""Session state: the running or ended batch."""
SETS = {"gallery": "The gallery", "uploads": "Your uploads"}
Row = dict[str, Any]
"""Of one photo: what photo_row tells."""
THUMBNAIL = 56
EVERY_S = 1.0
"""Seconds between two looks at a running batch."""


def many_photos(sides: Sequence[Side], by_depth: bool) -> None:
    """Run the comparison over the gallery or the uploads, one row for each photo."""
    brought = uploads()
    chosen = url_setting(
        st.segmented_control, "Photos", list(SETS), key="batch", default="gallery", valid=list(SETS), required=True,
        format_func=lambda one: f"{SETS[one]} ({len(brought) if one == 'uploads' else len(gallery())})",
    )  # fmt: skip
    photos = _uploads(brought) if chosen == "uploads" else [sample(photo.name) for photo in gallery()]
    if not photos:
        st.info("There are no uploads yet: add photos in the sidebar, under Upload.")
        return
    layer = layer_slider(sides[0].view, "Layer of A")
    key = "|".join(
        [*(side.view.key for side in sides), chosen, *(photo.sha256 for photo in photos), str(layer), str(by_depth)]
    )
    job: Job[Row] | None = st.session_state.get(JOB)
    if job and job.key != key:
        job.cancel()
        job = None
    if job is None:
        st.button(
            f"Compare on {len(photos)} photos at layer {layer}", key="batch_start", icon=":material/play_arrow:",
            on_click=_start, args=(photos, sides, layer, by_depth, key),
        )  # fmt: skip
        return
    if not job.running and not job.error and len(job.results) < job.total:
        _cancelled(job, partial(_start, photos, sides, layer, by_depth, key))
    _results(job, photos)
    st.caption(
        " ".join(
            [_table_caption(layer), *(plain(one) for s in sides[1:] for one in notes(sides[0].run, s.run, s.letter))]
        )
    )


def _table_caption(layer: int) -> str:
    """What the table's columns are, and of which layer."""
    scales = "; ".join(f"{SCALES[key].name}: {SCALES[key].ends}" for key in PHOTO_KEYS)
    return (
        f"Click a column to sort, and the box before a row to open that photo side by side. Attention, objects and "
        f"tokens are compared at layer {layer} of A and its counterparts; Rᶜ (nats) and non-zeros are of each model's "
        f"last layer. {scales}."
    )


def _cancelled(job: Job[Row], start: Callable[..., None]) -> None:
    """How far a batch came that was cancelled, and the ways on."""
    done, left = len(job.results), job.total - len(job.results)
    st.info(f"Cancelled after {done} of {job.total} photos: the means below are over these {done}." if done else
            "Cancelled before the first photo was done.")  # fmt: skip
    with st.container(horizontal=True):
        st.button(f"Go on with the other {left}", key="batch_on", on_click=start, args=(job.results,))
        st.button("Start again", key="batch_again", on_click=start)


def _start(
    photos: list[Photo],
    sides: Sequence[Side],
    layer: int,
    by_depth: bool,
    key: str,
    done: Sequence[Row] = (),
) -> None:
    plans = [
        PhotoPlan(
            side.letter, caches.open_model(side.view.card, side.slot.weights == CONTROL), side.run.weights,
            side.view.knobs, side.size, side.view.framing, side.slot.weights == CONTROL,
        )
        for side in sides
    ]  # fmt: skip
    rows = ([photo_row(photo, plans, layer, by_depth)] for photo in photos[len(done) :])
    st.session_state[JOB] = start_job(rows, key, len(photos), done)


def _uploads(kept: dict[str, bytes]) -> list[Photo]:
    return [Photo(name, data, hashlib.sha256(data).hexdigest()) for name, data in kept.items()]


def _results(job: Job[Row], photos: Sequence[Photo]) -> None:
    """The table; while the batch runs it grows under the bar."""
    if job.running:
        show_progress(
            job, lambda: f"{len(job.results)} of {job.total} photos", job.cancel, "batch_cancel", beside=8,
            every_s=EVERY_S, below=lambda: _table(job, photos),
        )  # fmt: skip
        return
    if job.error:
        show_problem(job.error)
    fragment(_table)(job, photos)


def _table(job: Job[Row], photos: Sequence[Photo]) -> None:
    rows = list(job.results)
    if not rows:
        return
    by_name = {photo.name: photo for photo in photos}
    shown = [{"": _thumbnail(by_name[row["photo"]].data), **row} for row in rows]
    picked = st.dataframe(
        shown, hide_index=True, width="stretch", key="batch_table", on_select="rerun", selection_mode="single-row",
        column_config={"": st.column_config.ImageColumn(width=70), **_columns(rows[0])}, row_height=THUMBNAIL,
    )  # fmt: skip
    numbers = [name for name, value in rows[0].items() if isinstance(value, float)]
    means, spreads = (_over(rows, numbers, of) for of in (np.mean, _spread))
    st.dataframe(
        [{"": f"mean of {len(rows)}", **means}, {"": "standard deviation", **spreads}],
        hide_index=True, width="stretch", key="batch_means", column_config=_columns(rows[0]),
    )  # fmt: skip
    download("All rows (CSV)", lambda: csv_text(rows), "comparison.csv")
    if chosen := picked.selection.rows:  # pyright: ignore[reportAttributeAccessIssue]
        _open(by_name[rows[chosen[0]]["photo"]])


def _columns(row: Row) -> dict[str, Any]:
    """Heads in words; shares as per cent, other numbers with three digits."""
    number, found = st.column_config.NumberColumn, {}
    for name, value in row.items():
        said = name.replace("R^c", "Rᶜ (nats)")
        for key in PHOTO_KEYS:
            said = said.replace(key, SCALES[key].head)
        if isinstance(value, float):
            share = name.endswith(("probability", "non-zeros"))
            found[name] = number(said, format="percent" if share else "%.1f" if "R^c" in name else "%.3f")
    return found


def _spread(values: list[float]) -> float:
    """Standard deviation of a sample; 0 of one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _over(rows: list[Row], names: Sequence[str], of: Callable[[list[float]], Any]) -> dict[str, float]:
    values = {name: [row[name] for row in rows if row.get(name) is not None] for name in names}
    return {name: float(of(found)) for name, found in values.items() if found}


def _open(photo: Photo) -> None:
    """Show a photo of the table side by side."""
    names = [one.name for one in gallery()]
    name = photo.name.replace(" ", "_")
    if name in names and photo.sha256 == sample(name).sha256:
        set_next("source", "gallery")
        set_next("photo", name)
    else:
        set_next("source", "upload")
        st.session_state["upload"] = photo.name
    set_next("comparison", "pictures")
    st.rerun()


@lru_cache(maxsize=64)
def _thumbnail(data: bytes) -> str:
    """A photo as a small data URL."""
    image = read_photo(data, "photo")
    image.thumbnail((2 * THUMBNAIL, 2 * THUMBNAIL), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
