"""The Manager's HTTP side: RPC, REST, public keys, pages."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from quart_trio import QuartTrio

from conduit.services.api.manager.v1.admin_connect import AdminService, AdminServiceASGIApplication
from conduit.services.api.manager.v1.machine_connect import MachineService, MachineServiceASGIApplication
from conduit.services.api.manager.v1.manager_connect import BMCManagerService, BMCManagerServiceASGIApplication
from conduit.services.manager.admin_rpc import AdminRpc
from conduit.services.manager.browser import add_browser_log_in, browser_log_in_described
from conduit.services.manager.customer_rpc import CustomerRpc
from conduit.services.manager.database import Database
from conduit.services.manager.machine_rpc import MachineRpc
from conduit.services.manager.manager import Manager
from conduit.services.manager.manager_metrics import InventoryMetrics
from conduit.services.manager.rest import rest_services
from conduit.services.web.asgi import Application
from conduit.services.web.compression import COMPRESSIONS
from conduit.services.web.fronting import WebSettings, front, interceptors
from conduit.services.web.health import Checks
from conduit.services.web.metrics import WebMetrics
from conduit.services.web.openapi import document
from conduit.services.web.pages import add_pages
from conduit.services.web.rest import MAX_BODY, add_routes, answer_failures

PAGES: Final = {
    "/login": "login.html",
    "/servers": "servers.html",
    "/console/<server_id>": "console.html",
    "/display/<server_id>": "display.html",
}


def create_app(manager: Manager, database: Database, settings: WebSettings) -> Application:
    """The ASGI application."""
    customers, admin = CustomerRpc(manager), AdminRpc(manager)
    described = [BMCManagerService.desc(), AdminService.desc(), MachineService.desc()]
    metrics, inventory = WebMetrics("manager", described), InventoryMetrics(manager.registry)
    log_ins = manager.accounts.metrics
    for each in (inventory, database.seconds, log_ins.requests, log_ins.seconds, log_ins.minted):
        metrics.registry.register(each)
    metrics.refresh = inventory.refresh
    chain = interceptors(metrics)
    return front(
        metrics,
        _create_rest(manager, customers, admin),
        [
            BMCManagerServiceASGIApplication(customers, interceptors=chain, compressions=COMPRESSIONS),
            AdminServiceASGIApplication(admin, interceptors=chain, compressions=COMPRESSIONS),
            MachineServiceASGIApplication(MachineRpc(manager), interceptors=chain, compressions=COMPRESSIONS),
        ],
        described,
        checks=Checks({"database": database.check}, leaving=manager.leaving),
        settings=settings,
    )


def _create_rest(manager: Manager, customers: CustomerRpc, admin: AdminRpc) -> QuartTrio:
    rest = QuartTrio(__name__, static_folder=None)
    rest.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    services = rest_services(customers, admin)
    described = document("Conduit Manager", services, browser_log_in_described())
    for service in services:
        add_routes(rest, service)
    add_browser_log_in(rest, manager)
    add_pages(rest, PAGES, elsewhere=partial(_gateways, manager), start="/servers")
    answer_failures(rest)

    @rest.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        return manager.jwks()

    @rest.get("/openapi.json")
    async def openapi() -> dict[str, Any]:
        return described

    return rest


async def _gateways(manager: Manager) -> list[str]:
    """Origins of the Gateways that are alive."""
    urls = [urlsplit(gateway.endpoint) for gateway in await manager.registry.gateways(alive=True)]
    return sorted({f"{url.scheme}://{url.netloc}" for url in urls if url.scheme in ("http", "https") and url.netloc})
