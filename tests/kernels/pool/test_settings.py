"""The pool's environment variables (syncdoc-jupyter §5)."""

from pathlib import Path

import pytest

from cocalc_jupyter_ext.kernels.pool.settings import PoolSettings, settings_from_environment

HOME = Path("/home/u")


def settings(**variables: str) -> PoolSettings:
    env = {f"COCALC_JUPYTER_POOL_{name}": value for name, value in variables.items()}
    return settings_from_environment(env, HOME)


def test_the_defaults_are_those_of_the_contract() -> None:
    assert settings() == PoolSettings(
        size=1,
        timeout_s=3600,
        launch_delay_s=7.5,
        config_file=HOME / ".config" / "cocalc-jupyter-pool",
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("3", 3),
        ("10", 10),
        ("11", 10),
        ("2.0", 2),
        ("-1", 0),
        ("many", 0),
        ("", 1),
        ("inf", 0),
        ("nan", 0),
        (" 4 ", 4),
    ],
)
def test_the_size_is_at_most_10_and_0_if_it_makes_no_sense(text: str, size: int) -> None:
    assert settings(SIZE=text).size == size


def test_empty_variables_are_ignored() -> None:
    empty = settings(SIZE="", TIMEOUT_S="", LAUNCH_DELAY_MS="", CONFIG_FILENAME="", CONFIG_DIR="")

    assert empty == settings()


def test_times_and_file_can_be_chosen() -> None:
    chosen = settings(
        TIMEOUT_S="60", LAUNCH_DELAY_MS="100", CONFIG_FILENAME="x", CONFIG_DIR="/etc/pool"
    )

    assert (chosen.timeout_s, chosen.launch_delay_s) == (60, 0.1)
    assert chosen.config_file == Path("/etc/pool/x")


def test_the_file_stays_in_its_folder() -> None:
    assert settings(CONFIG_FILENAME="../../x").config_file == HOME / ".config" / "x"
