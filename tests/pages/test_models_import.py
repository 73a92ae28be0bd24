"""The import form of the Models page: what a file holds is shown first, and the choice reaches the import."""

import pytest
import torch

from explorer.ui.jobs.checkpoint_import import ImportJob
from explorer.ui.sections.models import zoo as section


@pytest.fixture
def started(monkeypatch) -> list[tuple]:
    """What the form starts, instead of a child process."""
    calls = []

    def start(*arguments):
        calls.append(arguments)
        return ImportJob("two.pth", error="not run in this test")

    monkeypatch.setattr(section, "start_import", start)
    return calls


def form(app, path):
    tested = app("models")
    tested.segmented_control(key="import_source").set_value("Path").run()
    tested.text_input(key="import_path").input(str(path)).run()
    assert not tested.exception
    return tested


def press_import(tested) -> None:
    next(button for button in tested.button if button.label == "Import").click().run()


def test_several_sets_are_offered_and_the_choice_is_imported(app, modules, tmp_path, started):
    state = modules["vit"].state_dict()
    torch.save({"state_dict": state, "state_dict_ema": dict(state)}, tmp_path / "two.pth")
    tested = form(app, tmp_path / "two.pth")
    box = tested.selectbox(key="import_weights")
    assert [option.split(" (")[0] for option in box.options] == ["state_dict", "state_dict_ema"]
    assert "an average" in box.options[1]
    assert box.value == "state_dict"
    box.select("state_dict_ema").run()
    press_import(tested)
    assert [(call[0], call[-1]) for call in started] == [(str(tmp_path / "two.pth"), "state_dict_ema")]


def test_one_set_asks_nothing(app, checkpoints, started):
    tested = form(app, checkpoints["crate.pth.tar"])
    assert not [box for box in tested.selectbox if box.key == "import_weights"]
    press_import(tested)
    assert started[0][-1] is None


def test_a_file_of_another_program_is_refused_before_it_is_imported(app, tmp_path, started):
    (tmp_path / "keras.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    tested = form(app, tmp_path / "keras.h5")
    assert "HDF5" in tested.error[0].value
    assert next(button for button in tested.button if button.label == "Import").disabled
