"""Write the tables of the API's reference from the tables in the code: `python -m tools.describe_api`.

The words around them stay as they are: what is between the marks of a table is replaced. A test compares the committed
page with what this writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from protobuf import DescService

from conduit.services.api.gateway.v1.gateway_connect import GatewayService
from conduit.services.api.manager.v1.admin_connect import AdminService
from conduit.services.api.manager.v1.machine_connect import MachineService
from conduit.services.api.manager.v1.manager_connect import BMCManagerService
from conduit.services.gateway.operations import OPERATIONS
from conduit.services.gateway.rest import ROUTES
from conduit.services.manager.rest import ADMIN_ROUTES, CUSTOMER_ROUTES
from conduit.services.web.errors import STATUSES
from conduit.services.web.rest import Route

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "api.md"
SERVICES: Final = (BMCManagerService, AdminService, MachineService, GatewayService)
_TABLE: Final = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def routes(table: Sequence[Route]) -> Iterator[str]:
    """REST's operations."""
    yield from ("| verb | path | method | |", "|---|---|---|---|")
    for route in table:
        methods = ", ".join(f"`{word}`: {method}" for word, method in route.choices.items()) or route.method
        words = f"{route.summary} No token." if route.public else route.summary
        yield f"| {route.verb} | `{route.path}` | {methods} | {words} |"


def services() -> Iterator[str]:
    """RPC's methods, by service."""
    yield from ("| service | methods |", "|---|---|")
    for service in SERVICES:
        described: DescService = service.desc()
        yield f"| `{described.type_name}` | {', '.join(method.name for method in described.methods)} |"


def permissions() -> Iterator[str]:
    """What each operation needs."""
    yield from ("| permission | methods |", "|---|---|")
    for permission in sorted({operation.permission for operation in OPERATIONS.values()}):
        names = [name for name, operation in OPERATIONS.items() if operation.permission == permission]
        yield f"| `{permission}` | {', '.join(names)} |"


def codes() -> Iterator[str]:
    """RPC's codes and REST's statuses."""
    yield from ("| code | status |", "|---|---|")
    for code, status in STATUSES.items():
        yield f"| `{code.value}` | {int(status)} {status.phrase} |"


TABLES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "customers": lambda: routes(CUSTOMER_ROUTES),
    "admin": lambda: routes(ADMIN_ROUTES),
    "gateway": lambda: routes(ROUTES),
    "services": services,
    "permissions": permissions,
    "codes": codes,
}


def page(present: str) -> str:
    """The page with its tables as they should be."""

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}{chr(10).join(TABLES[found['name']]())}\n{found[3]}"

    return _TABLE.sub(table, present)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
