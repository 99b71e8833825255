"""GKG files: unpacking in a stream, and a sieve that lets through all that the matcher would find."""

from __future__ import annotations

import csv
import unicodedata
import zipfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingestion.gkg import (
    COLUMNS,
    MAX_CONTINUATIONS,
    MAX_LINE_BYTES,
    MAX_ODD_LINES,
    Sifted,
    Unpacked,
    sieve_pattern,
    sift,
    unpacked,
)
from ingestion.mentions import Matcher
from ingestion.settings import PROJECT_ROOT, WATCHLIST
from ingestion.source import MEBIBYTE, WrongAnswerError
from ingestion.watchlist import Watchlist, parse_watchlist
from tests._support.gkg import file_of, record, zipped

MANY = 64 * MEBIBYTE
HEADLINES = PROJECT_ROOT / "tests" / "fixtures" / "mentions" / "headlines.csv"


@cache
def watched() -> Watchlist:
    return parse_watchlist(WATCHLIST.read_bytes())


@cache
def pattern() -> str:
    return sieve_pattern(watched())


@cache
def matcher() -> Matcher:
    return Matcher.from_watchlist(watched())


def sifted(folder: Path, *lines: bytes) -> tuple[Unpacked, Sifted]:
    with unpacked(file_of(folder, lines), MANY) as records:
        return records, sift(records.path, pattern())


# --- unpacking ------------------------------------------------------------------------------------


def test_records_come_out_and_nothing_stays_behind(tmp_path: Path) -> None:
    with unpacked(file_of(tmp_path, [record(1), record(2)]), MANY) as records:
        assert records.records == 2
        assert records.path.read_bytes().count(b"\n") == 2
        assert records.path.parent == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["gkg.zip"]


def test_nothing_stays_behind_when_the_reader_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="fails"), unpacked(file_of(tmp_path, [record()]), MANY):
        raise RuntimeError("fails")
    assert [path.name for path in tmp_path.iterdir()] == ["gkg.zip"]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    (tmp_path / "gkg.zip").write_bytes(zipped(record(1) + b"\n" + record(2)))
    with unpacked(tmp_path / "gkg.zip", MANY) as records:
        assert (records.records, records.odd) == (2, [])


def test_a_file_without_lines_is_a_file(tmp_path: Path) -> None:
    records, found = sifted(tmp_path)
    assert (records.records, found) == (0, Sifted(0, 0, 0, []))


def test_a_title_with_a_line_break_goes_on_in_the_next_line(tmp_path: Path) -> None:
    whole = record(1, "Why people leave TikTok now")
    first, second = whole.split(b" leave ")
    records, found = sifted(tmp_path, record(0), first, b"leave " + second, record(2))
    assert (records.records, records.continued, records.odd) == (3, 1, [])
    assert [candidate.title for candidate in found.candidates] == ["Why people leave TikTok now"]


def test_a_line_break_between_two_chunks_is_one_as_well(tmp_path: Path) -> None:
    filler = record(0, "x" * 1000)
    lines = [filler] * (2 * MEBIBYTE // len(filler))
    cut = record(1, "People@leave TikTok").replace(b"@", b"\n")
    records, found = sifted(tmp_path, *lines, cut, *lines, cut)
    assert records.continued == 2
    assert records.records == 2 * len(lines) + 2
    assert {candidate.title for candidate in found.candidates} == {"People leave TikTok"}


def test_continuations_have_an_end(tmp_path: Path) -> None:
    records, _ = sifted(tmp_path, record(), *[b"more"] * (MAX_CONTINUATIONS + 5))
    assert (records.continued, len(records.odd)) == (MAX_CONTINUATIONS, 5)


def test_a_line_with_other_columns_is_odd_and_the_rest_is_read(tmp_path: Path) -> None:
    short = record(1).rpartition(b"\t")[0]
    records, found = sifted(tmp_path, record(0), b"", short, record(2))
    assert [(line.position, line.reason) for line in records.odd] == [
        (3, "the line has 26 columns instead of 27")
    ]
    assert found.articles == 2


def test_new_columns_at_the_end_are_left_out(tmp_path: Path) -> None:
    records, found = sifted(tmp_path, *[record(n, "TikTok news") + b"\tnew\tnewer" for n in range(3)])
    assert (records.records, records.odd, len(found.candidates)) == (3, [], 3)


def test_a_tab_inside_a_column_makes_a_line_odd(tmp_path: Path) -> None:
    records, _ = sifted(tmp_path, record(0), record(1, names="Ti\tk,5"))
    assert [line.reason for line in records.odd] == ["the line has 28 columns instead of 27"]


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, [b"url\ttitle"] * 10)
    with (
        pytest.raises(WrongAnswerError, match="10 lines of the GKG file are no records") as wrong,
        unpacked(path, MANY),
    ):
        pass
    assert not wrong.value.is_retriable


