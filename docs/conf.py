"""How the documentation is built: `./dev docs`, or `python -m sphinx -W docs build/docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from net import __version__

project = "Croupier"
copyright = "The Croupier developers"  # noqa: A001 - Sphinx' name
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib_trio"]
exclude_patterns = ["deploy"]
suppress_warnings = [
    "toc.multiple_toc_parents",  # the last list of the index has every page, so that none is left out
    "misc.highlighting_failure",  # abridged JSON, and GDScript of today: shown without colours
]

html_theme = "furo"
html_title = f"Croupier {__version__}"
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
add_module_names = False
python_use_unqualified_type_names = True
