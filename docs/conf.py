"""How the documentation is built: `make docs`. A broken reference fails the build."""

from importlib.metadata import version as version_of
from typing import Any

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "dynamorm_async"
copyright = "the dynamorm_async contributors"
release = version = version_of("dynamorm-async")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"dynamorm_async {release}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Docstrings write code in single backticks.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_ivar = True
napoleon_use_rtype = False

# Names of the standard library and of other packages are not looked up: that would need the network.
# Type variables have no page, and what a walk is made of is nobody's business.
nitpick_ignore_regex = [
    ("py:.*", r"(?!dynamorm_async\b).*"),
    ("py:class", r"dynamorm_async\.[\w.]+\.([A-Z]|OtherM|Plain|QueryPlan)"),
]


def where_it_is_documented(
    app: Sphinx, environment: BuildEnvironment, node: pending_xref, content: Element
) -> Element | None:
    """Resolve `dynamorm_async.room.module.Name` to the one place at which `Name` is documented."""
    target = str(node.get("reftarget", ""))
    if not target.startswith("dynamorm_async."):
        return None
    domain: Any = environment.domains["py"]
    name = f".{target.rpartition('.')[2]}"
    places = [place for place, entry in domain.objects.items() if place.endswith(name) and not entry.aliased]
    if len(places) != 1:
        return None
    return domain.resolve_xref(environment, node["refdoc"], app.builder, "obj", places[0], node, content)


def setup(app: Sphinx) -> None:
    app.connect("missing-reference", where_it_is_documented)
