"""How upstreams are asked, against a real server on loopback that misbehaves in every way we know of."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from ingestion.errors import Fault, SettingError, UpstreamError
from ingestion.http import MAX_REDIRECTS, Client, Patience, client_from, user_agent
from ingestion.network import is_public
from ingestion.pace import FAILURES_IN_A_ROW
from ingestion.source import Pace, Request, Source, WrongAnswerError
from tests._support.asking import (
    DAY,
    HOST,
    NOON,
    OTHER_HOST,
    QUICK,
    URL,
    Sleeper,
    client_of,
    request_of,
    source_of,
)
from tests._support.upstream import (
    ALWAYS,
    Upstream,
    announced,
    bomb,
    cut,
    declared_as,
    dripping,
    dripping_head,
    endless,
    hanging,
    redirect,
    status,
    zipped_by,
)

BODY = b'{"items": [1, 2, 3]}'
NEVER = float("inf")
IMPATIENT = Patience(connect_seconds=0.2, read_seconds=0.1, total_seconds=0.1, attempts=2)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        server.serve(URL, BODY)
        yield server


@pytest.fixture
def clock() -> Sleeper:
    return Sleeper()


def ask(client: Client, request: Request | None = None, source: Source | None = None) -> bytes:
    """The body of an answer, asked for as a fetch does."""
    request, source = request or request_of(), source or source_of()

    def once() -> bytes:
        with client.open(source, request, {}) as response:
            body = b"".join(response.chunks)
            if problem := client.problem_of(source, request, response):
                raise problem
        return body

    return client.insist(source, request, once, NEVER)


def failure(client: Client, request: Request | None = None, source: Source | None = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        ask(client, request, source)
    error = caught.value
    assert (error.source, error.window) == ("example", str(DAY))
    assert error.remedy
    assert "\n" not in str(error)
    return error


# --- who we are -----------------------------------------------------------------------------------


def test_we_say_who_we_are(upstream: Upstream) -> None:
    client = client_from({"OBSERVATORY_MIRROR": upstream.url, "OBSERVATORY_CONTACT": " who@example.org "})
    assert ask(client) == BODY
    (asked,) = upstream.asked
    assert asked.headers["user-agent"] == "MigrationObservatory/0.1 (contact: who@example.org)"
    assert asked.headers["accept-encoding"] == "gzip, deflate"


def test_without_a_contact_we_still_name_the_project() -> None:
    assert user_agent("") == "MigrationObservatory/0.1"


def test_a_source_may_add_headers_but_not_hide_who_asks(upstream: Upstream) -> None:
    headers = {
        "User-Agent": "Mozilla/5.0",
        "Accept": "application/json",
        "Host": "evil",
        "Accept-Encoding": "br",
    }
    ask(client_of(upstream.url), replace(request_of(), headers=headers))
    sent = upstream.asked[0].headers
    assert sent["user-agent"] == "Mozilla/5.0 MigrationObservatory/0.1"
    assert sent["accept"] == "application/json"
    assert sent["host"] == upstream.url.removeprefix("http://")
    assert sent["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("contact", ["a\nb", "naïve@example.org", "x)y"])
def test_a_contact_that_fits_no_header_is_refused(contact: str) -> None:
    with pytest.raises(SettingError, match="OBSERVATORY_CONTACT"):
        client_from({"OBSERVATORY_CONTACT": contact})


@pytest.mark.parametrize(
    "mirror", ["ftp://x", "127.0.0.1:80", "http://", "http://u@h/", "http://h/?q", "http://["]
)
def test_a_mirror_that_is_none_is_refused(mirror: str) -> None:
    with pytest.raises(SettingError, match="OBSERVATORY_MIRROR"):
        client_from({"OBSERVATORY_MIRROR": mirror})


def test_cookies_are_neither_kept_nor_sent(upstream: Upstream) -> None:
    client = client_of(upstream.url)
    upstream.fail(lambda reply: replace(reply, headers={"Set-Cookie": "id=1", "X-Kept": "yes"}))
    with client.open(source_of(), request_of(), {}) as response:
        assert response.headers["x-kept"] == "yes"
        assert "set-cookie" not in response.headers
    ask(client)
    assert "cookie" not in upstream.asked[-1].headers


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [zipped_by("gzip"), zipped_by("deflate"), zipped_by("raw"), declared_as("gzip")]
)
def test_content_encodings_are_undone_also_wrongly_declared_ones(upstream: Upstream, fault: object) -> None:
    upstream.fail(fault)  # type: ignore[arg-type]
    assert ask(client_of(upstream.url)) == BODY


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (announced(10**9), "announced with 1000000000 bytes, over the limit of 100000"),
        (endless(), "over the limit of 100000 bytes"),
        (bomb(10**7), "the unpacked body is over the limit of 100000 bytes"),
        (declared_as("br"), "'br', which was not asked for"),
    ],
)
def test_bodies_that_are_refused_while_they_arrive(upstream: Upstream, fault: object, said: str) -> None:
    upstream.fail(fault)  # type: ignore[arg-type]
    client, request = client_of(upstream.url), request_of(max_bytes=10**5)
    with (
        pytest.raises(WrongAnswerError, match=said) as caught,
        client.open(source_of(), request, {}) as response,
    ):
        b"".join(response.chunks)
    assert not caught.value.is_retriable
    assert ask(client) == BODY, "the connection is not left in a bad state"


def test_of_an_answer_that_failed_not_much_is_read(upstream: Upstream) -> None:
    upstream.fail(status(500, body=b"x" * 2 * 2**20))
    client, large = client_of(upstream.url), request_of(max_bytes=2**30)
    with pytest.raises(WrongAnswerError, match="1048576"), client.open(source_of(), large, {}) as response:
        b"".join(response.chunks)


# --- retries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 522])
def test_what_may_pass_is_tried_again(upstream: Upstream, code: int) -> None:
    upstream.fail(status(code), status(code))
    assert ask(client_of(upstream.url)) == BODY
    assert len(upstream.asked) == 3


@pytest.mark.parametrize(("code", "fault"), [(400, Fault.FATAL), (401, Fault.FATAL), (403, Fault.FATAL),
    (404, Fault.IGNORABLE), (410, Fault.IGNORABLE), (451, Fault.FATAL), (501, Fault.FATAL)])  # fmt: skip
def test_what_does_not_pass_is_asked_once(upstream: Upstream, code: int, fault: Fault) -> None:
    upstream.fail(status(code), times=ALWAYS)
    error = failure(client_of(upstream.url))
    assert (error.fault, len(upstream.asked)) == (fault, 1)
    assert str(code) in error.problem


def test_whoever_is_forbidden_learns_about_the_contact(upstream: Upstream) -> None:
    upstream.fail(status(403))
    assert "OBSERVATORY_CONTACT" in failure(client_of(upstream.url)).remedy


def test_a_missing_page_may_be_an_answer(upstream: Upstream) -> None:
    upstream.fail(status(404, body=b"no views"))
    assert ask(client_of(upstream.url), replace(request_of(), missing_is_answer=True)) == b"no views"


def test_waits_double_and_have_jitter(upstream: Upstream, clock: Sleeper) -> None:
    upstream.fail(status(500), times=ALWAYS)
    error = failure(client_of(upstream.url, clock))
    assert error.fault is Fault.RETRIABLE
    assert clock.slept == [0.75, 1.5, 3.0]
    low, high = Sleeper(chance=0.0), Sleeper(chance=1.0)
    for other in (low, high):
        failure(client_of(upstream.url, other))
    assert (low.slept, high.slept) == ([0.5, 1.0, 2.0], [1.0, 2.0, 4.0])


def test_retry_after_in_seconds_is_kept_to(upstream: Upstream, clock: Sleeper) -> None:
    upstream.fail(status(429, {"Retry-After": "17"}))
    assert ask(client_of(upstream.url, clock)) == BODY
    assert sum(clock.slept) >= 17
    assert sum(clock.slept) < 19


def test_retry_after_as_a_date_is_kept_to(upstream: Upstream, clock: Sleeper) -> None:
    moment = (NOON + timedelta(seconds=40)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    upstream.fail(status(503, {"Retry-After": moment}))
    assert ask(client_of(upstream.url, clock)) == BODY
    assert 40 <= sum(clock.slept) < 42


@pytest.mark.parametrize("said", ["soon", "", "-5", "Fri, 99 Nov 2026 12:00:00 GMT", "1e3",
    "Fri, 20 Nov 99999999999999999999 12:00:00 GMT"])  # fmt: skip
def test_retry_after_that_says_nothing_is_ignored(upstream: Upstream, clock: Sleeper, said: str) -> None:
    upstream.fail(status(503, {"Retry-After": said}))
    assert ask(client_of(upstream.url, clock)) == BODY
    assert clock.slept == [0.75]


def test_a_quota_without_retry_after_gets_a_minute(upstream: Upstream, clock: Sleeper) -> None:
    upstream.fail(status(429))
    assert ask(client_of(upstream.url, clock)) == BODY
    assert 60 <= sum(clock.slept) < 62


def test_an_upstream_that_asks_for_too_long_is_left_to_the_next_run(
    upstream: Upstream, clock: Sleeper
) -> None:
    upstream.fail(status(429, {"Retry-After": "3600"}), times=ALWAYS)
    client = client_of(upstream.url, clock)
    assert "asks to wait 3600 seconds" in failure(client).problem
    assert (clock.slept, len(upstream.asked)) == ([], 1)
    assert "asks to wait 3600 seconds" in failure(client).problem
    assert len(upstream.asked) == 1, "nobody asks that host again in this run"


def test_no_attempt_starts_after_the_deadline(upstream: Upstream, clock: Sleeper) -> None:
    upstream.fail(status(500), times=ALWAYS)
    client = client_of(upstream.url, clock)

    def once() -> None:
        with client.open(source_of(), request_of(), {}) as response:
            raise client.problem_of(source_of(), request_of(), response) or AssertionError

    with pytest.raises(UpstreamError, match="answered 500"):
        client.insist(source_of(), request_of(), once, clock.monotonic() + 1.0)
    assert len(upstream.asked) == 2
    with pytest.raises(UpstreamError, match="time for this source is up"):
        client.insist(source_of(), request_of(), once, clock.monotonic())
    assert len(upstream.asked) == 2


# --- broken connections ---------------------------------------------------------------------------


def test_a_body_that_is_cut_is_asked_for_again(upstream: Upstream) -> None:
    upstream.fail(cut(0.0), cut(0.5), cut(0.95))
    assert ask(client_of(upstream.url)) == BODY
    assert len(upstream.asked) == 4


@pytest.mark.parametrize("fault", [hanging(), dripping(), dripping_head()])
def test_nothing_takes_longer_than_its_time(upstream: Upstream, fault: object) -> None:
    upstream.serve(URL, BODY * 20)
    upstream.fail(fault, times=ALWAYS)  # type: ignore[arg-type]
    began = time.monotonic()
    error = failure(client_of(upstream.url, patience=IMPATIENT))
    assert time.monotonic() - began < 2.0
    assert error.fault is Fault.RETRIABLE
    assert "did not answer in time" in error.problem
    assert len(upstream.asked) == 2


def test_nobody_there(clock: Sleeper) -> None:
    with Upstream() as closed:
        mirror = closed.url
    client = client_of(mirror, clock)
    error = failure(client)
    assert error.fault is Fault.RETRIABLE
    assert "could not be reached" in error.problem
    assert error.remedy.startswith("Check the network")
    assert len(clock.slept) == QUICK.attempts - 1
    assert failure(client).problem == error.problem
    assert len(clock.slept) == QUICK.attempts - 1, "the second request is not even tried"


def test_no_name_no_answer(clock: Sleeper) -> None:
    error = failure(client_of(None, clock))
    assert f"could not be reached at {HOST}" in error.problem
    assert "cannot be resolved" in error.problem


def test_a_resolver_that_takes_for_ever_is_not_waited_for() -> None:
    over = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        over.wait(10.0)
        return ["127.0.0.1"]

    began = time.monotonic()
    assert "not resolved in time" in failure(client_of(None, patience=IMPATIENT, resolve=slow)).problem
    assert time.monotonic() - began < 2.0
    over.set()


def test_no_trust_no_second_try(upstream: Upstream, clock: Sleeper) -> None:
    error = failure(client_of(upstream.url.replace("http:", "https:"), clock))
    assert error.fault is Fault.FATAL
    assert "could not be trusted" in error.problem
    assert clock.slept == []


def test_after_some_failures_in_a_row_a_host_counts_as_down(upstream: Upstream) -> None:
    upstream.serve(f"https://{OTHER_HOST}/", BODY)
    upstream.fail(status(500), times=ALWAYS, when=lambda asked: asked.host == HOST)
    client = client_of(upstream.url)
    for _ in range(FAILURES_IN_A_ROW + 2):
        failure(client)
    assert upstream.count(HOST) == FAILURES_IN_A_ROW * QUICK.attempts
    assert ask(client, request_of(f"https://{OTHER_HOST}/")) == BODY, "another host is not concerned"


@pytest.mark.parametrize("code", [400, 403, 404, 410])
def test_what_an_address_refuses_is_no_failure_of_its_host(upstream: Upstream, code: int) -> None:
    upstream.fail(status(code), times=FAILURES_IN_A_ROW + 1)
    client = client_of(upstream.url)
    for _ in range(FAILURES_IN_A_ROW + 1):
        failure(client)
    assert ask(client) == BODY


def test_a_drip_is_asked_again_once_at_most(upstream: Upstream) -> None:
    upstream.serve(URL, BODY * 20)
    upstream.fail(dripping(), times=ALWAYS)
    error = failure(client_of(upstream.url, patience=replace(IMPATIENT, read_seconds=1.0, attempts=4)))
    assert error.is_out_of_time
    assert len(upstream.asked) == 2


def test_sources_share_the_lane_of_a_host_and_the_strictest_pace_counts(
    upstream: Upstream, clock: Sleeper
) -> None:
    upstream.serve(f"https://{OTHER_HOST}/moved", b"", status=302, headers={"Location": URL})
    client = client_of(upstream.url, clock, is_paced=True)
    slow = replace(source_of(pace=Pace(6, at_once=1, seconds_between=10.0)), name="slow")
    ask(client, source=source_of())
    ask(client, source=slow)
    before = clock.monotonic()
    ask(client, source=source_of())
    assert clock.monotonic() - before >= 9.9
    before = clock.monotonic()
    ask(client, request_of(f"https://{OTHER_HOST}/moved"), source=source_of())
    assert clock.monotonic() - before >= 9.9, "a redirect takes its turn where it leads to"


def test_a_gap_or_an_answer_between_failures_keeps_a_host_up(upstream: Upstream) -> None:
    client = client_of(upstream.url)
    for _ in range(FAILURES_IN_A_ROW):
        upstream.fail(status(500), times=QUICK.attempts)
        failure(client)
        upstream.fail(status(404))
        failure(client)
    assert ask(client) == BODY


# --- redirects, and where they must not lead ------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", [f"https://{OTHER_HOST}/there?x=1", "//old.example.org/there?x=1", "../other", "?page=2"]
)
def test_redirects_within_the_hosts_of_the_source_are_followed(
    upstream: Upstream, code: int, target: str
) -> None:
    for url in (f"https://{OTHER_HOST}/there?x=1", f"https://{HOST}/other", f"https://{HOST}/items?page=2"):
        upstream.serve(url, url.encode())
    upstream.fail(redirect(target, code))
    client = client_of(upstream.url)
    with client.open(source_of(), request_of(), {}) as response:
        assert b"".join(response.chunks).decode() == response.url


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("https://elsewhere.example.net/", "not a host of this source"),
        ("http://127.0.0.1/", "not a host of this source"),
        ("https://[::1]/", "not a host of this source"),
        (f"https://{HOST}:8443/", "port 8443 is not that of https"),
        (f"http://{OTHER_HOST}/", "not encrypted"),
        (f"https://who:secret@{HOST}/", "names a user"),
        ("file:///etc/passwd", "neither http nor https"),
        ("gopher://api.example.com/", "neither http nor https"),
        ("https://[", "not a host of this source"),
    ],
)
def test_redirects_to_anywhere_else_are_refused(upstream: Upstream, target: str, said: str) -> None:
    upstream.fail(redirect(target), times=ALWAYS)
    error = failure(client_of(upstream.url))
    assert error.fault is Fault.FATAL
    assert said in error.problem
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]",
     "[fd00::1]", "0.0.0.0", "0x7f000001", "2130706433", "127.1", "router", "db.internal", "printer.local",
     "a.localhost"],
)  # fmt: skip
def test_a_source_that_may_ask_any_host_may_ask_no_private_one(upstream: Upstream, host: str) -> None:
    source = source_of(hosts=("*",))
    upstream.fail(redirect(f"https://{host}/latest/meta-data"), times=ALWAYS)
    error = failure(client_of(upstream.url), source=source)
    assert error.fault is Fault.FATAL
    assert "no public host" in error.problem
    assert len(upstream.asked) == 1


def test_even_the_mirror_itself_is_no_place_to_be_redirected_to(upstream: Upstream) -> None:
    upstream.fail(redirect(f"{upstream.url}/{HOST}/items?page=1"))
    assert "port" in failure(client_of(upstream.url), source=source_of(hosts=("*",))).problem


def test_redirects_come_to_an_end(upstream: Upstream) -> None:
    upstream.fail(redirect(URL), times=ALWAYS)
    error = failure(client_of(upstream.url))
    assert f"more than {MAX_REDIRECTS} times" in error.problem
    assert len(upstream.asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(("code", "method", "body"), [(307, "POST", "f.req=1"), (308, "POST", "f.req=1"),
    (302, "GET", None), (303, "GET", None)])  # fmt: skip
def test_a_form_is_sent_again_only_where_the_upstream_says_so(
    upstream: Upstream, code: int, method: str, body: str | None
) -> None:
    request = replace(request_of(), method="POST", body="f.req=1")
    upstream.serve(f"https://{HOST}/next", BODY)
    upstream.fail(redirect("/next", code))
    assert ask(client_of(upstream.url), request) == BODY
    assert [(asked.method, asked.body) for asked in upstream.asked] == [("POST", "f.req=1"), (method, body)]


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.7"], ["93.184.216.34", "192.168.1.1"], ["::1"]]
)
def test_a_public_name_for_a_private_address_is_not_connected_to(addresses: list[str]) -> None:
    asked: list[tuple[str, int]] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return addresses

    error = failure(client_of(None, resolve=resolve))
    assert error.fault is Fault.FATAL
    assert "which is no public address" in error.problem
    assert asked == [(HOST, 443)]


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True),
     ("127.0.0.1", False), ("10.0.0.1", False), ("172.16.0.1", False), ("100.64.0.1", False),
     ("169.254.169.254", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False),
     ("::1", False), ("::", False), ("fe80::1%eth0", False), ("fc00::1", False), ("fec0::1", False),
     ("::ffff:127.0.0.1", False),
     ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("example.com", False), ("", False)],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("url", ["http://[", "https://", "nothing", "https://exa mple.com/", "\x00"])
def test_what_is_no_address_is_told_as_such(url: str) -> None:
    assert failure(client_of(None), request_of(url)).fault is Fault.FATAL


# --- pace -----------------------------------------------------------------------------------------


def test_requests_are_spaced(upstream: Upstream, clock: Sleeper) -> None:
    client = client_of(upstream.url, clock, is_paced=True)
    source = source_of(pace=Pace(requests_per_minute=10, seconds_between=3.0))
    moments = []
    for _ in range(4):
        ask(client, source=source)
        moments.append(clock.monotonic())
    assert all(later - earlier >= 3.0 for earlier, later in pairwise(moments))
    assert moments[-1] - moments[0] < 10


def test_no_more_than_the_rate_a_minute(upstream: Upstream, clock: Sleeper) -> None:
    client = client_of(upstream.url, clock, is_paced=True)
    source = source_of(pace=Pace(requests_per_minute=5, seconds_between=1.0))
    moments = []
    for _ in range(11):
        ask(client, source=source)
        moments.append(clock.monotonic())
    assert all(later - earlier >= 60 for earlier, later in zip(moments, moments[5:], strict=False))


def test_each_host_has_a_pace_of_its_own_and_a_mirror_none(upstream: Upstream, clock: Sleeper) -> None:
    upstream.serve(f"https://{OTHER_HOST}/", BODY)
    source = source_of(pace=Pace(requests_per_minute=1))
    client = client_of(upstream.url, clock, is_paced=True)
    ask(client, source=source)
    ask(client, request_of(f"https://{OTHER_HOST}/"), source)
    assert clock.slept == []
    mirrored = client_from({"OBSERVATORY_MIRROR": upstream.url}, clock.effects)
    for _ in range(5):
        ask(mirrored, source=source)
    assert clock.slept == []


def test_no_more_than_so_many_at_once(upstream: Upstream) -> None:
    here, most, lock = [0], [0], threading.Lock()
    client, source = client_of(upstream.url), source_of(pace=Pace(requests_per_minute=600, at_once=2))

    def one(_: int) -> None:
        with client.open(source, request_of(), {}) as response:
            with lock:
                here[0] += 1
                most[0] = max(most[0], here[0])
            time.sleep(0.005)
            b"".join(response.chunks)
            with lock:
                here[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(16)))
    assert most[0] == 2


def test_what_a_host_asks_for_holds_for_all_who_ask_it(upstream: Upstream, clock: Sleeper) -> None:
    client = client_of(upstream.url, clock)
    upstream.fail(status(429, {"Retry-After": "30"}))
    with client.open(source_of(), request_of(), {}) as response:
        assert client.problem_of(source_of(), request_of(), response)
    other = replace(source_of(), name="another")
    ask(client, source=other)
    assert clock.slept == [30.0]
