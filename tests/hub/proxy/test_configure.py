from pathlib import Path

import pytest
from traitlets.config import Config

from cocalc_hub_ext.proxy.configure import configure

OURS = "cocalc_hub_ext.proxy.proxy.CoCalcProxy"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_machine_without_the_node_proxy_gets_ours() -> None:
    c = Config()
    configure(c)
    assert c.JupyterHub.proxy_class == OURS


def test_an_installed_node_proxy_stays_the_default(folder: Path) -> None:
    command = folder / "configurable-http-proxy"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    c = Config()
    configure(c)
    assert "proxy_class" not in c.JupyterHub


@pytest.mark.usefixtures("folder")
def test_the_administrators_choice_wins() -> None:
    c = Config()
    c.JupyterHub.proxy_class = "traefik"
    configure(c)
    assert c.JupyterHub.proxy_class == "traefik"
