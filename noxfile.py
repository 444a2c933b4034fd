"""The commands of this project: ``nox -l`` lists them."""

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
# Pipecat brings a hundred packages: its tests are skipped if it is not there, and `nox -s pipecat` runs them.
EXTRAS = ",".join(name for name in PROJECT["project"]["optional-dependencies"] if name != "pipecat")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
MEASURED = "{}.{}".format(*sys.version_info)  # the one that runs nox, which every machine has

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
    """Run all tests on each supported Python that is there, and measure on one what they cover: every branch."""
    session.install("-e", f".[{EXTRAS}]", *_group("test"), *_group("examples"))
    # Measuring takes half as long again, and another Python takes the same branches.
    if session.python != MEASURED or session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("coverage", "run", "-m", "pytest")
    if not (shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
        session.warn("without PostgreSQL the tests of the cluster are skipped, and the coverage is not held to 100 %")
    else:
        session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, import contracts, spelling, workflows and the links of the documents; then ask for known holes."""
    session.install("-e", ".", *_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("codespell")
    for each in ("links", "citations", "language", "budgets"):
        session.run("python", "-m", f"checks.{each}")
    session.run("zizmor", "--offline", "--persona=auditor", "--no-progress", "--quiet", ".github")
    session.notify("audit")


@nox.session
def audit(session: nox.Session) -> None:
    """Ask PyPI for known holes in what the library and its extras need; with ``-- --strict``, no answer is a failure.

    A session of its own, since not every place reaches PyPI's advisories (a mirror seldom has them): there it is said
    to be skipped, where lint would have to fail, or to pass on nothing.
    """
    extras = PROJECT["project"]["optional-dependencies"].values()
    session.install("pip-audit>=2.9,<3", *PROJECT["project"]["dependencies"], *itertools.chain(*extras))
    report = Path(session.create_tmp()).resolve() / "audit.json"
    report.unlink(missing_ok=True)
    options = ["--local", "--progress-spinner=off", "--format=json", f"--output={report}"]
    session.run("pip-audit", *options, success_codes=[0, 1], silent=True)
    if not report.exists():
        _not_audited(session, "the service cannot be reached")
    found = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
    if unknown := [each["name"] for each in found if "skip_reason" in each]:
        _not_audited(session, f"the service does not know {len(unknown)} of {len(found)}, among them {unknown[0]}")
    holes = [f"{each['name']} {each['version']}: {hole['id']}" for each in found for hole in each["vulns"]]
    if holes:
        session.error("known holes: " + ", ".join(holes))
    session.log(f"no known hole in {len(found)} packages")


def _not_audited(session: nox.Session, reason: str) -> None:
    told = f"NOT AUDITED: {reason}"
    if "--strict" in session.posargs:
        session.error(told)
    session.skip(told)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change signing, retry, inbound and codec in every small way, and see that the tests notice. Not on Windows."""
    session.install("-e", ".", *_group("test"), *_group("mutation"))
    session.run("python", "-m", "mutation", *session.posargs)


@nox.session
def vendors(session: nox.Session) -> None:
    """Run the vendor's own libraries against the sandbox, unchanged but for the host: for Python, and for Node."""
    session.install("-e", ".[sandbox]", *_group("test"), *_group("vendors"))
    home = Path(session.create_tmp()).resolve()
    if shutil.which("npm") is not None:  # where there is none, their tests say that they are skipped
        options = ["--prefix", str(home), "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
        session.run("npm", "install", *options, "@sinch/voice@1.4.0", "@sinch/sdk-core@1.4.0", external=True)
    modules = {"SINCH_NODE_MODULES": str(home / "node_modules")}
    session.run("pytest", "tests/sandbox/vendors", *session.posargs, env=modules)


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
    session.install(".[sandbox]", *_group("benchmarks"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=PYTHONS)
def build(session: nox.Session) -> None:
    """Build the same bytes twice, into dist/, with a bill of materials; test them as installed, outside the tree."""
    target = Path(session.create_tmp()).resolve()
    session.install(*_group("build"), *_group("test"))
    files = _built(session, target)
    session.run("twine", "check", "--strict", *files)
    session.run("check-wheel-contents", *(file for file in files if file.endswith(".whl")))
    for file in files:
        python = _tried_alone(session, target / "alone", file)
    _write_bill(session, python)
    (wheel,) = (file for file in files if file.endswith(".whl"))
    session.install("--force-reinstall", f"{wheel}[{EXTRAS}]", *_group("examples"))
    shutil.rmtree(target / "tests", ignore_errors=True)
    for name in ("tests", "examples"):
        shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", target)
    session.chdir(target)
    session.run("pytest", "-q", *session.posargs)


def _built(session: nox.Session, target: Path) -> list[str]:
    """Build the sdist, and the wheel from it, in two places and times of day; return the files in dist/."""
    shown = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    sums = []
    for zone, folder in (("UTC-9", target / "again"), ("UTC+3", ROOT / "dist")):
        shutil.rmtree(folder, ignore_errors=True)
        environment = {"SOURCE_DATE_EPOCH": shown or "1580601600", "TZ": zone, "PYTHONHASHSEED": str(len(zone))}
        session.run("python", "-m", "build", "--outdir", str(folder), str(ROOT), env=environment, silent=True)
        sums.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())})
    if sums[0] != sums[1]:
        session.error(f"the same source gave other bytes: {sums}")
    for name, digest in sums[1].items():
        session.log(f"{digest}  {name}")
    return [str(ROOT / "dist" / name) for name in sums[1]]


def _tried_alone(session: nox.Session, home: Path, file: str) -> str:
    """Install one file, without any extra, where nothing else is, and use it; return the Python that has it."""
    session.run("python", "-m", "venv", "--clear", "--without-pip", str(home))
    python = str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    told = str(session.run("python", "-m", "pip", "--python", python, "install", "--quiet", file, silent=True))
    if "sinch" in told:  # pip may have its own words about mirrors and caches
        session.error(f"installing {file} said: {told}")
    session.run("python", "-m", "pip", "--python", python, "check")
    session.run(python, "-I", "-W", "error", str(ROOT / "tests" / "packaging" / "as_installed.py"), external=True)
    return python


def _write_bill(session: nox.Session, python: str) -> None:
    """Write down what installing the library brings in, as CycloneDX has it."""
    bill = ROOT / "build" / "sbom.cdx.json"
    bill.parent.mkdir(exist_ok=True)
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--output-file", str(bill)]
    session.run("cyclonedx-py", "environment", *options, python)
