"""JupyterLab's layout and settings, for each person on their own.

JupyterLab keeps one of each for a server, because a server usually has one user. Below a hub a
project's server has many: what one of them opened, or chose as theme, would be what the others
find after a reload. So everybody but the hub user whose server it is gets folders of their own
below the stock ones.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from jupyterlab_server.settings_handler import SettingsHandler
from jupyterlab_server.translations_handler import TranslationsHandler
from jupyterlab_server.workspaces_handler import WorkspacesHandler, WorkspacesManager
from tornado.routing import Rule, RuleRouter
from tornado.web import Application

__all__ = ["folder_of", "install"]

_OWNER = "cocalc_jupyter_ext.owner_of_lab_folders"


def install(server: Application, owner: str) -> None:
    """Let the stock handlers of a server use folders of each person; ``owner`` keeps theirs."""
    server.settings[_OWNER] = owner
    for rule in _rules(server.default_router):
        if isinstance(rule.target, type):
            rule.target = _PERSONAL.get(rule.target, rule.target)


def folder_of(folder: str | Path, name: str) -> Path:
    """Return where a person's files are below ``folder``, whatever characters the name has."""
    return Path(folder) / "people" / f"@{quote(name, safe='')}"


def _rules(router: RuleRouter) -> Iterator[Rule]:
    for rule in router.rules:
        if isinstance(rule.target, RuleRouter):
            yield from _rules(rule.target)
        else:
            yield rule


def _own(handler: JupyterHandler, folder: str | Path) -> Path:
    user = handler.current_user
    is_owner = user is None or user.username == handler.settings[_OWNER]
    return Path(folder) if is_owner else folder_of(folder, user.username)


class _Workspaces(WorkspacesHandler):
    async def prepare(self, **options: Any) -> None:
        await super().prepare(**options)
        self.manager = WorkspacesManager(str(_own(self, self.manager.workspaces_dir)))


class _Settings(SettingsHandler):
    async def prepare(self, **options: Any) -> None:
        await super().prepare(**options)
        self.settings_dir = str(_own(self, self.settings_dir))


class _Translations(TranslationsHandler):
    async def prepare(self, **options: Any) -> None:
        await super().prepare(**options)
        self.settings_dir = str(_own(self, self.settings_dir))


_PERSONAL: dict[type, type] = {
    WorkspacesHandler: _Workspaces,
    SettingsHandler: _Settings,
    TranslationsHandler: _Translations,
}
