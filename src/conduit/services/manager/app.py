"""The Manager's HTTP side: its RPC services, public keys, REST."""

from __future__ import annotations

from typing import Any

from quart_trio import QuartTrio

from conduit.services.api.manager.v1.admin_connect import AdminServiceASGIApplication
from conduit.services.api.manager.v1.machine_connect import MachineServiceASGIApplication
from conduit.services.api.manager.v1.manager_connect import BMCManagerServiceASGIApplication
from conduit.services.manager.admin_rpc import AdminRpc
from conduit.services.manager.customer_rpc import CustomerRpc
from conduit.services.manager.machine_rpc import MachineRpc
from conduit.services.manager.manager import Manager
from conduit.services.web.composing import compose
from conduit.services.web.errors import Errors


def create_app(manager: Manager) -> Any:
    """The ASGI application."""
    rest = QuartTrio(__name__)

    @rest.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        return manager.jwks()

    return compose(
        rest,
        [
            BMCManagerServiceASGIApplication(CustomerRpc(manager), interceptors=[Errors()]),
            AdminServiceASGIApplication(AdminRpc(manager), interceptors=[Errors()]),
            MachineServiceASGIApplication(MachineRpc(manager), interceptors=[Errors()]),
        ],
    )
