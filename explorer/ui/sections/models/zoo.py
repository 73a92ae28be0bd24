"""Widgets of the Models page: the zoo as a table, import with progress, removal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from explorer import hub, words, zoo
from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.evaluation.record import MODEL, results_of
from explorer.tables import csv_text
from explorer.ui.frame.widgets import plain, show_problem
from explorer.ui.jobs.checkpoint_import import CANCELLED, ImportJob, Upload, look_inside, start_import
from explorer.ui.jobs.progress import show_progress
from explorer.ui.sections.models.card import card_table
from explorer.ui.state import caches
from explorer.ui.state.settings import set_next
from explorer.ui.state.sharing import IMPORTS, MAX_ZOO_BYTES, own_models, shared, used

JOB = "import_job"


def zoo_table() -> ModelCard | None:
    """All models with sizes, origin and the measured difference from torch; a row opens its card, which is returned."""
    cards = caches.cards()
    if not cards:
        st.info("The zoo is empty: import a checkpoint below.")
        return None
    event = st.dataframe(
        [_row(card) for card in cards], hide_index=True, width="stretch", key="zoo_table", on_select="rerun",
        placeholder="–",
        selection_mode="single-row",
        column_config={
            "parameters": st.column_config.NumberColumn(format="%.2f M"),
            "context": st.column_config.NumberColumn(help="Of a language model: the longest text in tokens."),
            "classes": st.column_config.NumberColumn(help="Of a language model: the tokens that it knows."),
            "parity": st.column_config.NumberColumn(format="%.1e", help="Largest difference of any output from torch."),
            "top-1": st.column_config.NumberColumn(
                format="percent", width=76, help="From the card file, on its validation set."
            ),
            "cross-entropy": st.column_config.NumberColumn(
                format="%.3f", help="Of a language model: nats per token on held-out text, as the suite language "
                "measured it. Models of other tokens compare per byte only, below.",
            ),
        },
    )  # fmt: skip
    chosen = event["selection"]["rows"]
    st.caption("Select a row for the whole card." if not chosen else "")
    if not chosen:
        return None
    card_table(cards[chosen[0]])
    return cards[chosen[0]]


def models_table() -> tuple[str, Callable[[], str], str]:
    """The table of all models as a file that is taken away."""
    return "All models (CSV)", lambda: csv_text([_row(card) for card in caches.cards()]), "models.csv"


def _row(card: ModelCard) -> dict[str, object]:
    top1 = next((value for key, value in card.measured.items() if key.startswith("top1")), None)
    return {
        "name": card.name, "family": card.family_label, "parameters": card.parameters / 1e6,
        "epoch": card.provenance.get("epoch"), "top-1": top1, "cross-entropy": cross_entropy(card),
        "layers": card.layers, "heads": card.heads, "width": card.dim,
        "patch": card.patch or None, "pixels": None if card.reads_text else card.preprocessing.crop,
        "context": card.context or None, "classes": len(card.classes) or card.vocabulary or None,
        "parity": card.parity.get("max_abs_error"),
    }  # fmt: skip


def cross_entropy(card: ModelCard) -> float | None:
    """Nats per token of a language model on held-out text, where it was measured."""
    try:
        result = results_of(card).get("language")
    except ExplorerError:
        return None
    rows = result.rows if result else ()
    own = ("cross-entropy", "token", MODEL, "")
    return next((row.value for row in rows if (row.measure, row.on, row.who, row.minus) == own), None)


def import_form() -> None:
    """Upload, path or hub; the import runs beside the app and can be cancelled."""
    job: ImportJob | None = st.session_state.get(JOB)
    if job is not None and job.running:
        show_progress(job, lambda: f"{job.label}: {job.step}…", job.cancel, "import_cancel")
    elif job is not None:
        _outcome(job)
    busy = job is not None and job.running
    sources = {"Upload": _upload, "Path": _path, "Hugging Face hub": _hub}
    if shared():
        del sources["Path"]
        st.caption(
            f"This app is shared: {IMPORTS.most} imports an hour for each session, under names that are free; what you "
            "import, others see, and only this session can remove it."
        )
    source = st.segmented_control("From", list(sources), default="Upload", required=True, key="import_source")
    with st.container(border=True):
        chosen = sources[source or "Upload"]()
        try:
            weights = _weights(chosen) if chosen else None
        except ExplorerError as problem:
            show_problem(problem)
            chosen = weights = None
        left, middle, right = st.columns([2, 1, 2])
        name = left.text_input("Name in the zoo", placeholder="from the file's name", key="import_name")
        heads = middle.number_input(
            "Heads", 1, 256, None, key="import_heads", placeholder="automatic",
            help="Shapes do not tell the head count. The released widths 384, 576, 768 and 1024 are known.",
        )  # fmt: skip
        card = right.file_uploader(
            "Card file (JSON, optional): heads, classes, mean, std, sizes, eta, lambda", type="json", key="import_card"
        )
        if st.button("Import", type="primary", disabled=chosen is None or busy) and chosen is not None:
            if name:
                zoo.check_name(name)
            if shared():
                _check_room()
                used(IMPORTS).spend(1)
            told = card.getvalue() if card else None
            st.session_state[JOB] = start_import(chosen, name or None, heads, told, not shared(), weights)
            st.rerun()


def _check_room() -> None:
    """Whether a shared zoo may grow."""
    held = sum(card.size_bytes for card in caches.cards())
    if held > MAX_ZOO_BYTES:
        raise ExplorerError(
            f"The zoo of this shared app holds {held / 1e9:.1f} GB, more than {MAX_ZOO_BYTES / 1e9:.1f} GB: nothing is "
            "imported until its owner removes something."
        )


def _weights(source: str | Upload) -> str | None:
    """Which of a file's sets of weights; None for the plain one. Raises ExplorerError where it cannot be read."""
    if isinstance(source, str) and source.startswith(hub.PREFIX):
        return st.text_input(
            "Weights", placeholder="plain", key="import_weights_of_hub",
            help="Of a file that holds several sets: ema, teacher, or the name of one.",
        ).strip() or None  # fmt: skip
    sets = _sets(_identity(source), source)
    if len(sets) < 2:
        return None
    described = {one["name"]: one for one in sets}
    return st.selectbox(
        "Weights", list(described), key="import_weights", format_func=lambda name: _set_line(described[name]),
        help="The file holds several sets of weights. An average is one that training kept beside the plain weights.",
    )  # fmt: skip


