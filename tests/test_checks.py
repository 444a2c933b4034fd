"""The programs of lint find what they are for, and find nothing in the project."""

from pathlib import Path

import pytest

checks = pytest.importorskip("checks", reason="the programs of lint are in the repository, and not in a built package")

from checks import budgets, citations, language, prose  # noqa: E402  # after the skip


def written(folder: Path, text: str, name: str = "module.py") -> Path:
    """Write a module into a folder that takes the place of the project."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the checks take for the root of the project."""
    for module in (prose, citations, language, budgets):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def test_every_citation_is_in_the_table() -> None:
    """A docstring cites a page by a short title of the table, in one form."""
    assert citations.main() == 0


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Source: Calling API, Errors.", 0),
        ("Source: Calling API, Errors; OpenAPI, servers.", 0),
        ("Source: Calling API.", 0),
        ("Source: Calling API, Errors", 1),
        ("Sources: Calling API, Errors.", 1),
        ("Source: Hearsay, Rumours.", 1),
    ],
)
def test_a_citation_has_one_form(project: Path, text: str, faults: int) -> None:
    """Another form, and a page that is not in the table, are faults."""
    file = written(project, f'"""A module.\n\n{text}\n"""\n')
    assert len([*citations.faults(file, {"Calling API", "OpenAPI"})]) == faults


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('"""Nobody knows."""\n', 1),
        ("x = 1  # save for the last\n", 1),
        ('raise ValueError("there is no such file, said somebody")\n', 2),
        ('logger.warning("the number was rung twice")\n', 1),
        ('x = "nobody reads this key"\n', 0),
        ('"""Return the number of calls."""\n', 0),
    ],
)
def test_turns_of_phrase_are_found(project: Path, text: str, places: int) -> None:
    """Docstrings, comments and messages are read; other strings are not."""
    _, found = language.measure([written(project, text)])
    assert sum(len(each) for each in found.values()) == places
    assert all(str(line).startswith("module.py:1: ") for each in found.values() for line in each)


def test_markdown_is_read_outside_of_blocks(project: Path) -> None:
    """Code in a document is not prose."""
    words, found = language.measure([written(project, "Nobody.\n\n```python\n# nobody\n```\n", "page.md")])
    assert (words, sum(len(each) for each in found.values())) == (1, 1)


def test_a_late_import_and_a_cycle_are_found(project: Path) -> None:
    """An import in a function counts, and so does one by name; one for type checkers alone does not."""
    package = project / "package"
    written(package, "", "__init__.py")
    written(package, "from package import two\n", "one.py")
    written(package, "def late():\n    from package import one\n", "two.py")
    written(package, "import importlib\nimportlib.import_module('package.one')\n", "three.py")
    written(package, "import importlib\nimportlib.import_module(f'other.{__name__}')\n", "five.py")
    written(package, "import importlib\nimportlib.import_module(f'{__name__}.one')\n", "six.py")
    written(package, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package import three\n", "four.py")
    found = budgets.modules(package)
    graph = {name: module.top | module.late for name, module in found.items()}
    assert budgets.cycles(graph) == [["package.one", "package.two"]]
    assert {name for name, module in found.items() if module.late} == {"package.two", "package.three"}
    assert [found[f"package.{name}"].dynamic for name in ("five", "six")] == [0, 1]
    assert len(budgets.late_imports(found)) == 3
    assert found["package.four"].top == set()
