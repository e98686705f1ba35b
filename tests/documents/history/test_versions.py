"""Which versions a document has, page by page."""

from cocalc_jupyter_ext.documents.history.versions import page_of_versions, version_entry
from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind

USERS = ["project", "ann"]


def patch(time: int, *parents: int, user_id: int = 1) -> Patch:
    return Patch(
        time=time, changes=[], user_id=user_id, parents=parents, version=time, wall_ms=time + 7
    )


def chain(count: int) -> PatchGraph[str]:
    graph = PatchGraph(TextKind())
    graph.add(patch(time, *([time - 1] if time > 1 else [])) for time in range(1, count + 1))
    return graph


def test_the_newest_versions_come_first() -> None:
    page = page_of_versions(chain(5), USERS, limit=2)

    assert [version.time for version in page.versions] == [5, 4]
    assert page.has_more


def test_pages_follow_one_another_without_gap_or_overlap() -> None:
    graph = chain(5)
    seen: list[int] = []
    before, has_more = None, True
    while has_more:
        page = page_of_versions(graph, USERS, before=before, limit=2)
        seen += [version.time for version in page.versions]
        before, has_more = seen[-1], page.has_more

    assert seen == [5, 4, 3, 2, 1]


def test_a_page_that_ends_with_the_first_version_is_the_last() -> None:
    graph = chain(4)

    assert not page_of_versions(graph, USERS, limit=4).has_more
    assert page_of_versions(graph, USERS, limit=3).has_more
    second = page_of_versions(graph, USERS, before=3, limit=2)
    assert [version.time for version in second.versions] == [2, 1]
    assert not second.has_more


def test_what_was_committed_while_away_stands_where_its_time_is() -> None:
    graph = chain(3)
    graph.add([patch(10, 3), patch(11, 10)])
    graph.add([patch(4, 3, user_id=0), patch(5, 4, user_id=0)])

    first = page_of_versions(graph, USERS, limit=3)
    second = page_of_versions(graph, USERS, before=5, limit=3)

    assert [(each.time, each.author) for each in first.versions] == [
        (11, "ann"),
        (10, "ann"),
        (5, "project"),
    ]
    assert [each.time for each in second.versions] == [4, 3, 2]
    assert second.has_more


def test_nothing_is_older_than_the_first_version() -> None:
    assert page_of_versions(chain(5), USERS, before=1, limit=2).versions == ()
    assert page_of_versions(PatchGraph(TextKind()), USERS, limit=2).versions == ()


def test_versions_that_cannot_be_shown_are_not_listed() -> None:
    graph = chain(2)
    graph.add([patch(9, 8)])

    assert [version.time for version in page_of_versions(graph, USERS, limit=9).versions] == [2, 1]


def test_a_version_says_when_it_was_made_and_by_whom() -> None:
    assert version_entry(patch(3), USERS).to_json() == {
        "version": 3,
        "wall": 10,
        "author": "ann",
        "number": 3,
        "size": 0,
    }


def test_an_author_whom_the_document_does_not_know_is_nobody() -> None:
    assert version_entry(patch(3, user_id=2), USERS).author is None
    assert version_entry(patch(3, user_id=-1), USERS).author is None