def test_odd_lines_are_not_gathered_without_end(tmp_path: Path) -> None:
    path = file_of(tmp_path, [record(), *[b"a\tb"] * (MAX_ODD_LINES + 1)])
    with pytest.raises(WrongAnswerError, match="are no records"), unpacked(path, MANY):
        pass


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gkg.zip").write_bytes(zipped(b"x" * (3 * MAX_LINE_BYTES)))
    with (
        pytest.raises(WrongAnswerError, match="a line of the GKG file has more"),
        unpacked(tmp_path / "gkg.zip", MANY),
    ):
        pass


def test_bytes_that_are_no_utf8_are_repaired_and_counted(tmp_path: Path) -> None:
    lines = [
        record(0, "TikTok caf@").replace(b"@", b"\xe9"),
        record(1),
        record(2, names="@,1").replace(b"@", b"\xff"),
    ]
    records, found = sifted(tmp_path, *lines)
    assert (records.records, records.repaired) == (3, 2)
    assert [candidate.title for candidate in found.candidates] == ["TikTok caf\N{REPLACEMENT CHARACTER}"]


def test_signs_that_end_lines_elsewhere_do_not_do_so_here(tmp_path: Path) -> None:
    lines = [record(0, names='"A\rB" \\,1').replace(b"bridge", b"\x00bridge"), record(1) + b"\r"]
    records, found = sifted(tmp_path, *lines)
    assert (records.records, found.articles) == (2, 2)


def test_more_than_was_agreed_is_refused(tmp_path: Path) -> None:
    path = file_of(tmp_path, [record(n) for n in range(100)])
    with pytest.raises(WrongAnswerError, match="over the limit"), unpacked(path, 1000):
        pass


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    content = file_of(tmp_path, [record(n) for n in range(100)]).read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(WrongAnswerError) as wrong, unpacked(tmp_path / "cut.zip", MANY):
        pass
    assert wrong.value.is_retriable


# --- sifting --------------------------------------------------------------------------------------


def test_counts_add_up_to_the_records(tmp_path: Path) -> None:
    lines = [
        record(0),
        record(1),
        record(2, url="https://outlet.example/story-1"),
        record(
            3, collection="2", url="as listed in Russian /BBC Monitoring/(c) BBC", organizations="TikTok,3"
        ),
        record(4, url=""),
    ]
    _, found = sifted(tmp_path, *lines)
    assert (found.articles, found.repeated, found.citations) == (2, 1, 2)
    assert found.candidates == []


