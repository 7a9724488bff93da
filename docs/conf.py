"""Sphinx settings."""

from neurofm_bids import __version__

project = "NeuroFM-BIDS"
author = "The NeuroFM-BIDS developers"
copyright = "The NeuroFM-BIDS developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
smartquotes = False  # two dashes of an option stay two

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"{project} {__version__}"
html_static_path = []
