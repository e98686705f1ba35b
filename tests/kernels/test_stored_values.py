"""What clients keep with the project for a while (syncdoc-jupyter §4.9)."""

from cocalc_jupyter_ext.kernels.stored_values import MAX_STORED, MAX_STORED_CHARS, StoredValues


def test_a_value_is_kept_until_it_is_forgotten_or_taken():
    values = StoredValues()
    assert values.set("a", "secret")
    assert values.get("a") == "secret"
    assert values.take("a") == "secret"
    assert values.get("a") is None
    assert values.take("a") is None
    values.set("a", 1)
    values.set("a", None)
    assert values.get("a") is None


def test_the_number_of_values_is_bounded():
    values = StoredValues()
    assert all(values.set(str(number), 1) for number in range(MAX_STORED))
    assert not values.set("one more", 1)
    assert values.set("0", 2)


def test_the_size_of_all_values_together_is_bounded():
    values, half = StoredValues(), "x" * (MAX_STORED_CHARS // 2)
    assert values.set("a", {"text": half})
    assert not values.set("b", half)
    assert values.set("a", half[100:])
    assert values.set("b", half[100:])
    values.take("a")
    assert values.set("c", half[100:])
    assert values.get("b") == half[100:]
