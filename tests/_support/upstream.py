"""A real HTTP server on loopback that answers for all upstreams, and misbehaves when told to.

It stands behind `OBSERVATORY_MIRROR`: what was meant for `https://host/path` arrives as `/host/path`. What it
answers is a function of the source's own `Request`; `watch` makes a source tell the server what it asks.
Faults are values: `upstream.fail(cut(), when=...)` misbehaves once for each fault given, in that order.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx

from ingestion.source import Answer, Asking, Questions, Request, Source

ALWAYS = 10**9
SLOWLY = 0.005
HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><p>Back soon.</p></body></html>"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived. `url` has no scheme; header names are lower-case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str | None

    @property
    def host(self) -> str:
        """The upstream that was meant."""
        return self.url.partition("/")[0]


@dataclass(frozen=True)
class Reply:
    """What is sent back. `announced`: the length that the head claims; `sent`: how much then comes.

    `drips`: bytes come one by one. `hangs`: nothing comes at all until the other side gives up. `endless`:
    the body is repeated until the other side has had enough.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    sent: int | None = None
    drips: bool = False
    drips_head: bool = False
    hangs: bool = False
    endless: bool = False


Fault = Callable[[Reply], Reply]
"""Makes of the right reply the one that is sent."""

Answering = Callable[[Request], bytes]


# --- faults ---------------------------------------------------------------------------------------


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"no") -> Fault:
    return lambda reply: Reply(body, code, headers or {})


def with_body(body: bytes, headers: Mapping[str, str] | None = None) -> Fault:
    return lambda reply: Reply(body, 200, headers or {})


def changed(change: Callable[[bytes], bytes]) -> Fault:
    return lambda reply: replace(reply, body=change(reply.body))


def html() -> Fault:
    return with_body(HTML, {"Content-Type": "text/html"})


def cut(share: float = 0.5) -> Fault:
    """The connection is closed in mid-body."""
    return lambda reply: replace(reply, announced=len(reply.body), sent=int(len(reply.body) * share))


def hanging() -> Fault:
    return lambda reply: replace(reply, hangs=True)


def dripping() -> Fault:
    return lambda reply: replace(reply, drips=True)


def dripping_head() -> Fault:
    return lambda reply: replace(reply, drips_head=True)


def endless() -> Fault:
    """A body without an announced length that never ends."""
    return lambda reply: replace(reply, endless=True, body=(reply.body or b"x") * 64)


def announced(length: int) -> Fault:
    """A head that announces so many bytes."""
    return lambda reply: replace(reply, announced=length)


def redirect(target: str, code: int = 302) -> Fault:
    return status(code, {"Location": target}, b"")


def zipped_by(encoding: str) -> Fault:
    """The right body with a content encoding: gzip, deflate, or deflate without its head (`raw`)."""

    def fault(reply: Reply) -> Reply:
        if encoding == "raw":
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            body = packer.compress(reply.body) + packer.flush()
        else:
            body = gzip.compress(reply.body) if encoding == "gzip" else zlib.compress(reply.body)
        name = "deflate" if encoding == "raw" else encoding
        return replace(reply, body=body, headers={**reply.headers, "Content-Encoding": name})

    return fault


def declared_as(encoding: str) -> Fault:
    """The right body under a content encoding that it does not have."""
    return lambda reply: replace(reply, headers={**reply.headers, "Content-Encoding": encoding})


def bomb(unpacked_bytes: int) -> Fault:
    """A small body that unpacks to a large one, and starts like JSON."""
    packed = gzip.compress(b"[" + b" " * unpacked_bytes)
    return with_body(packed, {"Content-Encoding": "gzip", "Content-Type": "application/json"})


# --- hearing what is asked ------------------------------------------------------------------------


def overheard(source: Source, hear: Callable[[Sequence[Request]], None]) -> Source:
    """`source`, whose requests are told to `hear` before they are sent."""

    def ask(asking: Asking) -> Questions:
        questions = source.ask(asking)
        answers: Sequence[Answer | None] | None = None
        while True:
            try:
                batch = list(next(questions) if answers is None else questions.send(answers))
            except StopIteration:
                return
            hear(batch)
            answers = yield batch

    return replace(source, ask=ask)


# --- the server -----------------------------------------------------------------------------------


