"""The guided tours: every step opens its page with its settings, and nothing starts by itself."""

import pytest
from streamlit.testing.v1 import AppTest

from explorer import zoo
from explorer.ui.frame.menu import GROUP, PAGES
from explorer.ui.frame.tour import KEY, PLACES
from explorer.ui.frame.tours import TOURS


def button(tested: AppTest, key: str):
    return next((one for one in tested.button if one.key == key), None)


def place(tested: AppTest) -> str:
    """The step in the URL."""
    value = tested.query_params[KEY]
    return value if isinstance(value, str) else value[0]


def test_every_step_is_a_page_of_its_group():
    for tour in TOURS.values():
        for step in tour.steps:
            assert step.page in PAGES
            assert step.title
            assert step.look
            assert step.means


def test_no_tour_starts_by_itself(app):
    tested = app()
    assert button(tested, "tour_next") is None
    assert all(button(tested, f"tour_{name}") is not None for name in TOURS)


@pytest.mark.parametrize("name", TOURS)
def test_a_tour_leads_through_its_pages_to_its_end(app, word_card, monkeypatch, name: str):
    tested = app()
    if name == "text":
        monkeypatch.setenv(zoo.MODELS_VARIABLE, str(word_card.path.parent))
    button(tested, f"tour_{name}").click().run()
    for number, step in enumerate(TOURS[name].steps, start=1):
        assert not tested.exception
        assert not tested.error
        assert tested.session_state["page"] == step.page
        assert tested.session_state[GROUP] == TOURS[name].group
        assert place(tested) == f"{name}.{number}"
        for key, value in step.settings.items():
            assert tested.session_state[key] == value
        if number < len(TOURS[name].steps):
            button(tested, "tour_next").click().run()
    assert button(tested, "tour_next") is None
    button(tested, "tour_end").click().run()
    assert button(tested, "tour_end") is None
    assert KEY not in tested.query_params


def test_a_tour_is_gone_on_with_from_another_page_and_after_a_reload(app):
    tested = app(tour=PLACES[1])
    assert button(tested, "tour_next") is not None
    tested.switch_page("pages/models.py").run()
    assert button(tested, "tour_return") is not None
    button(tested, "tour_return").click().run()
    assert tested.session_state["page"] == TOURS["photo"].steps[1].page
    assert button(tested, "tour_return") is None
    button(tested, "tour_back").click().run()
    assert place(tested) == PLACES[0]
