"""Sphinx settings. Tables of options, exit codes, models, columns and inputs are generated."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for tests/
sys.path.insert(0, str(Path(__file__).parent))

import tables

from neurofm_bids import __version__

project = "NeuroFM-BIDS"
author = "The NeuroFM-BIDS developers"
copyright = "The NeuroFM-BIDS developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "reliability_table.md"]
smartquotes = False  # two dashes of an option stay two

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"{project} {__version__}"
html_static_path = []

# The pages include these files; they lie in _build so that nothing generated is ever committed.
tables.write(Path(__file__).parent / "_build" / "generated")
