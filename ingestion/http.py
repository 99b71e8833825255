"""The polite client: how upstreams are asked over HTTP.

Belongs here: who we say we are, pace, time-outs, retries, redirects, and what a status or a broken connection
means. Does not belong here: what is asked (`ingestion.sources`), which addresses may be connected to
(`ingestion.network`), and where bodies are kept (`ingestion.captures`).

The environment:

- `OBSERVATORY_CONTACT`: an e-mail address or URL. It stands in the User-Agent, so that whoever runs an
  upstream can reach whoever asks it. Some (the SEC) answer nobody without one.
- `OBSERVATORY_MIRROR`: `http://127.0.0.1:8080` sends `https://host/path` to `http://127.0.0.1:8080/host/path`,
  for mirrors and for tests. Nothing else is asked then. Hosts, redirects and limits are judged as if there
  were no mirror; its own address may be private, and it is asked without pace.
"""

from __future__ import annotations

import ipaddress
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar

import httpcore
import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception

from ingestion.effects import Clock
from ingestion.errors import Fault, SettingError, UpstreamError
from ingestion.network import (
    GuardedBackend,
    OutOfTimeError,
    RefusedAddressError,
    Resolve,
    Transport,
    is_public,
    no_later_than,
    system_resolve,
)
from ingestion.pace import HostState, Lane
from ingestion.source import MEBIBYTE, Kind, Pace, Request, Source, WrongAnswerError, shown
from ingestion.unpacking import decoded, limited

T = TypeVar("T")

AGENT = "MigrationObservatory/0.1"
ANY_HOST = "*"
"""In `Source.hosts`: any public host may be asked, for lists that users write themselves."""

MAX_CONNECTIONS = 32
MAX_REDIRECTS = 5
MAX_BYTES_OF_FAILURE = MEBIBYTE
"""Of an answer that only says what went wrong, no more is kept."""

MOVED = (301, 302, 303, 307, 308)
MOVED_AS_IT_IS = (307, 308)
MISSING = (404, 410)
WORTH_ANOTHER_TRY = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
NOT_MODIFIED = 304
TOO_MANY = 429

OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding"})
"""What a source cannot set: the client answers for it."""

_HOST_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_ERROR_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".invalid", ".onion")


@dataclass(frozen=True)
class Effects:
    """Time and chance. `monotonic` and `sleep` count seconds; `chance` is in [0, 1)."""

    now: Clock = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True)
class Patience:
    """How long we wait for what, in seconds, and how often we ask."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 180.0
    attempts: int = 4
    attempts_out_of_time: int = 2
    """So often a request may use up all of `total_seconds`."""
    first_wait_seconds: float = 1.0
    quota_wait_seconds: float = 60.0
    """After 429 without Retry-After."""
    longest_wait_seconds: float = 120.0
    """An upstream that asks to be left alone for longer is asked again by the next run."""


@dataclass(frozen=True)
class Response:
    """An answer whose head has arrived. `headers` are lower-case; `url` is where redirects have led.

    `waited_seconds`: how long the request had to wait for its turn. `chunks` gives the body without its
    content encoding, once. It raises `WrongAnswerError` for one that is too large or damaged.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    waited_seconds: float
    chunks: Iterator[bytes]


