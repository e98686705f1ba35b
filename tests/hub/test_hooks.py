"""The pre-spawn hook protects projects first and then does what was configured."""

from types import SimpleNamespace

import pytest
from jupyterhub.auth import Authenticator
from jupyterhub.spawner import SpawnException

from cocalc_hub_ext.auth.demo import DemoAuthenticator
from cocalc_hub_ext.auth.project_safe import protect
from cocalc_hub_ext.hooks import PreSpawn


async def test_an_authenticator_without_protection_starts_nothing() -> None:
    spawner = SimpleNamespace(authenticator=Authenticator())

    with pytest.raises(SpawnException, match="Set it before"):
        await PreSpawn()(spawner)


@pytest.mark.parametrize("kind", [DemoAuthenticator, protect(Authenticator)])
async def test_a_protected_authenticator_may_start_projects(kind: type[Authenticator]) -> None:
    await PreSpawn()(SimpleNamespace(authenticator=kind()))


async def test_the_configured_hook_runs_whether_it_is_a_coroutine_or_not() -> None:
    seen = []
    spawner = SimpleNamespace(authenticator=DemoAuthenticator())

    async def later(given: object) -> None:
        seen.append(("later", given))

    await PreSpawn(lambda given: seen.append(("now", given)))(spawner)
    await PreSpawn(later)(spawner)

    assert seen == [("now", spawner), ("later", spawner)]
