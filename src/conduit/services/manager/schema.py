"""The Manager's tables. Times are seconds since 1970 (UTC); lists and maps are JSON."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

customers: Final = Table(
    "customers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(254), nullable=False, unique=True),  # in lower case
    Column("display_name", String(200), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("is_staff", Boolean, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
)

refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the token: the token itself is kept nowhere
    Column("family", String(36), nullable=False, index=True),  # all that came from one log-in
    Column("customer_id", String(36), ForeignKey("customers.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Column("successor", String(64)),  # digest of the one that was given for it; null: none, or it was taken back
)

datacenters: Final = Table(
    "datacenters",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("region", String(63), nullable=False),
    Column("created_at", Float, nullable=False),
)

gateways: Final = Table(
    "gateways",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("region", String(63), nullable=False, index=True),
    Column("endpoint", String(300), nullable=False),
    Column("tunnel_endpoint", String(300), nullable=False),
    Column("version", String(40), nullable=False),
    Column("agent_ids", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
)

machines: Final = Table(
    "machines",
    metadata,
    Column("id", String(80), primary_key=True),  # "agent/ams1-a"
    Column("kind", String(10), nullable=False),
    Column("datacenter_id", String(63), nullable=False),
    Column("region", String(63), nullable=False),
    Column("certificate_expires_at", Float, nullable=False),
    Column("last_seen", Float),
    Column("created_at", Float, nullable=False),
)

join_tokens: Final = Table(
    "join_tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("datacenter_id", String(63), nullable=False),
    Column("region", String(63), nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("created_by", String(254), nullable=False),
)

servers: Final = Table(
    "servers",
    metadata,
    Column("id", String(63), primary_key=True),
    Column("customer_id", String(36), ForeignKey("customers.id", ondelete="SET NULL"), index=True),  # null: staff
    Column("assigned_by_staff", Boolean, nullable=False),  # then the Agent's configuration does not change the owner
    Column("agent_id", String(63), nullable=False, index=True),
    Column("datacenter_id", String(63), nullable=False),
    Column("display_name", String(200), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("control_kinds", JSON, nullable=False),
    Column("sol_kind", Integer, nullable=False),
    Column("vnc_kind", Integer, nullable=False),
    Column("features", JSON, nullable=False),
    Column("discovery", Text, nullable=False),  # a message in JSON, or nothing
    Column("status", String(20), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Index("ix_servers_order", "customer_id", "id"),
)

keys: Final = Table(
    "keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("purpose", String(80), nullable=False, index=True),  # "token", "region:eu", "ca"
    Column("sealed", LargeBinary, nullable=False),  # with the master key, which is not in here
    Column("created_at", Float, nullable=False),
)

revocations: Final = Table(
    "revocations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(10), nullable=False),  # "token", "customer", "machine", "server"
    Column("target", String(80), nullable=False),
    Column("not_before", Float, nullable=False),
    Column("expires_at", Float, nullable=False),  # when the last thing that it revokes has expired anyway
    sqlite_autoincrement=True,  # a number is never given again
)