@pytest.mark.parametrize(
    ("changes", "hits", "in_title", "in_page"),
    [
        ({"title": "TikTok ban"}, [], True, False),
        ({"title": "美国用户涌入小红书"}, [], True, False),
        ({"organizations": "Meta,1;Tik Tok,17;Meta,30;tiktok,99"}, ["Tik Tok,17", "tiktok,99"], False, False),
        ({"persons": "Lemon Eight,4;Lemon8,9"}, ["Lemon8,9"], False, False),
        ({"names": "Threads,5"}, ["Threads,5"], False, False),
        ({"url": "https://outlet.example/why-tik-tok-users-leave?id=1"}, [], False, True),
        ({"url": "https://outlet.example/%E5%B0%8F%E7%BA%A2%E4%B9%A6.html"}, [], False, True),
        ({"url": "HTTPS://outlet.example/%ff/tiktok"}, [], False, True),
    ],
)
def test_a_name_is_seen_in_title_entities_and_address(
    tmp_path: Path, changes: dict[str, str], hits: list[str], in_title: bool, in_page: bool
) -> None:
    _, found = sifted(tmp_path, record(0), record(1, **changes))
    (candidate,) = found.candidates
    assert (candidate.hits, candidate.has_title_hit, candidate.has_page_hit) == (hits, in_title, in_page)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "The thread of hope"},
        {"names": "Threadsuit,4;Xavier,9;Red Cross,20"},
        {"extras": "<PAGE_LINKS>https://facebook.com/a;https://twitter.com/b</PAGE_LINKS>"},
        {"url": "https://outlet.example/story?utm_source=facebook"},
        {"lower_organizations": "tiktok"},
    ],
)
def test_what_is_no_name_or_no_field_to_look_at_does_not_pass(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    assert sifted(tmp_path, record(1, **changes))[1].candidates == []


def test_every_headline_with_a_mention_passes_and_few_others_do(tmp_path: Path) -> None:
    with HEADLINES.open(newline="") as file:
        titles = [row["headline"] for row in csv.DictReader(file)]
    _, found = sifted(tmp_path, *[record(number, title) for number, title in enumerate(titles)])
    passed = {candidate.title for candidate in found.candidates if candidate.has_title_hit}
    assert {title for title in titles if matcher().find(title)} <= passed


def names() -> list[str]:
    return sorted({alias.alias for platform in watched().platforms.values() for alias in platform.aliases})


DISGUISES = (
    str,
    str.upper,
    str.lower,
    lambda name: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in name),
    lambda name: "".join(c + "\u200b" for c in name),
    lambda name: "".join(c + "\u0301" if c.isalpha() and c.isascii() else c for c in name),
    lambda name: name.replace(" ", "-").replace("T", "Ť").replace("e", "é"),
    lambda name: name.replace(" ", "\N{NO-BREAK SPACE}"),
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: f"#{name.replace(' ', '')}",
)
AROUND = st.sampled_from(["", "on ", "the app ", "用", "ban ", "“", " users", "'s owner", "Ban", "的人"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            AROUND,
            st.deferred(lambda: st.sampled_from(names())),
            st.sampled_from(range(len(DISGUISES))),
            AROUND,
        )
        | st.tuples(st.text("TikToк tIKtokＴｉｋ小红书xX.#-'s\u200bﬂipFlip appßs\u0301", max_size=24)),
        min_size=20,
        max_size=60,
    )
)
@example([("on ", "X", 0, ""), ("ﬂip app",)])
def test_the_sieve_misses_nothing_that_the_matcher_finds(
    tmp_path: Path, parts: list[tuple[object, ...]]
) -> None:
    titles = [" ".join(_text(part).split()) for part in parts]
    _, found = sifted(tmp_path, *[record(number, title) for number, title in enumerate(titles)])
    passed = {candidate.record for candidate in found.candidates if candidate.has_title_hit}
    named = {f"20250115001500-{number}" for number, title in enumerate(titles) if matcher().find(title)}
    assert named <= passed, [titles[int(name.rpartition("-")[2])] for name in named - passed]


def _text(part: tuple[object, ...]) -> str:
    if len(part) == 1:
        return str(part[0])
    before, name, disguise, after = part
    assert isinstance(disguise, int)
    return f"{before}{DISGUISES[disguise](str(name))}{after}"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 3000), st.integers(0, 60))
def test_damaged_content_is_all_accounted_for(tmp_path: Path, new: bytes, start: int, taken: int) -> None:
    whole = b"".join(record(number, "TikTok – Café") + b"\n" for number in range(8))
    content = whole[: start % len(whole)] + new + whole[start % len(whole) + taken :]
    (tmp_path / "gkg.zip").write_bytes(zipped(content))
    try:
        with unpacked(tmp_path / "gkg.zip", MANY) as records:
            found = sift(records.path, pattern())
    except WrongAnswerError:
        return
    lines = [line for line in content.split(b"\n") if line.strip()]
    assert len(lines) == records.records + records.continued + len(records.odd)
    assert records.records == found.articles + found.repeated + found.citations


def test_a_watchlist_without_names_lets_nothing_through(tmp_path: Path) -> None:
    nobody = parse_watchlist(b"platforms: {tiktok: {name: TikTok, kind: video}}")
    with unpacked(file_of(tmp_path, [record(0, "TikTok")]), MANY) as records:
        assert sift(records.path, sieve_pattern(nobody)).candidates == []


# --- the recordings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "records_in", "articles", "repeated", "citations"),
    [
        ("gkg.csv", 100, 98, 0, 2),
        ("gkgT.csv", 100, 89, 11, 0),
        ("20250915130000.gkg.excerpt.csv", 1, 1, 0, 0),
    ],
)
def test_every_recorded_record_is_read(
    shared: Path, tmp_path: Path, name: str, records_in: int, articles: int, repeated: int, citations: int
) -> None:
    with zipfile.ZipFile(tmp_path / "gkg.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(shared / "recordings" / "news" / "gdelt" / name)
    with unpacked(tmp_path / "gkg.zip", MANY) as records:
        found = sift(records.path, pattern())
    assert (records.records, records.odd, records.continued, records.repaired) == (records_in, [], 0, 0)
    assert (found.articles, found.repeated, found.citations) == (articles, repeated, citations)


def test_the_columns_are_those_of_the_codebook() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 27
    assert [COLUMNS.index(name) + 1 for name in ("url", "persons", "organizations", "names", "extras")] == [
        5,
        13,
        15,
        24,
        27,
    ]