def _set_line(one: Mapping[str, Any]) -> str:
    average = ", an average" if one["average"] else ""
    return f"{one['name']} ({one['family'] or 'unknown'}, {one['numbers']:,} numbers{average})"


def _identity(source: str | Upload) -> str:
    """What changes when the file does."""
    if isinstance(source, Upload):
        return f"{source.name} {hashlib.sha256(source.data).hexdigest()}"
    found = Path(source).stat()
    return f"{source} {found.st_mtime_ns} {found.st_size}"


@st.cache_data(max_entries=16, show_spinner="Looking what the file holds…")
def _sets(identity: str, _source: str | Upload) -> list[dict[str, Any]]:
    """The sets of weights of a checkpoint; of an exported model there are none."""
    del identity  # the key
    name = _source.name if isinstance(_source, Upload) else _source
    return [] if name.lower().endswith(".onnx") else look_inside(_source)


def _upload() -> Upload | None:
    left, right = st.columns(2)
    file = left.file_uploader(
        "A checkpoint (.pth, .pth.tar, .pt, .ckpt, .safetensors) or a model exported by CRATE Explorer (.onnx)",
        key="import_file",
    )
    beside = right.file_uploader(
        "Of a language model, what lies beside it: tokenizer.json, or vocab.json and merges.txt; config.json",
        accept_multiple_files=True, key="import_beside",
        help="Without a tokenizer the model takes token numbers only. From a path or the hub they are found.",
    )  # fmt: skip
    for one in beside:
        if one.name not in hub.COMPANIONS:
            st.warning(f"{plain(one.name)} is left out: only {', '.join(hub.COMPANIONS)} are read, by these names.")
    return Upload(file.name, file.getvalue(), {one.name: one.getvalue() for one in beside}) if file else None


def _path() -> str | None:
    path = st.text_input("Path of the file on the machine that runs the app", key="import_path")
    if path and not Path(path).is_file():
        st.warning("There is no file of that path on the machine that runs the app.")
        return None
    return path or None


def _hub() -> str | None:
    repository = st.text_input("Repository", placeholder="UCSC-VLAA/CRATE-alpha", key="import_repository")
    if not repository:
        return None
    try:
        with st.spinner("Asking the hub…"):
            files = _hub_files(repository.strip())
    except ExplorerError as problem:
        show_problem(problem)
        return None
    file = st.selectbox("File", files, format_func=lambda f: f"{f.path} ({f.size_bytes / 1e6:,.0f} MB)")
    st.caption(f"Pinned to commit {file.revision[:12]}.") if file else None
    return f"{hub.PREFIX}{file.repository}/{file.path}" if file else None


@st.cache_data(ttl=300, max_entries=16, show_spinner=False)
def _hub_files(repository: str) -> list[hub.HubFile]:
    return hub.list_files(repository)


def _outcome(job: ImportJob) -> None:
    if job.installed:
        own_models().add(job.installed)
        st.success(f"{plain(job.label)} is now in the zoo as {job.installed}.", icon=":material/check_circle:")
        card = next((one for one in caches.cards() if one.name == job.installed), None)
        for note in words.not_taken(card.provenance) if card else ():
            st.caption(plain(note.replace("--weights", "Weights")))
        if st.button(f"Look at {job.installed}", icon=":material/visibility:"):
            of_text = any(card.name == job.installed for card in caches.cards("text"))
            set_next("lm" if of_text else "model", job.installed)
            st.session_state[JOB] = None
            st.switch_page("pages/text.py" if of_text else "pages/segment.py")
    else:
        message = plain(job.error or "")
        if job.error == CANCELLED:
            st.info(message)
        else:
            st.error(message.replace("give --heads K", "fill in Heads"), icon=":material/error:")


def remove_form() -> None:
    """Delete a model, after a second question; of a shared app, one that this session imported."""
    names = [card.name for card in caches.cards() if not shared() or card.name in own_models()]
    if not names:
        st.caption("This app is shared, and this session has imported nothing that it could remove." if shared() else
                   "The zoo is empty.")  # fmt: skip
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.selectbox(
        "Model to remove", names, None, placeholder="choose one", label_visibility="collapsed", key="remove"
    )
    if not name:
        right.button("Remove…", disabled=True, width="stretch")
        return
    with right.popover("Remove…", width="stretch"):
        st.write(f"Delete **{name}** from the zoo? This cannot be undone.")
        if st.button("Delete", type="primary", key="remove_confirmed"):
            zoo.remove(name)
            own_models().discard(name)
            if (job := st.session_state.get(JOB)) is not None and job.installed == name:
                st.session_state[JOB] = None
            st.toast(f"{name} was removed.")
            st.rerun()
