"""The build of the documentation: ``nox -s docs``. An unresolved reference is an error."""

import re
import shutil
from pathlib import Path
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

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"sinch_voice_async {release}"
html_static_path = ["_static"]
html_favicon = "../sinch_voice_async/sandbox/page/icon.svg"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#4f46c8", "color-brand-content": "#4f46c8"},
    "dark_css_variables": {"color-brand-primary": "#a5a1ff", "color-brand-content": "#a5a1ff"},
}
pygments_dark_style = "github-dark"
html_copy_source = False
html_css_files = ["site.css"]
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "__init__"}
maximum_signature_line_length = 88
python_use_unqualified_type_names = True

# The documentation of other packages is on the network, and the build must not depend on it.
nitpick_ignore_regex = [
    ("py:.*", r"(anyio|attr|attrs|celery|httpx|opentelemetry|procrastinate|starlette|taskiq)(\..*)?"),
    ("py:.*", r"(_socket|collections|contextlib|datetime|decimal|enum|json|os|pathlib|random)(\..*)?"),
    ("py:.*", r"(ssl|types|typing|zoneinfo)(\..*)?"),
    # Private names have no page, although a signature may name them.
    ("py:.*", r"sinch_voice_async\.(.*\.)?_\w+(\..*)?"),
    ("py:.*", r"sinch_voice_async\.(dialer|sandbox|streams|webhooks)\.\w+\.(.*\.)?\w+"),
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


def write_for_assistants(app: Sphinx, failure: Exception | None) -> None:
    """Put the Markdown of each page beside its HTML, and an index of all pages into ``llms.txt``."""
    if failure is not None or app.builder.name != "html":
        return
    source, target = Path(app.srcdir), Path(app.outdir)
    lines = [f"# {project}", "", f"> {_paragraph(source / 'index.md')}", ""]
    for heading, folder in (
        ("Learn", "."),
        ("How to", "how-to"),
        ("Background", "explanation"),
        ("Reference", "reference"),
    ):
        lines += [f"## {heading}", ""]
        for page in sorted((source / folder).glob("*.md")):
            name = page.relative_to(source)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(page, target / name)
            lines.append(f"- [{_title(page)}]({name.as_posix()}): {_paragraph(page)}")
        lines.append("")
    (target / "llms.txt").write_text("\n".join(lines), encoding="utf-8")


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _paragraph(page: Path) -> str:
    """Return the first sentence of a page."""
    blocks = page.read_text(encoding="utf-8").split("\n\n")[1:]
    prose = next((each for each in blocks if re.match(r"(?!```)[\w`*\[]", each)), "the classes and functions")
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(prose.split())).partition(". ")[0].rstrip(".:")


def setup(app: Sphinx) -> None:
    """Register the resolver, and the files for assistants."""
    app.connect("missing-reference", find_by_last_name)
    app.connect("build-finished", write_for_assistants)
