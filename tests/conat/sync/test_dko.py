"""Shared maps of objects (conat-sync §4.3, §7.9; syncdoc-jupyter §13)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cocalc_jupyter_ext.conat.sync.dko import DKO, FieldName, ObjectChange
from cocalc_jupyter_ext.conat.sync.errors import Closed, NotAnObject
from tests.support.sync_streams import FaultyStream
from tests.support.waiting import until


@asynccontextmanager
async def dko(stream: FaultyStream, **options: Any) -> AsyncIterator[DKO]:
    async with stream.dkv(**options) as dkv, DKO(dkv) as objects:
        yield objects


@pytest.mark.parametrize("value", [5, "text", [1], b"x", True])
async def test_non_object_values_are_refused(value: Any) -> None:
    """conat-sync §7.9: only objects; reopening; closed."""
    async with dko(FaultyStream()) as objects:
        with pytest.raises(NotAnObject, match="must be objects"):
            objects.set("a", value)


async def test_an_object_round_trips_also_after_reopening() -> None:
    """conat-sync §7.9: only objects; reopening; closed."""
    stream = FaultyStream()
    value = {"x": 1, "nested": {"y": [None]}, "bytes": b"\0"}
    async with dko(stream) as objects:
        objects["a"] = value
        assert objects["a"] == value
        await objects.save()
        assert objects.is_stable()
    with pytest.raises(Closed, match="closed"):
        objects.get("a")
    async with dko(stream) as again:
        assert again.get_all() == {"a": value}
        assert list(again) == ["a"]
        assert len(again) == 1


async def test_one_object_with_two_fields_occupies_three_rows_marker_first() -> None:
    """conat-sync §7.9: two fields are three rows."""
    async with dko(FaultyStream()) as objects:
        objects["a"] = {"x": 1, "y": 2}

        assert list(objects.dkv.items()) == [("a", ["x", "y"]), ('["a","x"]', 1), ('["a","y"]', 2)]
        assert objects.unsaved_changes() == [FieldName("a", "x"), FieldName("a", "y")]
        assert objects.has_unsaved_changes()


async def test_only_what_differs_is_written() -> None:
    stream = FaultyStream()
    async with dko(stream) as objects:
        objects["a"] = {"x": 1, "y": [1]}
        await objects.save()
        objects["a"] = {"x": 2, "y": [1.0]}
        assert objects.dkv.unsaved_changes() == ['["a","x"]']
        objects["a"] = {"y": [1], "x": 2}  # The order of fields is part of the object.
        assert objects.dkv.unsaved_changes() == ['["a","x"]', "a"]


async def test_a_dropped_field_is_gone_from_every_view() -> None:
    """§4.3: the original still shows it in getAll; get is the reliable view."""
    async with dko(FaultyStream()) as objects:
        objects["a"] = {"x": 1, "y": 2}
        objects["a"] = {"x": 1}

        assert objects["a"] == {"x": 1}
        assert objects.get_all() == {"a": {"x": 1}}


async def test_an_object_without_fields_exists_in_every_view() -> None:
    """§4.3: in the original getAll lacks it."""
    async with dko(FaultyStream()) as objects:
        objects["a"] = {}

        assert "a" in objects
        assert objects.get_all() == {"a": {}}


async def test_writers_of_different_fields_do_not_conflict() -> None:
    stream = FaultyStream()
    async with dko(stream) as one, dko(stream) as two:
        one["a"] = {"x": 0, "y": 0}
        await one.save()
        await until(lambda: two.get("a") == {"x": 0, "y": 0})
        one["a"] = {"x": 1, "y": 0}
        two["a"] = {"x": 0, "y": 2}
        await one.save()
        await two.save()
        await until(lambda: one.get("a") == two.get("a") == {"x": 1, "y": 2})


async def test_deleting_an_object_deletes_its_rows() -> None:
    async with dko(FaultyStream()) as objects:
        objects["a"] = {"x": 1}
        objects["b"] = {"x": 1}
        objects["c"] = {"x": 1}
        objects.delete("a")
        objects.delete("never there")
        objects.set("b", None)
        del objects["c"]
        with pytest.raises(KeyError):
            del objects["c"]
        with pytest.raises(KeyError):
            objects["c"]

        assert len(objects.dkv) == 0
        objects["d"] = {"x": 1}
        objects.clear()
        assert objects.get_all() == {}


@pytest.mark.parametrize("key", ["a|b", "f(x)", "[", "[x", '["a"', "[a,b]", '["a","b"]', "", "ü"])
async def test_keys_with_brackets_and_punctuation_work_on_both_clients(key: str) -> None:
    """conat-sync §7.9: punctuation; values beyond the payload limit."""
    stream = FaultyStream()
    async with dko(stream) as one, dko(stream) as two:
        one[key] = {"f|(x)": key, key: 1}
        await one.save()
        await until(lambda: two.get(key) == {"f|(x)": key, key: 1})

        assert key in two


async def test_a_key_that_is_the_json_of_two_texts_is_listed_and_adds_no_spurious_entry() -> None:
    """§7.9: in the original getAll has an entry for "a" instead; get is right in both."""
    async with dko(FaultyStream()) as objects:
        objects['["a","b"]'] = {"x": 1}

        assert objects.get('["a","b"]') == {"x": 1}
        assert objects.get_all() == {'["a","b"]': {"x": 1}}
        assert "a" not in objects


async def test_what_is_left_of_a_deleted_object_is_not_listed() -> None:
    async with dko(FaultyStream()) as objects:
        objects["a"] = {"x": 1, "y": 2}
        objects["a"] = {"x": 1}
        objects.delete("a")

        assert objects.get_all() == {}
        assert list(objects.dkv) == ['["a","y"]']


async def test_a_field_that_has_not_arrived_yet_is_null() -> None:
    async with dko(FaultyStream()) as objects:
        objects.dkv["a"] = ["x"]

        assert objects["a"] == {"x": None}


async def test_a_field_that_has_not_arrived_yet_is_not_overwritten() -> None:
    """Who writes back what was read must not destroy what is on its way."""
    async with dko(FaultyStream()) as objects:
        objects.dkv["a"] = ["x", "y"]

        objects["a"] = {**objects["a"], "y": 2, "z": None}

        assert dict(objects.dkv.items()) == {
            "a": ["x", "y", "z"],
            '["a","y"]': 2,
            '["a","z"]': None,
        }


async def test_changes_come_row_by_row_marker_first() -> None:
    stream = FaultyStream()
    async with dko(stream) as one, dko(stream) as two:
        told: list[ObjectChange] = []
        two.changes.connect(told.append)
        one["a"] = {"x": 1, "y": None}
        await one.save()
        await until(lambda: len(told) == 3)
        one.delete("a")
        await one.save()
        await until(lambda: len(told) == 6)

        assert told[:3] == [
            ObjectChange("a"),
            ObjectChange("a", "x", 1),
            ObjectChange("a", "y", None),
        ]
        assert told[3:] == [
            ObjectChange("a"),
            ObjectChange("a", "x", None),
            ObjectChange("a", "y", None),
        ]


async def test_a_rejected_field_is_told() -> None:
    async with dko(FaultyStream(), config={"max_msg_size": 100}) as objects:
        told: list[Any] = []
        objects.rejects.connect(lambda each: told.append((each.key, each.field, each.value)))
        objects["a"] = {"x": "x" * 200}
        await objects.save()

        assert told == [("a", "x", "x" * 200)]


async def test_the_end_is_told_once_and_closing_twice_does_nothing() -> None:
    """conat-sync §7.9: only objects; reopening; closed."""
    stream = FaultyStream()
    told: list[str] = []
    async with stream.dkv() as dkv:
        objects = DKO(dkv)
        objects.closed.connect(lambda: told.append("closed"))
        await objects.close()
        await objects.close()

    assert told == ["closed"]
