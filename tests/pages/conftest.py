"""The app under Streamlit's AppTest, with the tiny models of the other tests as its zoo."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from explorer import zoo

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60


@pytest.fixture
def app(cards, monkeypatch) -> Callable[..., AppTest]:
    """app("layers", photo="flamingo") → the app with that page and those query parameters, run once."""
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(cards["crate"].path.parent))
    monkeypatch.chdir(ROOT)
    st.cache_resource.clear()

    def start(page: str | None = None, **query: str) -> AppTest:
        tested = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=TIMEOUT_S)
        for name, value in query.items():
            tested.query_params[name] = value
        tested.run()
        if page:
            tested.switch_page(f"pages/{page}.py").run()
        return tested

    return start
