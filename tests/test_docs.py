"""What somebody can set, ask for or be answered stands in ``docs/configuration.md``."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import pytest
from traitlets import HasTraits

from cocalc_hub_ext.config import SERVICE_NAME
from cocalc_hub_ext.errors import HubError
from cocalc_hub_ext.hooks import PROJECT_ROUTE
from cocalc_hub_ext.proxy.api import make_api
from cocalc_hub_ext.proxy.routes import RouteTable
from cocalc_hub_ext.server.app import make_app
from cocalc_jupyter_ext.conat.broker.broker import Broker
from cocalc_jupyter_ext.conat.commands.server_app import make_application
from cocalc_jupyter_ext.conat.commands.server_options import ServerOptions
from cocalc_jupyter_ext.conat.errors import ConatError
from cocalc_jupyter_ext.documents.errors import DocumentError
from cocalc_jupyter_ext.kernels.errors import KernelsError
from cocalc_jupyter_ext.kernels.events import Loss

from .support.our_modules import MODULES, PACKAGES

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs" / "configuration.md").read_text()
WORDS = set(re.findall(r"`([^`\n]+)`", DOCS))
METHODS = ("get", "post", "put", "patch", "delete")
VARIABLE = re.compile(r"(COCALC|CONAT|JUPYTERHUB|CONFIGPROXY)(_[A-Z]+)+|PORT|BASE_PATH")


def sources() -> Iterator[tuple[ModuleType, ast.Module]]:
    for module in MODULES:
        yield module, ast.parse(Path(str(module.__file__)).read_text())


def is_ours(kind: type) -> bool:
    return kind.__module__.split(".")[0] in {package.__name__ for package in PACKAGES}


def our_subclasses(root: type) -> set[type]:
    found = {each for kind in root.__subclasses__() for each in {kind, *our_subclasses(kind)}}
    return {kind for kind in found if is_ours(kind)}


def traits() -> list[str]:
    """Return the settings of the classes that are used, by whichever of ours they are declared."""
    return sorted(
        f"{kind.__name__}.{name}"
        for kind in our_subclasses(HasTraits)
        if not our_subclasses(kind)
        for base in kind.__mro__
        if is_ours(base) and issubclass(base, HasTraits)
        for name in base.class_own_traits(config=True)
    )


def wire_form(pattern: str) -> str:
    """Write ``*`` for what varies: ``(.*)``, ``{name}`` and ``<name>`` alike, one at the end."""
    group = r"\((?:[^()]|\([^()]*\))*\)\??|\{[^{}]*\}|<[^<>]*>"
    return re.sub(r"(/?\*)+$", "/*", re.sub(group, "*", pattern.removesuffix("$")))


def handler_routes(routes: list[tuple[str, type]]) -> Iterator[str]:
    for pattern, handler in routes:
        ours = {name for base in handler.__mro__ if is_ours(base) for name in vars(base)}
        for method in [name for name in METHODS if name in ours] or ["get"]:
            yield f"{method.upper()} {wire_form(pattern)}"


def project_routes() -> set[str]:
    mounting = [
        module
        for module in MODULES
        if module.__name__.startswith("cocalc_jupyter_ext.server.") and hasattr(module, "handlers")
    ]
    return {
        route
        for module in mounting
        for entry in module.handlers(
            *[MagicMock()] * len(inspect.signature(module.handlers).parameters)
        )
        for route in handler_routes([entry[:2]])
    }


def hub_routes(data_dir: Path) -> set[str]:
    settings = MagicMock(prefix=f"/services/{SERVICE_NAME}/", data_dir=data_dir)
    app = make_app(settings, MagicMock(), MagicMock())
    served = [
        (rule.matcher.regex.pattern, rule.target)
        for rule in app.wildcard_router.rules
        if rule.matcher.regex.pattern.startswith(settings.prefix)
    ]
    return {*handler_routes(served), f"GET {wire_form(PROJECT_ROUTE)}"}


def proxy_routes() -> set[str]:
    api = make_api(RouteTable(), "token", MagicMock())
    return {
        f"{route.method} {wire_form(route.resource.canonical)}"
        for route in api.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def close_codes() -> set[int]:
    """Find module constants that are close codes; ``4096`` and the like are not in the ranges."""
    named = re.compile(r"_?[A-Z_]+")
    return {
        node.value.value
        for module, tree in sources()
        if re.search("WebSocket|close code", inspect.getsource(module))
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int)
        and named.fullmatch(ast.unparse(node).split("=")[0].split(":")[0].strip())
        and (1000 <= node.value.value <= 1015 or 4400 <= node.value.value <= 4999)
    }


def environment_variables() -> set[str]:
    return {
        node.value
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and VARIABLE.fullmatch(node.value)
    }


def fabric_routes() -> set[str]:
    served = make_application(ServerOptions(), Broker()).wildcard_router.rules
    return {*handler_routes([(rule.matcher.regex.pattern, rule.target) for rule in served])}


DOCUMENTED_ROUTES = {
    wire_form(word) for word in WORDS if re.match(r"(GET|POST|PUT|PATCH|DELETE) ", word)
}


@pytest.mark.parametrize("name", traits())
def test_every_setting_is_documented(name: str) -> None:
    assert name in WORDS


def test_no_setting_is_documented_that_does_not_exist() -> None:
    owners = {name.split(".")[0] for name in traits()}

    assert {word for word in WORDS if word.split(".")[0] in owners} == set(traits())


def test_exactly_the_routes_that_exist_are_documented(tmp_path: Path) -> None:
    existing = project_routes() | hub_routes(tmp_path) | proxy_routes() | fabric_routes()

    assert existing == DOCUMENTED_ROUTES


@pytest.mark.parametrize("code", sorted(close_codes()))
def test_every_close_code_is_documented(code: int) -> None:
    assert str(code) in WORDS


@pytest.mark.parametrize(
    "name",
    sorted(
        kind.__name__
        for root in (ConatError, DocumentError, KernelsError)
        for kind in our_subclasses(root)
    ),
)
def test_every_error_is_documented(name: str) -> None:
    assert name in WORDS


@pytest.mark.parametrize("code", sorted({kind.code for kind in our_subclasses(HubError)}))
def test_every_code_of_the_hub_is_documented(code: str) -> None:
    assert code in WORDS


@pytest.mark.parametrize("name", [loss.error_name for loss in Loss])
def test_every_name_of_an_error_output_is_documented(name: str) -> None:
    assert name in WORDS


@pytest.mark.parametrize("name", sorted(environment_variables()))
def test_every_environment_variable_is_documented(name: str) -> None:
    assert name in WORDS
