"""What the packages offer to be imported, and what Jupyter looks for in them."""

from types import ModuleType

import pytest

import cocalc_hub_ext
import cocalc_jupyter_ext
from cocalc_jupyter_ext.server.app import CoCalcExtension

from .support.our_modules import MODULES


def test_the_roots_offer_their_hooks_and_nothing_else() -> None:
    assert cocalc_jupyter_ext.__all__ == ["__version__"]
    assert cocalc_hub_ext.__all__ == ["setup"]


def test_jupyter_finds_the_server_extension_and_the_front_end() -> None:
    (point,) = cocalc_jupyter_ext._jupyter_server_extension_points()
    (front_end,) = cocalc_jupyter_ext._jupyter_labextension_paths()

    assert point == {"module": "cocalc_jupyter_ext", "app": CoCalcExtension}
    assert front_end == {"src": "labextension", "dest": "cocalc-jupyter"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_module_has_everything_that_it_states_to_offer(module: ModuleType) -> None:
    names = getattr(module, "__all__", [])

    assert [name for name in names if not hasattr(module, name)] == []
    assert len(set(names)) == len(names)
