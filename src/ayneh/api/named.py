"""Things by name, for Python: an unknown name raises UserError with the nearest one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from ayneh.errors import UserError, unknown

T = TypeVar("T")


class ByName(dict[str, T]):
    """The same as a plain dictionary, which pandas takes."""

    def __init__(self, things: Mapping[str, T], what: str, none: str) -> None:
        """what: how the sentence calls such a thing; none: the sentence where there are none."""
        super().__init__(things)
        self._what, self._none = what, none

    def __missing__(self, name: object) -> T:
        raise unknown(self._what, str(name), self) if self else UserError(self._none)


class Named(Mapping[str, T]):
    """A mapping, whose ``in`` and ``get`` do not raise. ``_what``: how the sentence calls such a thing."""

    _what: ClassVar[str]

    def __init__(self, things: Mapping[str, Any]) -> None:
        self._things = things

    def __getitem__(self, name: str) -> T:
        if not isinstance(name, str) or name not in self._things:  # a list has no hash
            raise unknown(self._what, name, self._things)
        return self._of(name)

    def _of(self, name: str) -> T:
        thing: T = self._things[name]
        return thing

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def get(self, name: str, default: Any = None) -> Any:
        """What has this name, or ``default`` where nothing has."""
        if name not in self:
            return default
        return self[name]
