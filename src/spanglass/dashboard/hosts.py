"""Names of hosts, as a request gives them."""

import re
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Final

THIS: Final = IPv6Address("::1")

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z_.-]+)(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)


def name_of(given: Sequence[str]) -> str | None:
    """Return the name or address that the headers `Host` of a request give, in small letters; None of no valid one."""
    match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    return match[1].strip("[]").lower().removesuffix(".") if match else None


def is_loopback(name: str) -> bool:
    """Tell whether a name or an address is this machine's own, by which no other machine is reached."""
    address = _address(name)
    if isinstance(address, IPv4Address):
        return address.is_loopback
    return address == THIS or name.lower() == "localhost"


def is_address(name: str) -> bool:
    """Tell whether a name is an IP address, which belongs to nobody who could make it lead elsewhere."""
    return _address(name) is not None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return IPv6Address(name) if ":" in name else IPv4Address(name)
    return None
