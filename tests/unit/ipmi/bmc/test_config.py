from __future__ import annotations

import pytest

from conduit.errors import LocalProtocolError
from conduit.ipmi.bmc import BmcConfig, Misbehaviour, UserConfig, VirtualBmc
from conduit.rmcp.packets import AuthType
from conduit.rmcp.privilege import Privilege
from tests.wired import seeded_entropy

WHOLE = """
running = true
power_on_hours = 12

[[users]]
name = "admin"
password = "topsecret"

[[users]]
name = "joe"
password = "j"
privilege = "user"
session_limit = 2

[identity]
manufacturer_id = 7244
guid = "00112233-4455-6677-8899-aabbccddeeff"

[plus]
suites = [3, 17]
kg = "key of keys"

[lan]
auth_types = ["none", "md5"]
per_message = false

[limits]
idle_timeout = 5
sessions = 4

[lock_out]
attempts = 3

[timings]
power_on = 0.5

[faults]
drop_rate = 0.1
misbehaviours = ["wrong-suite", "bad_checksums"]
"""


def test_a_whole_file() -> None:
    config = BmcConfig.from_toml(WHOLE)
    assert config.users[1] == UserConfig(name=b"joe", password=b"j", privilege=Privilege.USER, session_limit=2)
    assert config.identity.guid == bytes.fromhex("ffeeddccbbaa99887766554433221100")
    assert config.plus.suites == (3, 17)
    assert config.plus.kg == b"key of keys"
    assert config.lan.auth_types == {AuthType.NONE, AuthType.MD5}
    assert (config.limits.idle_timeout, config.limits.sessions, config.lock_out.attempts) == (5.0, 4, 3)
    assert config.faults.misbehaviours == {Misbehaviour.WRONG_SUITE, Misbehaviour.BAD_CHECKSUMS}
    assert (config.running, config.power_on_hours, config.timings.power_on) == (True, 12, 0.5)
    assert "secret" not in repr(config)
    assert "key of keys" not in repr(config)


def test_an_empty_file_is_the_default() -> None:
    assert BmcConfig.from_toml("") == BmcConfig()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("= 3", "not a TOML file"),
        ("runing = true", "unknown key 'runing'"),
        ("running = 1", "running: 1 is no bool"),
        ("power_on_hours = true", "power_on_hours"),
        ("plus = 3", "a table belongs here"),
        ("users = 3", "a list belongs here"),
        ("[plus]\nsuites = [20]", "a cipher suite is 20"),
        ("[plus]\nkg = 5", "kg: a string"),
        ("[lan]\nauth_types = ['rot13']", "'rot13' is none of"),
        ("[lan]\nauth_types = ['rmcp_plus']", "auth types are"),
        ("[identity]\nguid = 'x'", "guid"),
        ("[[users]]\nname = 'seventeen letters'", "a user name has 17"),
        ("[[users]]\npassword = 'more than twenty bytes'", "a password has 22"),
        ("[[users]]\nprivilege = true", "privilege"),
        ("[limits]\nsessions = 64", "sessions is 64"),
        ("[limits]\nhalf_open = 0", "half_open is 0"),
        ("[limits]\nidle_timeout = nan", "idle_timeout is nan"),
        ("[limits]\nhalf_open_timeout = -1", "half_open_timeout is -1"),
        ("[lock_out]\nattempts = -1", "attempts is -1"),
        ("[timings]\npost = nan", "post is nan"),
        ("[faults]\ndrop_rate = 7", "drop_rate is 7"),
        ("[faults]\nseed = 9223372036854775808", "seed is 9223372036854775808"),
        ("[identity]\nfirmware_major = 300", "firmware_major is 300"),
        ("[identity]\nmanufacturer_id = -1", "manufacturer_id is -1"),
        ("power_on_hours = -4", "power_on_hours is -4"),
    ],
)
def test_mistakes_are_named(text: str, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        BmcConfig.from_toml(text)


def test_two_users_cannot_have_one_name() -> None:
    twice = (UserConfig(name=b"a", password=b"1"), UserConfig(name=b"a", password=b"2"))
    with pytest.raises(LocalProtocolError, match="same name"):
        VirtualBmc(BmcConfig(users=twice), entropy=seeded_entropy())
