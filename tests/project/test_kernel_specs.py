"""syncdoc-jupyter §4.8, §4.10: kernels and their logos."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from cocalc_jupyter_ext.project.dispatch import ApiError
from cocalc_jupyter_ext.project.kernel_specs import KernelSpecs


class Found:
    """The kernels of a machine, and how often somebody has looked."""

    def __init__(self, folder: Path) -> None:
        self.looks = 0
        self.now = 0.0
        self.specs: dict[str, dict[str, Any]] = {
            "MyR": {
                "resource_dir": str(folder),
                "spec": {"display_name": "R", "language": "r", "argv": ["R"], "env": {"A": "1"}},
            },
            "python3": {
                "resource_dir": str(folder / "none"),
                "spec": {
                    "display_name": "Python 3",
                    "language": "python",
                    "argv": ["python"],
                    "interrupt_mode": "signal",
                    "metadata": {"cocalc": {"priority": 10}},
                },
            },
        }

    def __call__(self) -> Mapping[str, Mapping[str, Any]]:
        self.looks += 1
        return self.specs

    def functions(self) -> KernelSpecs:
        return KernelSpecs(self, lambda: self.now)


@pytest.fixture
def found(tmp_path: Path) -> Found:
    return Found(tmp_path)


async def test_kernels_are_sorted_by_the_names_that_people_see(found: Found) -> None:
    python, r = await found.functions().kernels()

    assert python == {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
        "argv": ["python"],
        "env": {},
        "interrupt_mode": "signal",
        "metadata": {"cocalc": {"priority": 10}},
        "resource_dir": found.specs["python3"]["resource_dir"],
    }
    assert (r["name"], r["env"]) == ("myr", {"A": "1"})
    assert "metadata" not in r


async def test_what_was_found_is_kept_for_a_quarter_of_a_minute(found: Found) -> None:
    functions = found.functions()
    await functions.kernels()
    found.now = 15
    await functions.kernels({})
    assert found.looks == 1

    await functions.kernels({"noCache": True})
    assert found.looks == 2
    found.now = 31
    await functions.kernels()
    assert found.looks == 3


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["logo-32x32.png", "logo-64x64.png", "logo-svg.svg"], "logo-svg.svg"),
        (["logo-32x32.png", "logo-64x64.png", "other.svg"], "logo-64x64.png"),
        (["logo-32x32.png"], "logo-32x32.png"),
    ],
)
async def test_the_best_logo_is_the_last_by_name(
    found: Found, tmp_path: Path, names: list[str], best: str
) -> None:
    for name in names:
        (tmp_path / name).write_text(name)

    logo = await found.functions().logo("MYR")

    assert logo == {"filename": best, "base64": base64.b64encode(best.encode()).decode()}


async def test_without_a_logo_there_is_none(found: Found) -> None:
    assert await found.functions().logo("python3") == {"base64": ""}
    assert await found.functions().logo("myr", {}) == {"base64": ""}


async def test_a_logo_is_kept_for_an_hour(found: Found, tmp_path: Path) -> None:
    functions = found.functions()
    await functions.logo("myr")
    (tmp_path / "logo-svg.svg").write_text("<svg/>")

    found.now = 3_600
    assert await functions.logo("myr") == {"base64": ""}
    assert (await functions.logo("myr", {"noCache": True}))["filename"] == "logo-svg.svg"


@pytest.mark.parametrize("name", ["nothing", "", None, 7])
async def test_an_unknown_kernel_is_an_error(found: Found, name: object) -> None:
    with pytest.raises(ApiError, match=r"there is no kernel|must be a text"):
        await found.functions().logo(name)


async def test_the_kernels_of_this_machine() -> None:
    functions = KernelSpecs(KernelSpecManager().get_all_specs)

    python = next(each for each in await functions.kernels() if each["name"] == "python3")

    assert python["argv"][-1] == "{connection_file}"
    assert (await functions.logo("python3"))["filename"] == "logo-svg.svg"
