"""What BMCs say of themselves comes to the Manager: with the Agent's process, by RPC and REST."""

from __future__ import annotations

from pathlib import Path

import pytest

from conduit.services.api.common.v1.discovery_pb import DiscoveryMetadata
from conduit.services.api.manager.v1 import manager_pb
from tests.fakes.path import RunningPath, open_path, plan
from tests.fakes.path_client import Customer, eventually, gets_token

pytestmark = pytest.mark.slow


async def test_a_bmc_that_answers_is_described_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    async with open_path(tmp_path, plan("web-01"), plan("web-02")) as path:
        with path.mute("web-02"):
            await path.manager().start()
            await path.gateway().start()
            await path.process("agent").start()
            customer = path.customer()
            await eventually(lambda: gets_token(customer))
            await eventually(lambda: is_known(customer, "web-01"), "what web-01 is")
            found = await discovered(customer, "web-01")
            assert found is not None
            assert found.discovery_source == "agent1"
            assert found.discovered_at is not None
            check(found, path)
            assert await discovered(customer, "web-02") is None
            assert (await customer.power("web-01")).protocol == "ipmi-2.0"
        answer = await path.http.get(
            f"{path.seed.manager_url}/api/v1/servers/web-01", headers={"Authorization": f"Bearer {customer.access}"}
        )
        assert answer.json()["server"]["discovery_metadata"]["hardware"]["board"]["serial_number"]


def check(found: DiscoveryMetadata, path: RunningPath) -> None:
    """It is the virtual BMC's own, and no secret."""
    state = path.fleet.served["web-01"].bmc.state
    assert found.hardware is not None
    assert found.hardware.ipmi_version == "2.0"
    assert found.hardware.product_id == state.config.identity.product_id
    assert found.hardware.system_guid
    assert found.hardware.product is not None
    assert found.hardware.product.serial_number
    assert found.protocol is not None
    assert (found.protocol.primary_protocol, found.protocol.primary_version) == ("ipmi", "2.0")
    assert found.capabilities is not None
    assert {"sol", "fru"} <= set(found.capabilities.supported_features)
    text = str(found.to_json())
    assert path.fleet.plans["web-01"].password not in text
    assert str(path.fleet.served["web-01"].port) not in text


async def discovered(customer: Customer, server_id: str) -> DiscoveryMetadata | None:
    request = manager_pb.GetServerRequest(server_id=server_id)
    server = (await customer.manager("GetServer", request, manager_pb.GetServerResponse)).server
    assert server is not None
    return server.discovery_metadata


async def is_known(customer: Customer, server_id: str) -> bool:
    """For :func:`eventually`."""
    return await discovered(customer, server_id) is not None
