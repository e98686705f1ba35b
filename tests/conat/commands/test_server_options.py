"""The command line of ``conat-server``: what it means, and what it refuses."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.conat.broker.limits import BrokerLimits
from cocalc_jupyter_ext.conat.commands.server_options import ServerOptions, parse_options


@pytest.fixture
def secret(tmp_path: Path) -> str:
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    return str(file)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what is said about a command line that must end with 2."""
    with pytest.raises(SystemExit) as ended:
        parse_options(arguments, {})
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_the_defaults_are_open_to_this_machine_alone() -> None:
    assert parse_options(["--no-persist"], {}) == ServerOptions()
    assert ServerOptions().host == "127.0.0.1"
    assert ServerOptions().limits == BrokerLimits()


def test_everything_can_be_set(tmp_path: Path, secret: str) -> None:
    options = parse_options(
        [
            "--host=0.0.0.0",
            "--port=0",
            "--base-path=/a/b/",
            f"--data={tmp_path}",
            "--id=node-1",
            "--cluster-name=default",
            "--max-subscriptions-per-client=3",
            "--max-subscriptions-per-hub=4",
            "--max-connections-per-user=5",
            "--max-connections=6",
            f"--system-password-file={secret}",
            f"--hub-password-file={secret}",
            "--allow-origin=https://a",
            "--allow-origin=https://b",
            "--verbose",
        ],
        {},
    )

    assert options == ServerOptions(
        host="0.0.0.0",
        port=0,
        base_path="/a/b",
        data_dir=tmp_path,
        server_id="node-1",
        cluster_name="default",
        limits=BrokerLimits(
            max_subscriptions_per_client=3,
            max_subscriptions_per_hub=4,
            max_connections_per_user=5,
            max_connections=6,
        ),
        system_password="hunter2",
        hub_password="hunter2",
        allowed_origins=frozenset({"https://a", "https://b"}),
        verbose=True,
    )


def test_secrets_may_come_from_the_environment_and_are_not_shown() -> None:
    environ = {"CONAT_SYSTEM_PASSWORD": "hunter2", "CONAT_HUB_PASSWORD": "hunter3"}
    options = parse_options(["--no-persist"], environ)

    assert (options.system_password, options.hub_password) == ("hunter2", "hunter3")
    assert "hunter" not in repr(options)


def test_persistence_needs_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "--data DIR" in refused(capsys)
    assert parse_options(["--no-persist", f"--data={tmp_path}"], {}).data_dir is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
@pytest.mark.parametrize("more", [[], ["--cookie-users"]])
def test_other_machines_are_let_in_only_when_everybody_is_asked(
    capsys: pytest.CaptureFixture[str], host: str, more: list[str]
) -> None:
    said = refused(capsys, "--no-persist", "--host", host, *more)

    assert "add --hub-password-file FILE, or use --host 127.0.0.1" in said


def test_a_system_password_alone_asks_nobody(
    capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    arguments = ["--no-persist", "--host=0.0.0.0", f"--system-password-file={secret}"]

    assert "--hub-password-file" in refused(capsys, *arguments)


@pytest.mark.parametrize("arguments", [["--fail-auth=no"], ["--hub-password-file={secret}"]])
def test_a_server_that_asks_everybody_may_be_open(arguments: list[str], secret: str) -> None:
    more = [each.format(secret=secret) for each in arguments]

    assert parse_options(["--no-persist", "--host=0.0.0.0", *more], {}).asks_everybody


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--port=65536"], "not a port"),
        (["--port=-1"], "whole number"),
        (["--max-connections=x"], "whole number"),
        (["--base-path=a b"], "not a base path"),
        (["--id=a.b"], "must be one word"),
        (["--cluster-name=*"], "must be one word"),
        (["--host=no such host"], "error"),
        (["--cookie-users", "--fail-auth=x"], "not allowed with"),
        (["--hub-password-file=/nowhere"], "cannot read the secret"),
        (["--system-password=x"], "unrecognized"),
        (["surplus"], "unrecognized"),
    ],
)
def test_mistakes_are_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    assert word in refused(capsys, "--no-persist", *arguments)


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_options([flag], {})

    assert ended.value.code == 0
    assert "conat-server" in capsys.readouterr().out


def test_other_kinds_of_users_leave_the_hub_password_of_the_environment_alone() -> None:
    environ = {"CONAT_HUB_PASSWORD": "hunter3"}

    assert parse_options(["--no-persist", "--cookie-users"], environ).hub_password is None
