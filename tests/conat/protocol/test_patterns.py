"""conat-core §7.2; SPEC S4."""

import time

from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.conat.protocol.patterns import MAX_REMEMBERED, PatternTrie
from cocalc_jupyter_ext.conat.protocol.subjects import matches
from cocalc_jupyter_ext.conat.types import Pattern, Subject

patterns = st.builds(
    lambda parts, end: Pattern(".".join([*parts, *end]) or ">"),
    st.lists(st.sampled_from(["a", "b", "*"]), max_size=4),
    st.sampled_from([[], [">"]]),
)
subjects = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5).map(
    lambda parts: Subject(".".join(parts))
)


def trie_of(*patterns: str) -> PatternTrie[str]:
    trie: PatternTrie[str] = PatternTrie()
    for pattern in patterns:
        trie.insert(Pattern(pattern), pattern)
    return trie


def found(trie: PatternTrie[str], subject: str) -> list[str]:
    return [value for _pattern, value in trie.match(Subject(subject))]


def test_overlapping_patterns_are_all_found_in_order() -> None:
    """conat-core §21, Patterns: overlapping patterns are all returned."""
    trie = trie_of("a.b.c", "a.b.>", "a.b.*", "a.*.c", ">")

    assert found(trie, "a.b.c") == [">", "a.*.c", "a.b.*", "a.b.>", "a.b.c"]


def test_a_removed_prefix_leaves_no_trace() -> None:
    """conat-core §21, Patterns: deleting patterns one by one leaves the others matching."""
    trie = trie_of("a", "a.b")
    trie.remove(Pattern("a"))

    assert found(trie, "a") == []
    assert found(trie, "a.b") == ["a.b"]
    assert Pattern("a") not in trie


def test_removing_what_is_not_there_changes_nothing() -> None:
    trie = trie_of("a.b")
    trie.remove(Pattern("a"))
    trie.remove(Pattern("x.y"))

    assert len(trie) == 1
    assert trie.get(Pattern("a.b")) == "a.b"


def test_very_long_subjects_need_no_deep_recursion() -> None:
    long = ".".join("a" * 8_000)
    trie = trie_of(long)

    assert found(trie, long) == [long]
    trie.remove(Pattern(long))
    assert found(trie, long) == []


def test_a_hundred_thousand_patterns() -> None:
    """conat-core §21, Patterns: 100,000 patterns can be stored and matched."""
    trie = trie_of(*(f"p.{number}.x" for number in range(100_000)))

    assert len(trie) == 100_000
    assert found(trie, "p.99999.x") == ["p.99999.x"]


def test_a_match_costs_what_it_finds_and_not_what_there_is() -> None:
    """Measured in time of this process, so that other load does not count.

    conat-core §21, Patterns: 100,000 patterns can be stored and matched.
    """

    def cost_s(count: int) -> float:
        trie = trie_of(*(f"p.{number}.x" for number in range(count)), "p.*.x", "p.>")
        began_s = time.process_time()
        for number in range(20_000):
            assert len(found(trie, f"p.{number % count}.x")) == 3
        return time.process_time() - began_s

    assert min(cost_s(100_000) for _ in range(2)) < 20 * min(cost_s(10) for _ in range(2))


def test_many_patterns_that_match_are_all_found() -> None:
    parts = ["a"] * 10
    masks = [
        ".".join("*" if bits >> place & 1 else part for place, part in enumerate(parts))
        for bits in range(2**10)
    ]

    assert len(found(trie_of(*masks), ".".join(parts))) == 2**10


@given(st.lists(patterns), st.lists(patterns), subjects)
def test_finds_exactly_the_matching_patterns(
    added: list[Pattern], removed: list[Pattern], subject: Subject
) -> None:
    """conat-core §21, Patterns: a literal, a.b.> and a.* match just what they should, an unknown
    subject nothing.
    """
    trie = trie_of(*added)
    for pattern in removed:
        trie.remove(pattern)
    expected = {each for each in added if each not in removed and matches(each, subject)}

    assert sorted(found(trie, subject)) == sorted(expected)


def test_what_was_found_is_forgotten_when_patterns_come_and_go() -> None:
    """conat-core §21, Patterns: deleting patterns one by one leaves the others matching."""
    trie = trie_of("a.*")
    assert found(trie, "a.b") == ["a.*"]
    trie.insert(Pattern("a.b"), "old")
    assert found(trie, "a.b") == ["a.*", "old"]
    trie.insert(Pattern("a.b"), "new")
    assert found(trie, "a.b") == ["a.*", "new"]
    trie.remove(Pattern("a.*"))

    assert found(trie, "a.b") == ["new"]


def test_only_so_much_is_remembered() -> None:
    trie = trie_of("*")
    for number in range(2 * MAX_REMEMBERED):
        assert found(trie, f"x{number}") == ["*"]
    found(trie, "x" * 1_000)

    assert 0 < len(trie._found) <= MAX_REMEMBERED
    assert "x" * 1_000 not in trie._found