@dataclass
class Client:
    """Asks upstreams. One for a run; several threads may use it.

    `mirror` is the address that everything is sent to instead, without a slash at its end.
    """

    user_agent: str = AGENT
    mirror: str | None = None
    effects: Effects = Effects()
    patience: Patience = Patience()
    resolve: Resolve = system_resolve
    is_paced: bool = True
    _lanes: dict[str, Lane] = field(default_factory=dict, init=False)
    _hosts: dict[str, HostState] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        exempt = None
        if self.mirror is not None:
            address = httpx.URL(self.mirror)
            exempt = (address.host, address.port or (443 if address.scheme == "https" else 80))
        self._client = httpx.Client(
            transport=Transport(GuardedBackend(self.resolve, exempt), MAX_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(self.patience.read_seconds, connect=self.patience.connect_seconds),
        )

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def insist(self, source: Source, request: Request, ask: Callable[[], T], deadline: float) -> T:
        """The result of `ask`, which is called again as long as that is allowed and may help.

        `ask` uses `open` once and raises `UpstreamError`. `deadline`, in seconds of the clock: no attempt
        starts after it. Raises the `UpstreamError` of the last attempt.
        """
        host = self._host(_asked_host(source, request))
        if why := host.why_down:
            raise _error(source, request, why.problem, why.remedy, is_hopeless=True)
        if self.effects.monotonic() >= deadline:
            raise _error(
                source,
                request,
                "was not asked: the time for this source is up",
                "The next run asks again; give a shorter window if that happens often.",
                Fault.FATAL,
            )

        out_of_time = 0

        def may_help(error: BaseException) -> bool:
            nonlocal out_of_time
            if not isinstance(error, UpstreamError) or error.fault is not Fault.RETRIABLE:
                return False
            out_of_time += error.is_out_of_time
            if out_of_time >= self.patience.attempts_out_of_time:
                return False
            if host.why_down:  # another thread has found out meanwhile
                return False
            return (error.wait_seconds or 0.0) <= self.patience.longest_wait_seconds

        def is_enough(state: RetryCallState) -> bool:
            is_too_late = self.effects.monotonic() + state.upcoming_sleep >= deadline
            return is_too_late or state.attempt_number >= self.patience.attempts

        retrying = Retrying(
            retry=retry_if_exception(may_help),
            stop=is_enough,
            wait=self._wait,
            sleep=self.effects.sleep,
            reraise=True,
        )
        try:
            result = retrying(ask)
        except UpstreamError as error:
            if error.fault is Fault.IGNORABLE or not error.is_of_host:
                host.note_answer()
            else:
                host.note_failure(error)
            raise
        host.note_answer()
        return result

    @contextmanager
    def open(self, source: Source, request: Request, headers: Mapping[str, str]) -> Iterator[Response]:
        """Sends a request, follows redirects, and gives the answer, whatever its status, to be read.

        `headers` are added to those of the request (conditions). Waits for its turn at the host, and at each
        one that it is redirected to. Raises `UpstreamError`, also for what goes wrong while the body is read.
        """
        with _errors_told(source, request), ExitStack() as turn:
            response, url, waited = self._follow(source, request, headers, turn)
            try:
                yield _answer(request, response, url, waited)
            finally:
                response.close()

    def problem_of(self, source: Source, request: Request, response: Response) -> UpstreamError | None:
        """What the status of an answer says is wrong; None for one to read (also one not modified)."""
        status = response.status
        if status in (200, 203, NOT_MODIFIED) or (request.missing_is_answer and status in MISSING):
            return None
        if status in MOVED and not request.follows_redirects:
            return None
        if status in MISSING:
            return _error(
                source,
                request,
                f"answered {status}: there is no {shown(request.url)}",
                "It counts as not there.",
                Fault.IGNORABLE,
            )
        if status in WORTH_ANOTHER_TRY:
            return self._try_later(source, request, response)
        remedy = "Check what the upstream says in the archived answer."
        if status in (401, 403):
            remedy = (
                "Set OBSERVATORY_CONTACT to an e-mail address or URL, so that the upstream knows who asks; "
                "if it is set, wait: the address may be blocked for a while."
            )
        problem = f"answered {status} to {shown(request.url)}"
        return _error(source, request, problem, remedy, Fault.FATAL, is_of_host=False)

    def _try_later(self, source: Source, request: Request, response: Response) -> UpstreamError:
        """Keeps to what the upstream asks for, for everybody who wants something of this host."""
        wait = _retry_after(response.headers.get("retry-after"), self.effects.now())
        is_quota = response.status == TOO_MANY
        if wait is None and is_quota:
            wait = self.patience.quota_wait_seconds
        if wait is not None:
            bounded = min(wait, self.patience.longest_wait_seconds)
            for host in {_asked_host(source, request), _host_of(httpx.URL(response.url))}:
                self._host(host).keep_quiet(self.effects.monotonic() + bounded)
        asked = "" if wait is None else f" and asks to wait {wait:.0f} seconds"
        return _error(
            source,
            request,
            f"answered {response.status} to {shown(request.url)}{asked}",
            "The next run asks again.",
            wait_seconds=wait,
            is_hopeless=is_quota or wait is not None,
        )

    def _wait(self, state: RetryCallState) -> float:
        """As long as the upstream asks for; else twice as long each time, and never the same for two."""
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.wait_seconds if isinstance(error, UpstreamError) else None
        if asked_for is not None:
            return asked_for + self.effects.chance()
        longest = self.patience.first_wait_seconds * 2.0 ** (state.attempt_number - 1)
        return min(self.patience.longest_wait_seconds, longest * (0.5 + self.effects.chance() / 2))

    @contextmanager
    def _turn(self, source: Source, host: str) -> Iterator[None]:
        with self._lane(source, host).turn():
            while quiet := self._host(host).quiet_for(self.effects.monotonic()):
                self.effects.sleep(quiet)
            yield

    def _lane(self, source: Source, host: str) -> Lane:
        pace = source.pace
        if not self.is_paced:
            pace = Pace(requests_per_minute=1_000_000, at_once=pace.at_once)
        with self._lock:
            if host not in self._lanes:
                self._lanes[host] = Lane(pace, self.effects.monotonic, self.effects.sleep)
            lane = self._lanes[host]
        lane.keep_to(pace)
        return lane

    def _host(self, host: str) -> HostState:
        with self._lock:
            return self._hosts.setdefault(host, HostState())

    def _follow(
        self, source: Source, request: Request, headers: Mapping[str, str], turn: ExitStack
    ) -> tuple[httpx.Response, httpx.URL, float]:
        """The first answer that is no redirect, where it came from, and how long its turns were waited for.

        `turn` holds the place at the host that is being asked: never two, or two requests that lead to each
        other's hosts would wait for ever.
        """
        _asked_host(source, request)
        url, method, body = httpx.URL(request.url), request.method, request.body
        was_encrypted = False
        began, waited = time.monotonic(), 0.0
        for _ in range(MAX_REDIRECTS + 1):
            _refuse_stranger(source, request, url)
            if was_encrypted and url.scheme != "https":
                raise _refused(source, request, f"redirects to {shown(str(url))}, which is not encrypted")
            was_encrypted = url.scheme == "https"
            turn.close()
            came = time.monotonic()
            turn.enter_context(self._turn(source, _host_of(url)))
            waited += time.monotonic() - came
            turn.enter_context(no_later_than(began + waited + self.patience.total_seconds))
            sent = self._client.build_request(
                method,
                self._physical(url),
                headers=self._headers(request, headers),
                content=None if body is None else body.encode(),
            )
            response = self._client.send(sent, stream=True)
            target = response.headers.get("location")
            is_followed = response.status_code in MOVED and target and request.follows_redirects
            if not is_followed:
                return response, url, waited
            response.close()
            url = _joined(source, request, url, target)
            if response.status_code not in MOVED_AS_IT_IS and method != "HEAD":
                method, body = "GET", None
        raise _refused(source, request, f"redirects more than {MAX_REDIRECTS} times")

    def _physical(self, url: httpx.URL) -> httpx.URL:
        if self.mirror is None:
            return url
        return httpx.URL(f"{self.mirror}/{_host_of(url)}{url.raw_path.decode('ascii')}")

    def _headers(self, request: Request, added: Mapping[str, str]) -> dict[str, str]:
        """A source's own User-Agent is put in front of ours, never in its place."""
        own = {name.lower(): value for name, value in request.headers.items()}
        own = {name: value for name, value in own.items() if name not in OWN_HEADERS}
        agent = f"{own.pop('user-agent', '')} {self.user_agent}".strip()
        plain = {"user-agent": agent, "accept-encoding": "gzip, deflate", "accept": "*/*"}
        return {**plain, **own, **{name.lower(): value for name, value in added.items()}}


def client_from(
    environ: Mapping[str, str], effects: Effects = Effects(), patience: Patience = Patience()
) -> Client:
    """The client that the environment describes. Raises `SettingError`."""
    mirror = environ.get("OBSERVATORY_MIRROR", "").strip().rstrip("/") or None
    if mirror is not None:
        _check_mirror(mirror)
    return Client(
        user_agent=user_agent(environ.get("OBSERVATORY_CONTACT", "")),
        mirror=mirror,
        effects=effects,
        patience=patience,
        is_paced=mirror is None,
    )


def user_agent(contact: str) -> str:
    """Who asks, with `contact` if there is one. Raises `SettingError` for one that fits no header."""
    contact = contact.strip()
    if not contact:
        return AGENT
    if not contact.isascii() or not contact.isprintable() or any(sign in contact for sign in "()"):
        raise SettingError(
            f"{contact!r} cannot stand in a header",
            source="OBSERVATORY_CONTACT",
            remedy="Set it to an e-mail address or URL.",
        )
    return f"{AGENT} (contact: {contact})"


def _check_mirror(mirror: str) -> None:
    try:
        url = httpx.URL(mirror)
    except httpx.InvalidURL:
        url = httpx.URL()
    is_plain = not (url.query or url.fragment or url.userinfo) and re.fullmatch(r"[\w.:-]+", url.host)
    if url.scheme not in ("http", "https") or not is_plain:
        raise SettingError(
            f"{mirror!r} is no address of a mirror",
            source="OBSERVATORY_MIRROR",
            remedy="Set it to something like http://127.0.0.1:8080, or unset it.",
        )


# --- addresses ------------------------------------------------------------------------------------


def _asked_host(source: Source, request: Request) -> str:
    try:
        return _host_of(httpx.URL(request.url))
    except (httpx.InvalidURL, ValueError) as error:
        raise _refused(
            source, request, f"would ask {shown(request.url)[:200]!r}, which is no address"
        ) from error


def _host_of(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").lower().rstrip(".")


def _joined(source: Source, request: Request, url: httpx.URL, target: str) -> httpx.URL:
    try:
        return url.join(target).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError) as error:
        raise _refused(source, request, f"redirects to what is no address: {shown(target)[:80]!r}") from error


def _refuse_stranger(source: Source, request: Request, url: httpx.URL) -> None:
    """Only http and https, on their own ports, at the source's hosts, and never at a private one.

    What a public name stands for is checked when it is connected to.
    """
    host = _host_of(url)
    problem = None
    if url.scheme not in ("http", "https"):
        problem = f"{url.scheme}: is neither http nor https"
    elif url.userinfo:
        problem = "names a user"
    elif url.port not in (None, 443 if url.scheme == "https" else 80):
        problem = f"port {url.port} is not that of {url.scheme}"
    elif ANY_HOST not in source.hosts and host not in source.hosts:
        problem = f"{host} is not a host of this source"
    elif not _looks_public(host):
        problem = f"{host} is no public host"
    if problem:
        where = "would ask" if str(url) == request.url else "is redirected to"
        raise _refused(source, request, f"{where} {shown(str(url))[:200]}: {problem}")


def _looks_public(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST_NAME.fullmatch(host) is not None and not host.endswith(_PRIVATE_SUFFIXES)
    return is_public(host)


# --- bodies, and what goes wrong ------------------------------------------------------------------


def _answer(request: Request, response: httpx.Response, url: httpx.URL, waited: float) -> Response:
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        if name != "set-cookie":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    sent, unpacked = request.max_bytes, request.max_unpacked_bytes
    if request.kind is Kind.ZIP:  # a zip file is not packed once more; its own limit is for who opens it
        unpacked = sent
    if response.status_code != 200:
        sent, unpacked = min(sent, MAX_BYTES_OF_FAILURE), min(unpacked, MAX_BYTES_OF_FAILURE)
    return Response(str(url), response.status_code, headers, waited, _body(response, headers, sent, unpacked))


def _body(
    response: httpx.Response, headers: Mapping[str, str], largest: int, unpacked: int
) -> Iterator[bytes]:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > largest:
        raise WrongAnswerError(
            f"the body is announced with {announced} bytes, over the limit of {largest}", is_retriable=False
        )
    sent = limited(response.iter_raw(), largest, "the body")
    encodings = headers.get("content-encoding", "")
    yield from limited(decoded(sent, encodings, unpacked), unpacked, "the body")


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, given as such or as an HTTP date; None where nothing readable is said."""
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, OverflowError):
        return None


@contextmanager
def _errors_told(source: Source, request: Request) -> Iterator[None]:
    """What the network does, in words."""
    again = "The next run asks again."
    online = "Check the network; the next run asks again."
    try:
        yield
    except RefusedAddressError as error:
        raise _refused(source, request, str(error)) from error
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, ssl.SSLError):
            problem = f"could not be trusted at {_asked_host(source, request)}: {cause}"
            remedy = "Check the clock and the certificates of this machine."
            raise _error(source, request, problem, remedy, Fault.FATAL, is_hopeless=True) from error
        told = _ERROR_NUMBER.sub("", str(error)) or type(error).__name__
        problem = f"could not be reached at {_asked_host(source, request)}: {told}"
        raise _error(source, request, problem, online, is_hopeless=True) from error
    except httpcore.TimeoutException as error:
        problem = f"did not answer in time: {shown(request.url)}"
        is_out_of_time = isinstance(error, OutOfTimeError)
        raise _error(source, request, problem, again, is_out_of_time=is_out_of_time) from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        problem = f"broke off the connection: {shown(request.url)} ({error or type(error).__name__})"
        raise _error(source, request, problem, again) from error
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
        raise _refused(source, request, f"cannot be asked: {error}") from error


def _refused(source: Source, request: Request, problem: str) -> UpstreamError:
    remedy = "If that is right, add the host to the source; else the upstream has been tampered with."
    return _error(source, request, problem, remedy, Fault.FATAL)


def _error(
    source: Source,
    request: Request,
    problem: str,
    remedy: str,
    fault: Fault = Fault.RETRIABLE,
    *,
    wait_seconds: float | None = None,
    is_hopeless: bool = False,
    is_of_host: bool = True,
    is_out_of_time: bool = False,
) -> UpstreamError:
    return UpstreamError(
        problem,
        source=source.name,
        window=str(request.day),
        remedy=remedy,
        fault=fault,
        wait_seconds=wait_seconds,
        is_hopeless=is_hopeless,
        is_of_host=is_of_host,
        is_out_of_time=is_out_of_time,
    )
