"""The secret stays, and stays secret."""

from pathlib import Path

import pytest

from cocalc_hub_ext.server.cookie_secret import DamagedSecretError, load_cookie_secret


def test_a_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    secret = load_cookie_secret(path)

    assert len(secret) == 64
    assert load_cookie_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_but_the_secret_is_left_in_the_folder(tmp_path: Path) -> None:
    load_cookie_secret(tmp_path / "secret")

    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_file_without_a_whole_secret_signs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"")

    with pytest.raises(DamagedSecretError, match="Delete it"):
        load_cookie_secret(path)


def test_secrets_differ(tmp_path: Path) -> None:
    assert load_cookie_secret(tmp_path / "a") != load_cookie_secret(tmp_path / "b")
