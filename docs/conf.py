"""Sphinx configuration: numpydoc reference, MyST pages, warnings as errors (`sphinx-build -W`).

The notebooks are copied here and run when the pages are built; what they show is never stored.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import healthml

HERE = Path(__file__).resolve().parent
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", dirs_exist_ok=True)

project = "healthml"
author = "The healthml developers"
copyright = "2026, the healthml developers"
release = version = healthml.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
]
exclude_patterns = [
    "_build",
    "_templates",
    "simulations/audit_operating_characteristics_table.md",  # each included by its page
    "simulations/resampling_simulation_table.md",
    "simulations/validation_intervals_choice.md",
    "simulations/validation_intervals_table.md",
    "simulations/leakage_operating_characteristics_table.md",
    "simulations/leak_kinds_table.md",
    "simulations/true_risk_alarms_table.md",
]
nb_execution_mode = "cache"  # a notebook runs again when it has changed
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
templates_path = ["_templates"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autosummary_generate = True
_ROUTING = (
    "set_fit_request set_transform_request set_score_request set_split_request "
    "set_fit_resample_request set_predict_request set_predict_proba_request"
)
autodoc_default_options = {
    "members": True,
    "show-inheritance": False,
    "exclude-members": ", ".join([*_ROUTING.split(), "get_metadata_routing"]),  # of scikit-learn
}
autodoc_typehints = "none"
numpydoc_show_class_members = False
# What a docstring says of its parameters is what the signature says.
numpydoc_validation_checks = {"PR01", "PR02", "PR10", "SS01", "YD01"}
numpydoc_validation_exclude = {
    r"\.[A-Z]\w*\.\w+$",  # methods, which may be one line
    r"\.(Cohort|Parts)$",  # made by a function; nobody passes their parameters
}

html_theme = "pydata_sphinx_theme"
html_title = "healthml"
html_static_path = ["_static"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False
