"""Which services run beside the broker."""

from cocalc_jupyter_ext.conat.broker.broker import Broker, BrokerIdentity
from cocalc_jupyter_ext.conat.commands.server_options import ServerOptions
from cocalc_jupyter_ext.conat.commands.server_services import World, services_for
from cocalc_jupyter_ext.conat.services.rpc import call
from cocalc_jupyter_ext.conat.services.system import system_subject


def test_without_a_system_password_there_is_no_system_api() -> None:
    """conat-core §17."""
    assert services_for(ServerOptions()) == []


async def test_a_service_talks_through_the_broker_until_it_is_left() -> None:
    options = ServerOptions(system_password="secret")
    world = World(options, Broker(identity=BrokerIdentity("node-1", "default")))
    (system,) = services_for(options)

    async with world.client() as client:
        async with system(world):
            usage = await call(client, system_subject("default", "node-1"), "usage")
            assert usage == {"node-1": {"total": 2, "perUser": {'{"hub_id":"hub"}': 2}}}
        assert await client.wait_for_interest(system_subject("default", "node-1"), 0) is False
    await world.broker.stop()
