"""The import contracts in pyproject.toml are only as good as their lists of modules."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("rmcp", "ipmi", "ipmi/bmc", "console")


def test_every_protocol_module_is_on_a_layer() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = " ".join(layer for contract in contracts for layer in contract.get("layers", ()))
    listed = set(layers.replace("(", " ").replace(")", " ").split())
    missing = [name for package in PACKAGES for name in modules_of(package) if name not in listed]
    assert not missing, "add to the layers contract of its package, in pyproject.toml"


def modules_of(package: str) -> list[str]:
    folder = ROOT / "src" / "conduit" / package
    dotted = f"conduit.{package.replace('/', '.')}"
    found = (path for path in folder.glob("*") if path.suffix == ".py" or (path / "__init__.py").exists())
    return [f"{dotted}.{path.stem}" for path in sorted(found) if path.stem != "__init__"]
