"""Connections to public addresses only, and never beyond a deadline.

Belongs here: which addresses may be connected to, names resolved and pinned at the moment of connecting, and
the transport that gives all this to `httpx`. Does not belong here: which hosts a source may ask, redirects
and retries (`ingestion.http`).

A name is resolved here and nowhere else, every address that it stands for is checked, and the connection goes
to one of those addresses: a name that changes its mind in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name and port. Raises OSError where there are none."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_DEADLINE: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class RefusedAddressError(Exception):
    """A host that stands for an address which is not public."""


class OutOfTimeError(httpcore.TimeoutException):
    """All the time that a request had is used up, however lively the other side was."""


def is_public(address: str) -> bool:
    """Whether anybody on the Internet would reach the same machine at this address.

    IPv6 addresses that carry an IPv4 address (mapped, or translated on the way) are judged by that one.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        carried = parsed.ipv4_mapped
        if parsed in _TRANSLATED:
            carried = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(str(carried))
        if parsed.sixtofour or parsed.teredo:  # tunnels of old, which may lead anywhere
            return False
        if (
            parsed.is_site_local
        ):  # fec0::/10, deprecated and still private, though `is_global` does not say so
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def system_resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@contextmanager
def no_later_than(deadline: float) -> Iterator[None]:
    """Whatever this thread does on the network ends at `deadline`, in seconds of `time.monotonic`.

    Raises `OutOfTimeError` in the place of a time-out that came because of it.
    """
    token = _DEADLINE.set(min(deadline, _DEADLINE.get()))
    try:
        yield
    except (httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
        if time.monotonic() >= deadline:
            raise OutOfTimeError("no time is left") from error
        raise
    finally:
        _DEADLINE.reset(token)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to public addresses, and to `exempt` (host and port), whatever its address is."""

    def __init__(self, resolve: Resolve, exempt: tuple[str, int] | None) -> None:
        self._resolve = resolve
        self._exempt = exempt
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to the first address that lets us.

        Raises `RefusedAddressError` if one of them is not public, and httpcore's ConnectError.
        """
        if (host, port) == self._exempt:
            return self._connect(host, port, timeout, socket_options)
        addresses = _within(_left(timeout), lambda: self._resolve(host, port), host)
        refused = [address for address in addresses if not is_public(address)]
        if refused:
            raise RefusedAddressError(f"{host} stands for {refused[0]}, which is no public address")
        failure: Exception = httpcore.ConnectError("its name stands for no address")
        for address in addresses:
            try:
                return self._connect(address, port, timeout, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def _connect(
        self, address: str, port: int, timeout: float | None, socket_options: Iterable[Any] | None
    ) -> httpcore.NetworkStream:
        stream = self._plain.connect_tcp(address, port, _left(timeout), None, socket_options)
        return _TimedStream(stream)


class _TimedStream(httpcore.NetworkStream):
    """A stream on which no wait goes beyond the deadline: not even for heads that drip in byte by byte."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float:
    """The shorter of a time-out and what is left until the deadline."""
    left = _DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("no time is left")
    return left if timeout is None else min(timeout, left)


def _within(seconds: float, resolve: Callable[[], Sequence[str]], host: str) -> Sequence[str]:
    """The result of `resolve`, which knows no time-out and is left behind when it takes too long."""
    results: queue.Queue[Sequence[str] | Exception] = queue.Queue(1)

    def run() -> None:
        try:
            results.put(resolve())
        except Exception as error:
            results.put(error)

    threading.Thread(target=run, name=f"resolve {host}", daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise httpcore.ConnectTimeout("its name was not resolved in time") from None
    if isinstance(result, OSError | UnicodeError):
        raise httpcore.ConnectError(f"its name cannot be resolved: {result}") from result
    if isinstance(result, Exception):
        raise result
    return result


class Transport(httpx.BaseTransport):
    """What `httpx` sends requests by: httpcore's connection pool over a `GuardedBackend`."""

    def __init__(self, backend: httpcore.NetworkBackend, max_connections: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=max_connections,
            keepalive_expiry=15.0,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request. Raises httpcore's errors as they are."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        sent = httpcore.Request(
            request.method,
            url,
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        response = self._pool.handle_request(sent)
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        """Closes all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()
