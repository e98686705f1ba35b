"""The command line of ``conat-persist``."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.commands.persist_options import PersistOptions, parse_options
from cocalc_jupyter_ext.conat.persist.server.service import PersistSettings


def options(*arguments: str, **environ: str) -> PersistOptions:
    return parse_options(["--data", "/data", *arguments], environ)


def test_only_the_folder_is_needed() -> None:
    assert options() == PersistOptions(server="http://127.0.0.1:3000", root=Path("/data/sync"))


def test_everything_can_be_said() -> None:
    assert options(
        *("--server", "http://h:1/b", "--service", "persist:a:b", "--id", "1", "--ids", "0,1,2"),
        *("--archive", "/a", "--backup", "/b", "--archive-interval", "5"),
        *("--connect-timeout", "2", "--verbose"),
    ) == PersistOptions(
        server="http://h:1/b",
        root=Path("/data/sync"),
        service="persist:a:b",
        server_id="1",
        ids=("0", "1", "2"),
        settings=PersistSettings(archive=Path("/a"), backup=Path("/b"), archive_interval_s=5),
        connect_timeout_s=2,
        verbose=True,
    )


def test_without_a_balancer_there_are_no_ids() -> None:
    assert options("--no-balancer").ids == ()


def test_the_environment_names_the_server_and_the_credentials() -> None:
    given = options(CONAT_SERVER="http://h", CONAT_HUB_PASSWORD="a b", CONAT_TOKEN="t")

    assert given.server == "http://h"
    assert given.headers == {"Cookie": "hub_password=a%20b", "Authorization": "token t"}
    assert "a%20b" not in repr(given)


def test_a_password_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")

    given = options("--hub-password-file", str(file))

    assert given.headers == {"Cookie": "hub_password=secret"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--ids", "1,2"], "must hold the --id"),
        (["--ids", "0,1,0"], "names a server twice"),
        (["--ids", "0,a.b"], "a.b"),
        (["--ids", "0,1", "--no-balancer"], "not allowed with"),
        (["--id", "a.b"], "one word"),
        (["--service", "*"], "one word"),
        (["--hub-password-file", "/nowhere"], "cannot read the secret"),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        options(*arguments)

    assert end.value.code == 2
    assert reason in capsys.readouterr().err


def test_a_folder_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options([], {})

    assert "--data" in capsys.readouterr().err
