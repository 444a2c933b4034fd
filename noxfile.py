"""The commands of this project: ``nox -l`` lists them."""

import os
import shutil
import subprocess
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = "cli,sandbox,otel,dialer,parquet,cluster"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "typing", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
# The tests run on the Pythons that are there, one at least; none is downloaded behind anybody's back.
nox.options.error_on_missing_interpreters = False
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")


def _offer_pyenv_pythons() -> None:
    """Let pyenv's shims answer for every installed version, not only for the one that is switched on."""
    if shutil.which("pyenv") is None:
        return
    listed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    found = [version for version in listed.stdout.split() if ".".join(version.split(".")[:2]) in PYTHONS]
    # Set by the shim that nox itself was started with, to the one version that it chose.
    active = os.environ.get("PYENV_VERSION", "")
    os.environ["PYENV_VERSION"] = ":".join(dict.fromkeys([*filter(None, active.split(":")), *found]))


_offer_pyenv_pythons()


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, name)


@nox.session
def quickstart(session: nox.Session) -> None:
    """Place callouts against the embedded sandbox, on asyncio and on trio, and show what became of them."""
    session.install(".[sandbox]", *_group("quickstart"))
    session.run("python", "examples/quickstart.py", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on each supported Python that is there; then look at what they covered together."""
    session.install("-e", f".[{EXTRAS}]", *_group("test"), *_group("examples"))
    data = {"COVERAGE_FILE": str(ROOT / f".coverage.{session.python}")}
    session.run("coverage", "run", "-m", "pytest", *session.posargs, env=data)
    if not session.posargs:
        session.notify("coverage")


@nox.session
def coverage(session: nox.Session) -> None:
    """Put together what the tests covered on each Python: every branch, or it fails. Follows the tests by itself."""
    session.install(*(each for each in _group("test") if each.startswith("coverage")))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, import contracts, spelling and the links of the documents."""
    session.install("-e", ".", *_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("codespell")
    session.run("python", "docs/check_links.py")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types: mypy strict, pyright, and that everything public has a type."""
    session.install("-e", f".[{EXTRAS}]", *_group("test"), *_group("examples"), *_group("typing"))
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--ignoreexternal", "--verifytypes", "sinch_voice_async")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    session.install("-e", f".[{EXTRAS}]", *_group("docs"))
    session.run("sphinx-build", "-E", "--fail-on-warning", "--keep-going", "-n", "-b", "html", "docs", "build/docs")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure this library beside its peers, and print the README's table."""
    session.install(".", *_group("benchmarks"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=PYTHONS)
def build(session: nox.Session) -> None:
    """Build the wheel, and test it as installed, outside the tree."""
    target = Path(session.create_tmp()).resolve()
    session.install("build", *_group("test"))
    session.run("python", "-m", "build", "--outdir", str(target / "dist"), str(ROOT))
    (wheel,) = (target / "dist").glob("*.whl")
    session.install("--force-reinstall", f"{wheel}[{EXTRAS}]", *_group("examples"))
    shutil.rmtree(target / "tests", ignore_errors=True)
    for name in ("tests", "examples"):
        shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", target)
    session.chdir(target)
    session.run("pytest", "-q", *session.posargs)
