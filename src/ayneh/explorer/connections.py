"""Connections to the explorer: how long each may take to ask and to read its answer, and how many there may be."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True)
class Limits:
    """What a connection may take."""

    ask_s: float = 10.0
    """For the whole head of a request, from the beginning of the connection or the end of the last answer."""
    take_s: float = 30.0
    """Without a byte of an answer taken."""
    connections: int = 100
    """At once; a further one takes the place of the one that has waited longest."""
    head_bytes: int = 16 * 1024
    """Of a request: its path and its headers."""


class Connection(H11Protocol):
    """uvicorn's connection with deadlines, which uvicorn has only between two requests."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for the connection where there is none, and begin to watch it."""
        self.since, self._left = self.loop.time(), 0
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            others = [cast(Connection, one) for one in self.connections]
            # First those that ask nothing, then those that do not take their answers; the oldest of them.
            idle = [one for one in others if one is not self and (not one.busy() or one.left())]
            victim = min(idle, key=lambda one: (one.busy(), one.since), default=self)
            self.connections.discard(victim)
            victim.transport.abort()
        self.loop.call_later(self.limits.ask_s, self._look)

    def busy(self) -> bool:
        """Whether a request was read whole and its answer is not complete."""
        return self.cycle is not None and not self.cycle.response_complete

    def left(self) -> int:
        """Bytes of the answer that the other side has not taken yet."""
        return self.transport.get_write_buffer_size()

    def on_response_complete(self) -> None:
        """The time to ask begins again."""
        self.since = self.loop.time()
        super().on_response_complete()

    def _look(self) -> None:
        """End the connection if its time is over; else look again later."""
        if self.transport.is_closing() and not self.left():
            return
        left = self.left()
        stuck = 0 < self._left <= left
        late = not self.busy() and not left and self.loop.time() - self.since >= self.limits.ask_s
        if stuck or late:
            self.transport.abort()
            return
        self._left = left
        self.loop.call_later(self.limits.take_s if left else self.limits.ask_s / 4, self._look)

    def send_400_response(self, msg: str) -> None:
        """The refusal of what is no HTTP, one sentence as JSON."""
        body = json.dumps({"error": f"{msg.rstrip('.')}: this is no HTTP, or its head is too long."}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        try:
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"), h11.Data(data=body),
                h11.EndOfMessage(),
            ):  # fmt: skip
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:  # an answer is under way already
            pass
        self.transport.close()


def connections(limits: Limits) -> type[Connection]:
    """The class of connections with these limits."""
    return type("Connection", (Connection,), {"limits": limits})
