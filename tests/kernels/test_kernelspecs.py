"""The list of installed kernels (syncdoc-jupyter §4.8)."""

import asyncio

import pytest

from cocalc_jupyter_ext.kernels.errors import KernelSpecNotFoundError
from cocalc_jupyter_ext.kernels.kernelspecs import KEPT_S, KernelSpecs, entries_from_specs


def spec(**fields):
    return {"resource_dir": "/r", "spec": {"argv": ["x"], "display_name": "X", **fields}}


class Installed:
    """What is installed, and how often somebody looked."""

    def __init__(self, *names):
        self.names = names
        self.looks = 0
        self.now = 0.0

    def find(self):
        self.looks += 1
        return {name: spec() for name in self.names}

    def specs(self):
        return KernelSpecs(self.find, lambda: self.now)


def test_an_entry_has_the_fields_of_the_contract() -> None:
    metadata = {"cocalc": {"priority": 10}}
    found = spec(
        language="python", interrupt_mode="message", env={"A": "1"}, metadata=metadata, argv=["a"]
    )

    assert entries_from_specs({"Name": found}) == [
        {
            "name": "name",
            "display_name": "X",
            "language": "python",
            "interrupt_mode": "message",
            "env": {"A": "1"},
            "metadata": metadata,
            "resource_dir": "/r",
            "argv": ["a"],
        }
    ]


def test_entries_are_sorted_by_their_display_names() -> None:
    found = {name: spec(display_name=shown) for name, shown in [("a", "Z"), ("b", "A"), ("c", "M")]}

    assert [entry["name"] for entry in entries_from_specs(found)] == ["b", "c", "a"]


def test_macaulay2_is_called_by_its_name() -> None:
    (entry,) = entries_from_specs({"m2": spec(language="text/x-macaulay2")})

    assert entry["language"] == "Macaulay2"


def test_a_spec_without_the_optional_fields_is_listed() -> None:
    (entry,) = entries_from_specs({"bare": {"spec": {}}})

    assert (entry["display_name"], entry["language"], entry["argv"]) == ("bare", "", [])
    assert not {"interrupt_mode", "metadata"} & set(entry)


async def test_the_list_is_kept_for_a_while() -> None:
    installed = Installed("a")
    specs = installed.specs()
    await specs.entries()
    installed.now = KEPT_S
    await specs.entries()
    assert installed.looks == 1

    installed.now = KEPT_S + 0.1
    await specs.entries()
    assert installed.looks == 2


async def test_a_fresh_list_can_be_asked_for_and_all_who_wait_share_one_look() -> None:
    installed = Installed("a")
    specs = installed.specs()
    await specs.entries()
    installed.names = ("a", "b")

    lists = await asyncio.gather(*[specs.entries(fresh=True) for _ in range(5)])

    assert [[entry["name"] for entry in entries] for entries in lists] == [["a", "b"]] * 5
    assert installed.looks == 2


async def test_one_who_gives_up_does_not_end_the_look_of_the_others() -> None:
    specs = Installed("a").specs()
    impatient, patient = (asyncio.create_task(specs.entries()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()

    assert [entry["name"] for entry in await patient] == ["a"]


async def test_a_kernel_is_found_in_any_case_and_right_after_it_was_installed() -> None:
    installed = Installed("a")
    specs = installed.specs()
    assert (await specs.get("A"))["name"] == "a"
    installed.names = ("a", "new")

    assert (await specs.get("New"))["name"] == "new"


async def test_a_missing_kernel_is_named_with_those_that_are_there() -> None:
    with pytest.raises(KernelSpecNotFoundError, match=r'"fortran" is installed.*: a, b\.'):
        await Installed("a", "b").specs().get("fortran")


async def test_the_kernels_of_this_machine_are_found_by_name_and_language() -> None:
    """The list is not empty; name and language work for each (§13, "Kernels")."""
    specs = KernelSpecs()
    entries = await specs.entries()

    assert "python3" in {entry["name"] for entry in entries}
    for entry in entries:
        assert await specs.get(entry["name"].upper()) == entry
        assert entry["language"]
