from cocalc_jupyter_ext.kernels.message_parts import display_id_of, mapping, objects, texts


def test_parts_are_taken_as_they_are() -> None:
    assert mapping({"a": 1}) == {"a": 1}
    assert objects([{"a": 1}, {"b": 2}]) == ({"a": 1}, {"b": 2})
    assert texts(["a", "b"]) == ["a", "b"]
    assert display_id_of({"transient": {"display_id": "d"}}) == "d"


def test_parts_that_are_something_else_are_passed_over() -> None:
    for strange in (None, 3, "text", [1], True):
        assert mapping(strange) == {}
        assert objects(strange) == ()
        assert display_id_of({"transient": strange}) is None
        assert display_id_of({"transient": {"display_id": strange}}) in {None, "text"}
    assert objects([None, {"a": 1}, "x"]) == ({"a": 1},)
    assert texts(None) == texts("text") == []
    assert texts([1, None]) == ["1", "None"]
