"""The commands of a persist socket (conat-sync §1.4, §1.5)."""

from typing import Any

import pytest

from cocalc_jupyter_ext.conat.client.subscription import Message
from cocalc_jupyter_ext.conat.errors import RemoteError
from cocalc_jupyter_ext.conat.persist.access import StorageOptions
from cocalc_jupyter_ext.conat.persist.errors import Rejected, StoreError
from cocalc_jupyter_ext.conat.persist.messages import NewMessage, StoredMessage
from cocalc_jupyter_ext.conat.persist.server.requests import (
    Command,
    Config,
    Delete,
    Get,
    GetAll,
    Keys,
    Reply,
    Selection,
    ServerId,
    Set,
    SetMany,
    Sqlite,
    StartChangefeed,
    TakeInventory,
    failure,
    found,
    parse_command,
    parse_selection,
    wait_s_of,
)
from cocalc_jupyter_ext.conat.protocol.codec import decode, encode


def request(headers: Any, raw: bytes = b"\xc0", encoding: int = 0) -> Message:
    return Message("persist.hub.server.0.sid", encoding, raw, headers)


@pytest.mark.parametrize(
    ("headers", "command"),
    [
        ({"cmd": "set"}, Set(NewMessage(raw=b"\xc0"))),
        (
            {"cmd": "set", "headers": {"h": "x"}, "key": "k", "msgID": "m", "ttl": 5},
            Set(NewMessage(raw=b"\xc0", headers={"h": "x"}, key="k", msg_id="m", ttl_ms=5)),
        ),
        ({"cmd": "get", "seq": 1, "key": "k"}, Get(1, "k")),
        ({"cmd": "get", "seq": 0}, Get(None, None)),
        ({"cmd": "get", "key": ""}, Get(None, "")),
        ({"cmd": "getAll"}, GetAll(None, None)),
        ({"cmd": "getAll", "start_seq": 2, "end_seq": 9}, GetAll(2, 9)),
        ({"cmd": "delete"}, Delete(all=False, last_seq=None, seq=None, seqs=None)),
        ({"cmd": "delete", "all": True}, Delete(all=True, last_seq=None, seq=None, seqs=None)),
        (
            {"cmd": "delete", "last_seq": 3, "seq": 2, "seqs": [1]},
            Delete(all=False, last_seq=3, seq=2, seqs=[1]),
        ),
        ({"cmd": "config"}, Config(None)),
        ({"cmd": "config", "config": {"max_msgs": 2}}, Config({"max_msgs": 2})),
        ({"cmd": "inventory"}, TakeInventory()),
        ({"cmd": "keys"}, Keys()),
        ({"cmd": "changefeed"}, StartChangefeed()),
        ({"cmd": "serverId"}, ServerId()),
        ({"cmd": "sqlite", "statement": "SELECT 1"}, Sqlite()),
    ],
)
def test_commands(headers: dict[str, Any], command: Command) -> None:
    assert parse_command(request(headers)) == command


def test_the_payload_of_set_is_not_looked_at() -> None:
    """conat-sync §8.3: bytes and encoding untouched."""
    command = parse_command(request({"cmd": "set"}, b"no value of any encoding", encoding=9))

    assert command == Set(NewMessage(raw=b"no value of any encoding", encoding=9))


def test_an_item_of_set_many_that_makes_no_sense_is_an_error_of_its_own() -> None:
    items = [{"messageData": {"encoding": 0, "raw": b"1"}}, {"messageData": {}}]

    command = parse_command(request({"cmd": "setMany"}, encode(items)))

    assert isinstance(command, SetMany)
    assert command.items[0] == NewMessage(raw=b"1")
    assert isinstance(command.items[1], StoreError)


@pytest.mark.parametrize(
    "headers",
    [
        {"cmd": "setMany"},
        {"cmd": "set", "key": 1},
        {"cmd": "get", "seq": "1"},
        {"cmd": "getAll", "start_seq": 1.5},
        {"cmd": "delete", "seqs": ["1"]},
        {"cmd": "delete", "seqs": [True]},
        {"cmd": "config", "config": 5},
    ],
)
def test_values_of_the_wrong_type_are_refused(headers: dict[str, Any]) -> None:
    with pytest.raises(StoreError):
        parse_command(request(headers))


@pytest.mark.parametrize("headers", [{"cmd": "nonsense"}, {"cmd": None}, {}, None, "text"])
def test_an_unknown_command_is_named_with_code_404(headers: Any) -> None:
    with pytest.raises(RemoteError, match="unknown command") as refusal:
        parse_command(request(headers))

    assert refusal.value.code == 404


def test_the_selection_of_the_contract() -> None:
    """conat-sync §8.3: the selection; failures as nil with headers."""
    wire = bytes.fromhex(
        "82a773746f7261676582a470617468a76875622f666f6fa9657068656d6572616cc2aa6368616e676566656564c2"
    )

    assert parse_selection(decode(wire)) == Selection(StorageOptions("hub/foo"))


def test_a_selection_may_ask_for_changes_memory_and_durability() -> None:
    storage = {"path": "hub/foo", "ephemeral": True, "sync": True}

    assert parse_selection({"storage": storage, "changefeed": True}) == Selection(
        StorageOptions("hub/foo", ephemeral=True, sync=True), changefeed=True
    )


def test_what_clients_have_no_say_in_is_ignored() -> None:
    storage = {"path": "hub/foo", "noCache": True, "archive": "/", "backup": "/"}

    assert parse_selection({"storage": storage}) == Selection(StorageOptions("hub/foo"))


@pytest.mark.parametrize("value", [None, [], {}, {"storage": None}, {"storage": {"path": 5}}])
def test_the_first_message_must_select_a_stream(value: object) -> None:
    with pytest.raises(StoreError, match="must select a stream"):
        parse_selection(value)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [({"timeout": 1500}, 1.5), ({}, 30), ({"timeout": 0}, 30), ({"timeout": "x"}, 30), (None, 30)],
)
def test_a_command_says_how_long_it_waits(headers: Any, wait_s: float) -> None:
    assert wait_s_of(request(headers)) == wait_s


def test_a_miss_has_neither_payload_nor_headers() -> None:
    assert found(None) == Reply(value=None, raw=None, headers=None)


def test_what_is_found_carries_its_number_time_and_key_over_headers_of_the_user() -> None:
    message = StoredMessage(
        seq=2, time_ms=5, raw=b"x", encoding=1, key="k", headers={"h": "x", "seq": "mine"}
    )

    reply = found(message)

    assert (reply.raw, reply.encoding) == (b"x", 1)
    assert reply.headers == {"h": "x", "seq": 2, "time": 5, "key": "k"}


def test_a_message_without_key_shows_none() -> None:
    message = StoredMessage(seq=2, time_ms=5, raw=b"x", headers={"key": "mine"})

    assert found(message).headers == {"seq": 2, "time": 5}


def test_a_failure_is_told_in_headers() -> None:
    reply = failure(Rejected("max_msgs limit reached"))

    assert reply == Reply(headers={"error": "Error: max_msgs limit reached", "code": "reject"})
