"""What there is to say of a key of the configuration: its type, its bounds, what it is for, and how it is shown."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from attrs import field, frozen

from net.config_bounds import Bound

T = TypeVar("T")


def mask_whole(value: Any) -> Any:  # noqa: ANN401 (a mask takes the value of any key)
    """Shows that something is set, and nothing of it."""
    return type(value)("***" for _ in value) if isinstance(value, tuple) else "***" if value else value


def mask_password(value: str) -> str:
    """A URL without the password in it."""
    value = re.sub(r"(?<=//)([^:@/]*):.*@", r"\1:***@", value)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", value)


@frozen
class About:
    """What a field says of itself, besides its type and its default."""

    bound: Bound
    doc: str
    mask: Callable[[Any], Any] | None


def key(default: T, bound: Bound, doc: str, *, mask: Callable[[Any], Any] | None = None) -> T:
    """The field of a section's class: its default, what it admits, what it is for, and how it is shown."""

    def check(_instance: object, attribute: "attrs.Attribute[T]", value: T) -> None:
        if not bound.admits(value):
            raise ValueError(f"{attribute.name} must be {bound.expected}")

    # What is masked where the configuration is shown is masked in a repr too: that may end up anywhere.
    shown = True if mask is None else lambda value: repr(mask(value))
    return field(default=default, validator=check, repr=shown, metadata={About: About(bound, doc, mask)})


@frozen
class Key:
    """One key of the configuration, as the loader, the help and the checked-in file see it."""

    section: str
    name: str
    type: Any
    default: Any
    bound: Bound
    doc: str
    mask: Callable[[Any], Any] | None

    @property
    def dotted(self) -> str:
        """`server.port`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """`CROUPIER_SERVER_PORT`."""
        return f"CROUPIER_{self.section}_{self.name}".upper()

    def __str__(self) -> str:
        """`[server] port`."""
        return f"[{self.section}] {self.name}"


def keys_of(section: str, cls: type[Any]) -> dict[str, Key]:
    """The keys of a section, by name, in order."""
    keys = {}
    for attribute in attrs.fields(cls):
        about = attribute.metadata[About]
        keys[attribute.name] = Key(
            section, attribute.name, attribute.type, attribute.default, about.bound, about.doc, about.mask
        )
    return keys
