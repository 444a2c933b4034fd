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
MEASURED = "{}.{}".format(*sys.version_info)  # the Python that runs nox

# Tests without processes, databases and long calls: half a minute on two cores.
QUICK = [
    *(f"tests/{folder}" for folder in ("models", "wire", "webhooks", "endpoints", "testing", "packaging")),
    *(f"tests/transport/test_{name}.py" for name in ("http11", "retry", "clock", "observing")),
    *(str(file) for file in sorted(Path("tests").glob("test_*.py")) if file.stem != "test_documents"),
]

# A test that waits, and half of them do, leaves the machine to another.
PARALLEL = ["-n", "auto"]

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "typing", "tests"]
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
# The tests run on the installed Pythons; none is downloaded without being asked for.
nox.options.error_on_missing_interpreters = False
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")


def _offer_pyenv_pythons() -> None:
    """Let the shims of pyenv answer for every installed version, not only for the active one."""
    if shutil.which("pyenv") is None:
        return
    listed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    found = [version for version in listed.stdout.split() if ".".join(version.split(".")[:2]) in PYTHONS]
    # The shim that started nox has set it to one version.
    active = os.environ.get("PYENV_VERSION", "")
    os.environ["PYENV_VERSION"] = ":".join(dict.fromkeys([*filter(None, active.split(":")), *found]))


_offer_pyenv_pythons()


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, name)


@nox.session
def quickstart(session: nox.Session) -> None:
    """Place callouts against the embedded sandbox, on asyncio and on trio, and show the results."""
    session.install(".[sandbox]", *_group("quickstart"))
    session.run("python", "examples/quickstart.py", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests on each installed Python, in parallel; on the Python that runs nox with branch coverage (100 %)."""
    session.install("-e", f".[{EXTRAS}]", *_group("test"), *_group("examples"))
    # Coverage costs half of the time again, and every Python takes the same branches.
    if session.python != MEASURED or session.posargs:
        session.run("pytest", *(session.posargs or PARALLEL))
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *PARALLEL)
    session.run("coverage", "combine", "--quiet")
    has_postgresql = shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if has_postgresql and (shutil.which("redis-server") or shutil.which("valkey-server")):
        session.run("coverage", "report")
    else:
        session.warn("PostgreSQL or Redis is not installed: tests of the cluster are skipped, coverage is not checked")


@nox.session
def fast(session: nox.Session) -> None:
    """Run the quick tests in parallel, failed ones first, until one fails; or those of the given files and folders."""
    session.install("-e", f".[{EXTRAS}]", *_group("test"), *_group("examples"))
    session.run("pytest", "-q", "-x", "--ff", *PARALLEL, *(session.posargs or QUICK))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, import contracts, spelling, language, links, citations, sizes and workflows; then run the audit."""
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
    """Ask PyPI for known vulnerabilities of the dependencies; with ``-- --strict``, an unreachable PyPI is a failure.

    It is a session of its own because many mirrors do not have the advisories. Without them this session is skipped.
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
        session.error("known vulnerabilities: " + ", ".join(holes))
    session.log(f"{len(found)} packages without a known vulnerability")


def _not_audited(session: nox.Session, reason: str) -> None:
    message = f"NOT AUDITED: {reason}"
    if "--strict" in session.posargs:
        session.error(message)
    session.skip(message)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change signing, retry, inbound and codec in small ways, and check that a test fails for each. Not on Windows."""
    session.install("-e", ".", *_group("test"), *_group("mutation"))
    session.run("python", "-m", "mutation", *session.posargs)


NODE_PACKAGES = ("@sinch/voice@1.4.0", "@sinch/sdk-core@1.4.0", "axe-core@4.14.1")


@nox.session
def vendors(session: nox.Session) -> None:
    """Run the vendor's SDKs for Python and Node against the sandbox, with only the host changed."""
    session.install("-e", ".[sandbox]", *_group("test"), *_group("vendors"))
    home = Path(session.create_tmp()).resolve()
    if shutil.which("npm") is not None:  # without it, the tests for Node are skipped
        options = ["--prefix", str(home), "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
        session.run("npm", "install", *options, *NODE_PACKAGES, external=True)
    modules = {"SINCH_NODE_MODULES": str(home / "node_modules")}
    # Skipped without Chromium.
    page = [f"tests/sandbox/page/test_{name}.py" for name in ("accessibility", "clients")]
    session.run("pytest", "tests/sandbox/vendors", *page, *session.posargs, env=modules)


@nox.session
@nox.parametrize("version", ["1.7.0", "1.14.0"])
def pipecat(session: nox.Session, version: str) -> None:
    """Run the tests of the serializer for Pipecat, which brings a hundred packages, with two versions of it."""
    session.install("-e", ".[sandbox]", f"pipecat-ai[websocket]=={version}", *_group("test"))
    session.run("pytest", "tests/streams/test_pipecat.py", *session.posargs)


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types: mypy strict, pyright, and that every public name has a type."""
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
    """Measure this library beside others, and print the table of the README."""
    session.install(".[sandbox]", *_group("benchmarks"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=PYTHONS)
def build(session: nox.Session) -> None:
    """Build twice and compare, into dist/, with a bill of materials; test the wheel as installed, outside the tree."""
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
    """Build the sdist, and the wheel from it, in two folders and time zones; return the files in dist/."""
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
        session.error(f"two builds of the same source differ: {sums}")
    for name, digest in sums[1].items():
        session.log(f"{digest}  {name}")
    return [str(ROOT / "dist" / name) for name in sums[1]]


def _tried_alone(session: nox.Session, home: Path, file: str) -> str:
    """Install one file without extras into an empty environment, and use it; return the Python of that environment."""
    session.run("python", "-m", "venv", "--clear", "--without-pip", str(home))
    python = str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    told = str(session.run("python", "-m", "pip", "--python", python, "install", "--quiet", file, silent=True))
    if "sinch" in told:  # pip may print messages about mirrors and caches
        session.error(f"installing {file} said: {told}")
    session.run("python", "-m", "pip", "--python", python, "check")
    session.run(python, "-I", "-W", "error", str(ROOT / "tests" / "packaging" / "as_installed.py"), external=True)
    return python


def _write_bill(session: nox.Session, python: str) -> None:
    """Write a bill of materials in the format of CycloneDX."""
    bill = ROOT / "build" / "sbom.cdx.json"
    bill.parent.mkdir(exist_ok=True)
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-reproducible", "--output-file", str(bill)]
    session.run("cyclonedx-py", "environment", *options, python)
