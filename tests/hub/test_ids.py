"""Names of projects are recognised by shape alone."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_hub_ext.ids import as_project_id, is_project_id


@given(st.uuids())
def test_every_uuid_is_a_project_s_name_however_it_is_written(value: uuid.UUID) -> None:
    assert is_project_id(str(value))
    assert is_project_id(f" {str(value).upper()}\n")


@given(st.uuids())
def test_only_the_plain_spelling_is_an_id(value: uuid.UUID) -> None:
    assert as_project_id(str(value)) == str(value)
    assert as_project_id(f"{value} ") is None
    assert as_project_id(value.hex) is None


@pytest.mark.parametrize("name", ["", "demo", "ada@example.org", "1" * 36, "-" * 36])
def test_names_of_people_are_not_projects(name: str) -> None:
    assert not is_project_id(name)
    assert as_project_id(name) is None
