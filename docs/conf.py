"""The build of the documentation: ``nox -s docs``. An unresolved reference is an error."""

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import sinch_voice_async
from sinch_voice_async.models import answers
from sinch_voice_async.models.svaml import document

# Show the types that type checkers see; the running program has a mark in their place.
for _name in answers.__all__:
    setattr(answers, _name, getattr(document, _name))

project = "sinch_voice_async"
author = "The sinch_voice_async developers"
project_copyright = author
release = version = sinch_voice_async.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"sinch_voice_async {release}"
html_static_path = ["_static"]
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "__init__"}
maximum_signature_line_length = 88
python_use_unqualified_type_names = True

# The documentation of other packages is on the network, and the build must not depend on it.
nitpick_ignore_regex = [
    ("py:.*", r"(anyio|attr|attrs|httpx|opentelemetry|starlette)(\..*)?"),
    ("py:.*", r"(_socket|collections|datetime|decimal|enum|json|os|pathlib|random|ssl|types|typing|zoneinfo)(\..*)?"),
    # Private names have no page, although a signature may name them.
    ("py:.*", r"sinch_voice_async\.(_\w+|sandbox\.(exchange|storage|refusals|sandbox|options))\..*"),
    ("py:.*", r"(.*\.)?(T|I_co|A_co|Fate|HasItems|Served|\w+Handler)"),
]


def find_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: nodes.Element
) -> nodes.Element | None:
    """Resolve a name by its last part: a class is documented where users import it from, not where it is defined."""
    if node.get("refdomain") != "py":
        return None
    domain = env.domains.python_domain
    last = str(node["reftarget"]).rpartition(".")[2]
    found = {name for name, entry in domain.objects.items() if name.rpartition(".")[2] == last and not entry.aliased}
    if len(found) != 1:
        return None
    target = {**node.attributes, "reftarget": found.pop(), "reftype": "obj"}
    resolved: Any = domain.resolve_xref(
        env, node["refdoc"], app.builder, "obj", target["reftarget"], pending_xref("", **target), contents
    )
    return resolved


def setup(app: Sphinx) -> None:
    """Register the resolver."""
    app.connect("missing-reference", find_by_last_name)
