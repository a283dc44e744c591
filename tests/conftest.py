"""What every test file shares: no window, examples drawn the same way each time, real tables."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

settings.register_profile("healthml", deadline=None, derandomize=True)
settings.load_profile("healthml")


@pytest.fixture(scope="session")
def shared():
    """Folder of the real tables, which are not part of the repository."""
    folder = Path(os.environ.get("HEALTHML_SHARED", "../shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the real tables are absent; HEALTHML_SHARED names their folder")
    return folder


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
