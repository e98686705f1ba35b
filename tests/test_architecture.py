"""What the folder layout promises: light roots, mirrored tests, a stated public surface."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("cocalc_jupyter_ext", "cocalc_hub_ext")
SOURCES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "labextension" not in path.parts and "versions" not in path.parts
)
MODULES = [path for path in SOURCES if path.name not in {"__init__.py", "__main__.py", "env.py"}]
# Folders of tests that go through several modules at once and so mirror none.
THROUGH = {"e2e", "support", "vectors", "contracts", "fuzz", "javascript", "integration"}


def test_folder_of(module: Path) -> Path:
    package, *folders = module.relative_to(ROOT).parent.parts
    prefix = ["hub"] if package == "cocalc_hub_ext" else []
    return ROOT.joinpath("tests", *prefix, *folders)


test_folder_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("cocalc_jupyter_ext", ("jupyter_server", "traitlets", "tornado", "pycrdt")),
        ("cocalc_jupyter_ext.conat.client.client", ("jupyter_server", "traitlets", "tornado")),
        (
            "cocalc_jupyter_ext.documents.notebook_actions.notebook",
            ("jupyter_server", "jupyter_client", "traitlets", "tornado", "pycrdt"),
        ),
        (
            "cocalc_jupyter_ext.project.nbgrader.assignment",
            ("jupyter_server", "jupyter_client", "traitlets", "tornado", "pycrdt"),
        ),
        ("cocalc_hub_ext", ("jupyterhub", "sqlalchemy", "tornado", "aiohttp")),
    ],
)
def test_importing_a_root_loads_nothing_heavy(module: str, forbidden: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([name for name in {forbidden} if name in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_states_its_public_surface(module: Path) -> None:
    tree = ast.parse(module.read_text())
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }

    assert "__all__" in assigned
    assert ast.get_docstring(tree)


def test_every_test_module_mirrors_a_source_module() -> None:
    mirrored = {test_folder_of(module) / f"test_{module.name}" for module in MODULES}
    orphans = [
        path.relative_to(ROOT)
        for path in (ROOT / "tests").rglob("test_*.py")
        if path not in mirrored
        and not THROUGH & set(path.relative_to(ROOT / "tests").parts)
        and path.parent != ROOT / "tests"
    ]

    assert orphans == []