class Upstream:
    """The server, with what it was asked, in order. Use it as a context."""

    def __init__(self, *, has_etags: bool = False) -> None:
        self.asked: list[Asked] = []
        self.has_etags = has_etags
        self._faults: list[tuple[Fault, Callable[[Asked], bool], list[int]]] = []
        self._questions: dict[tuple[str, str, str | None], tuple[Answering, Request]] = {}
        self._fixed: dict[str, Reply] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """What `OBSERVATORY_MIRROR` is to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, url: str, body: bytes = b"", **reply: object) -> None:
        """Answers `url` with this, whoever asks. `reply`: fields of `Reply`."""
        self._fixed[_address(url)] = Reply(body, **reply)  # type: ignore[arg-type]

    def watch(self, source: Source, answering: Answering) -> Source:
        """`source`, whose requests this server knows how to answer."""

        def hear(batch: Sequence[Request]) -> None:
            for request in batch:
                self.know(request, answering)

        return overheard(source, hear)

    def know(self, request: Request, answering: Answering) -> None:
        """Answers `request` by `answering(request)`."""
        key = (request.method, _address(request.url), request.body)
        with self._lock:
            self._questions[key] = (answering, request)

    def fix(self, request: Request, body: bytes) -> None:
        """Answers the address of `request` with this from now on, whoever asks."""
        self.serve(request.url, body)

    def fail(
        self, *faults: Fault, times: int = 1, when: Callable[[Asked], bool] = lambda asked: True
    ) -> None:
        """Uses each of the faults so many times, one after the other, for requests that `when` is true of."""
        self._faults += [(fault, when, [times]) for fault in faults]

    def heal(self) -> None:
        """Behaves again."""
        self._faults.clear()

    def count(self, host: str) -> int:
        """How many requests were meant for this host."""
        return sum(asked.host == host for asked in self.asked)

    def reply_to(self, asked: Asked) -> Reply:
        """What is sent to a request, faults included."""
        with self._lock:
            self.asked.append(asked)
            reply = self._right_reply(asked)
            for fault, when, left in self._faults:
                if left[0] > 0 and when(asked):
                    left[0] -= 1
                    return fault(reply)
        return reply

    def wait(self, seconds: float) -> bool:
        """Whether the server is closed within so many seconds."""
        return self._over.wait(seconds)

    def _right_reply(self, asked: Asked) -> Reply:
        reply = self._fixed.get(asked.url)
        if reply is None:
            known = self._questions.get((asked.method, asked.url, asked.body))
            if known is None:
                return Reply(b"nobody has asked that", 404)
            answering, request = known
            reply = Reply(answering(request))
        if not self.has_etags or reply.status != 200:
            return reply
        etag = f'"{hashlib.sha256(reply.body).hexdigest()[:16]}"'
        headers = {**reply.headers, "ETag": etag}
        if asked.headers.get("if-none-match") == etag:
            return Reply(b"", 304, headers)
        return replace(reply, headers=headers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side hung up, as tests of time-outs do."""


def _address(url: str) -> str:
    """Host, path and query, spelled as the client sends them."""
    parsed = httpx.URL(url)
    return f"{parsed.host}{parsed.raw_path.decode('ascii')}"


def _handler_of(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def log_message(self, format: str, *args: object) -> None:
            """Tests need no log."""

        def _reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode() if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = upstream.reply_to(Asked(self.command, self.path.lstrip("/"), headers, body))
            try:
                self._send(reply)
            except OSError:
                self.close_connection = True  # the other side has had enough

        def _send(self, reply: Reply) -> None:
            if reply.hangs:
                self.close_connection = True
                upstream.wait(5.0)
                return
            head = [f"HTTP/1.1 {reply.status} Whatever"]
            head += [f"{name}: {value}" for name, value in reply.headers.items()]
            length = len(reply.body) if reply.announced is None else reply.announced
            if not reply.endless:
                head.append(f"Content-Length: {length}")
            self._write("\r\n".join([*head, "", ""]).encode("latin-1"), slowly=reply.drips_head)
            self._write(reply.body[: reply.sent], slowly=reply.drips)
            while reply.endless:
                self._write(reply.body, slowly=False)
            if reply.sent is not None or length != len(reply.body):
                self.close_connection = True

        def _write(self, content: bytes, *, slowly: bool) -> None:
            if not slowly:
                self.wfile.write(content)
                return
            for position in range(len(content)):
                if upstream.wait(SLOWLY):
                    return
                self.wfile.write(content[position : position + 1])
                self.wfile.flush()

    return Handler
