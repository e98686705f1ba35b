import pytest

from cocalc_jupyter_ext.conat.errors import CodecError
from cocalc_jupyter_ext.conat.persist.config import StreamConfig
from cocalc_jupyter_ext.conat.persist.database.config_text import config_from_rows, config_to_rows

CONFIG = StreamConfig(
    max_msgs=None,
    max_age=50,
    max_bytes=10**12,
    discard_policy="new",
    allow_msg_ttl=True,
    desc={"list": [1, None, "Ü"]},
)


def test_settings_are_kept_as_text() -> None:
    assert config_to_rows(CONFIG) == [
        ("max_msgs", "NaN"),
        ("max_age", "50"),
        ("max_bytes", "1000000000000"),
        ("max_msg_size", "-1"),
        ("max_bytes_per_second", "-1"),
        ("max_msgs_per_second", "-1"),
        ("discard_policy", "new"),
        ("allow_msg_ttl", "true"),
        ("desc", '{"list":[1,null,"Ü"]}'),
    ]


@pytest.mark.parametrize("config", [CONFIG, StreamConfig()])
def test_settings_come_back_from_their_text(config: StreamConfig) -> None:
    assert config_from_rows(config_to_rows(config)) == config


def test_unknown_and_missing_fields_do_not_matter() -> None:
    assert config_from_rows([("required_headers", "{"), ("max_msgs", "3")]) == StreamConfig(
        max_msgs=3
    )


@pytest.mark.parametrize("row", [("desc", "{"), ("allow_msg_ttl", "yes")])
def test_text_that_is_no_json_is_an_error(row: tuple[str, str]) -> None:
    with pytest.raises(CodecError):
        config_from_rows([row])
