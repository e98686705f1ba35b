"""What the service's process sets up before it serves."""

import logging
from collections.abc import Iterator

import pytest

from cocalc_hub_ext.server import app

NAMES = ("cocalc", "tornado.access", "tornado.application")


@pytest.fixture
def levels() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in NAMES}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("levels")
def test_no_line_that_names_a_session_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("tornado.application").setLevel(logging.DEBUG)
    app._configure_logging()

    logging.getLogger("tornado.application").info("Setting new xsrf cookie for %r", b"session")
    logging.getLogger("cocalc.hub.server").info("started")

    assert caplog.messages == ["started"]


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_configure_logging", lambda: None)
    monkeypatch.delenv("JUPYTERHUB_SERVICE_URL", raising=False)

    with pytest.raises(SystemExit, match="'JUPYTERHUB_SERVICE_URL' is not set"):
        app.main()
