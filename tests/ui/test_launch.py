"""The app's own settings count wherever it is started from."""

import subprocess
import sys

SETTINGS = """
import streamlit.web.bootstrap as bootstrap
from streamlit import config
from explorer.ui import launch

def show(*arguments):
    print(*(config.get_option(name) for name in ("server.maxUploadSize", "global.minCachedMessageSize", "server.port")))

bootstrap.run = show
launch.SERVER_S = 60
launch.launch(8765, headless=True)
"""


def test_the_settings_beside_the_app_count_from_another_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SETTINGS], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    upload, cached, port = done.stdout.split()
    assert (upload, port) == ("500", "8765")
    assert float(cached) > 1e9  # no message is ever sent as a reference to one that the browser may have dropped
