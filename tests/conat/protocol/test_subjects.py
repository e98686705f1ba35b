"""conat-core §7.1, §10.1, §16.2; SPEC S1 to S5."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.errors import InvalidSubject
from cocalc_jupyter_ext.conat.protocol.patterns import PatternTrie
from cocalc_jupyter_ext.conat.protocol.subjects import (
    hub_api_subject,
    inbox_prefix,
    is_uuid,
    is_valid_pattern,
    is_valid_subject,
    matches,
    parse_pattern,
    parse_subject,
    project_subject,
    scope_name,
)
from cocalc_jupyter_ext.conat.types import AccountId, Pattern, ProjectId, Subject, User

ID = "10f0e544-313c-4efe-8718-2142ac97ad11"

tokens = st.sampled_from(["a", "b", "c"])
subjects = st.lists(tokens, min_size=1, max_size=5).map(".".join)


@pytest.mark.parametrize(
    "text", ["a", "a.b", "a.*.b", "*", ">", "a.>", "a.b*c", "x>.y", "ž.🐢", "a+/="]
)
def test_what_may_be_subscribed_to(text: str) -> None:
    assert is_valid_pattern(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".a",
        "a.",
        "a..b",
        "a b",
        ">.a",
        "a.>.b",
        "a\ufeff",
        "\u00a0",
        "a\u2003b",
        "a\n",
        None,
        7,
    ],
)
def test_what_may_not_be_subscribed_to(text: object) -> None:
    assert not is_valid_pattern(text)


@pytest.mark.parametrize("character", ["\x85", "\x1c", "\x1d", "\x1e", "\x1f", "\u200b", "\u180e"])
def test_white_space_is_what_javascript_takes_for_it(character: str) -> None:
    assert is_valid_subject(f"a{character}b")


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [("a>b", True), ("a.b>", False), ("a*b", False), ("a.*", False), ("a.>", False), (">a", True)],
)
def test_a_subject_without_wildcards_has_no_star_and_no_final_arrow(
    text: str, is_valid: bool
) -> None:
    assert is_valid_subject(text) is is_valid


def test_an_invalid_subject_is_refused_with_its_text_and_use() -> None:
    with pytest.raises(InvalidSubject, match=r"invalid publish subject 'a\.\*'"):
        parse_subject("a.*", "publish")
    with pytest.raises(InvalidSubject, match=r"^invalid subject$"):
        parse_pattern(None)


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a.>", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.b", "a.b", True),
        ("a.b", "a.B", False),
        ("*.>", "a", False),
    ],
)
def test_matching(pattern: str, subject: str, expected: bool) -> None:
    """conat-core §21, Patterns: a literal, a.b.> and a.* match just what they should, an unknown
    subject nothing.
    """
    assert matches(Pattern(pattern), Subject(subject)) is expected


@given(
    pattern=st.lists(st.sampled_from(["a", "b", "*"]), max_size=4),
    rest=st.booleans(),
    subject=subjects,
)
def test_the_trie_matches_what_the_grammar_matches(
    pattern: list[str], rest: bool, subject: str
) -> None:
    text = Pattern(".".join([*pattern, ">"] if rest or not pattern else pattern))
    trie: PatternTrie[None] = PatternTrie()
    trie.insert(text, None)

    assert bool(list(trie.match(Subject(subject)))) is matches(text, Subject(subject))


@pytest.mark.parametrize(
    ("user", "scope", "prefix"),
    [
        (None, "public", "_INBOX"),
        (User("account", ID), f"account-{ID}", f"_INBOX.account-{ID}"),
        (User("project", ID), f"project-{ID}", f"_INBOX.project-{ID}"),
        (User("hub", "hub"), "hub-hub", "_INBOX.hub-hub"),
        (User("hub", "system"), "hub-system", "_INBOX"),
    ],
)
def test_names_of_users(user: User | None, scope: str, prefix: str) -> None:
    assert (scope_name(user), inbox_prefix(user)) == (scope, prefix)


def test_a_project_subject_has_five_tokens() -> None:
    project = ProjectId(ID)

    assert project_subject(project, "api", compute_server_id=0) == f"project.{ID}.0.api.-"
    assert project_subject(project, "api", path="a b.txt") == f"project.{ID}.-.api.YSBiLnR4dA=="


def test_the_hub_api_has_one_subject_per_caller() -> None:
    assert hub_api_subject("account", AccountId(ID)) == f"hub.account.{ID}.api"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(ID, True), (ID.upper(), True), (ID[:-1], False), (f"{ID}\n", False), ("", False)],
)
def test_a_uuid_has_36_characters(text: str, expected: bool) -> None:
    assert is_uuid(text) is expected
