"""The app's own settings count wherever it is started from."""

import os
import subprocess
import sys

import pytest

from explorer.ui.launch import APP

SETTINGS = """
import os
import sys

import streamlit.web.bootstrap as bootstrap
from streamlit import config
from explorer.ui import launch

NAMES = ("server.maxUploadSize", "global.minCachedMessageSize", "server.port", "server.address")

def show(*arguments):
    print(*(config.get_option(name) for name in NAMES), os.environ.get("CRATE_EXPLORER_SHARED"))

bootstrap.run = show
launch.SERVER_S = 60
launch.launch(8765, True, *sys.argv[1:])
"""


def settings(folder, *host: str, shared: str | None = None) -> list[str]:
    """Every line that the launch prints, the settings last."""
    env = {name: value for name, value in os.environ.items() if name != "CRATE_EXPLORER_SHARED"}
    env |= {"CRATE_EXPLORER_SHARED": shared} if shared else {}
    done = subprocess.run(
        [sys.executable, "-c", SETTINGS, *host], cwd=folder, env=env, capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_the_settings_beside_the_app_count_from_another_folder(tmp_path):
    (line,) = settings(tmp_path)
    upload, cached, port, address, shared = line.split()
    assert (upload, port) == ("500", "8765")
    assert float(cached) > 1e9  # no message is ever sent as a reference to one that the browser may have dropped
    assert (address, shared) == ("localhost", "None")


@pytest.mark.parametrize(("shared", "mode"), [(None, "Shared mode is on"), ("0", "Shared mode is off")])
def test_an_app_that_others_reach_is_shared_and_says_so(tmp_path, shared: str | None, mode: str):
    said, line = settings(tmp_path, "0.0.0.0", shared=shared)
    assert "whoever reaches this machine" in said
    assert mode in said
    assert line.split()[-2:] == ["0.0.0.0", shared or "1"]


def test_streamlit_run_listens_on_this_machine_alone():
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "config", "show"], cwd=APP.parent, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert '\naddress = "localhost"' in done.stdout
