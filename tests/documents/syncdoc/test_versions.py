"""The versions of a document, as people see them (syncdoc-jupyter §1.9)."""

from cocalc_jupyter_ext.documents.syncdoc.patch_graph import PatchGraph
from cocalc_jupyter_ext.documents.syncdoc.patches import Patch
from cocalc_jupyter_ext.documents.syncdoc.values import TextKind
from cocalc_jupyter_ext.documents.syncdoc.versions import Version, versions_of


def test_versions_are_told_oldest_first_with_their_authors() -> None:
    graph = PatchGraph(TextKind())
    graph.add(
        [
            Patch(time=20, changes=[], user_id=1, parents=(10,), version=2, wall_ms=25),
            Patch(time=10, changes=[], user_id=0, version=1),
        ]
    )

    assert versions_of(graph, ["ann", "bob"]) == [
        Version(time=10, wall_ms=10, author="ann", number=1),
        Version(time=20, wall_ms=25, author="bob", number=2),
    ]


def test_a_number_that_nobody_has_is_no_author() -> None:
    graph = PatchGraph(TextKind())
    graph.add([Patch(time=10, changes=[], user_id=-1), Patch(time=20, changes=[], user_id=1)])

    assert [version.author for version in versions_of(graph, ["ann"])] == [None, None]
