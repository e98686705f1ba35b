"""conat-core §16.1."""

import re
from collections import Counter

from cocalc_jupyter_ext.conat.client.identifiers import random_id


def test_an_id_is_ten_letters_and_digits() -> None:
    assert all(re.fullmatch(r"[0-9a-zA-Z]{10}", random_id()) for _ in range(1_000))


def test_ids_do_not_repeat_and_use_every_character_at_every_place() -> None:
    ids = [random_id() for _ in range(20_000)]

    assert len(set(ids)) == len(ids)
    for place in range(10):
        counts = Counter(each[place] for each in ids)
        assert len(counts) == 62
        assert min(counts.values()) > 200  # 323 are expected
