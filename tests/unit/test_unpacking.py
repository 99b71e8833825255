"""Compressed bytes: what comes out, and what is refused before it does harm."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.source import MEBIBYTE, WrongAnswerError
from ingestion.unpacking import decoded, open_zip_member

TEXT = b"the quick brown fox " * 5000


def pieces(content: bytes, size: int = 1000) -> Iterator[bytes]:
    return (content[i : i + size] for i in range(0, len(content), size))


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize("size", [3, 700, 10**6])
@pytest.mark.parametrize(
    ("encodings", "packed"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("X-GZip", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT[:50], mtime=0) + gzip.compress(TEXT[50:])),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"\0\0\0padding"),
        ("gzip", TEXT),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT), mtime=0)),
    ],
)
def test_bodies_come_out_as_they_were(encodings: str, packed: bytes, size: int) -> None:
    assert b"".join(decoded(pieces(packed, size), encodings, 10**6)) == TEXT


@pytest.mark.parametrize("encodings", ["gzip", "deflate"])
def test_nothing_is_nothing(encodings: str) -> None:
    assert b"".join(decoded([], encodings, 10)) == b""


@pytest.mark.parametrize(
    ("encodings", "packed", "said", "is_retriable"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-20], "ends before its end", True),
        (
            "gzip",
            gzip.compress(TEXT, mtime=0)[:60] + b"\xff" * 60 + gzip.compress(TEXT)[120:],
            "no valid gzip",
            True,
        ),
        ("gzip", gzip.compress(b"\0" * 10**7, mtime=0), "over the limit of 1000000 bytes", False),
        ("gzip, gzip", gzip.compress(gzip.compress(b"\0" * 10**7), mtime=0), "over the limit", False),
        ("gzip, gzip, gzip", TEXT, "encoded 3 times", False),
        ("br", TEXT, "'br', which was not asked for", False),
        ("deflate", b"no deflate at all", "no valid deflate", True),
    ],
)
def test_what_is_refused(encodings: str, packed: bytes, said: str, is_retriable: bool) -> None:
    with pytest.raises(WrongAnswerError, match=said) as caught:
        b"".join(decoded(pieces(packed), encodings, 10**6))
    assert caught.value.is_retriable is is_retriable


def test_a_bomb_goes_off_piece_by_piece() -> None:
    """No piece is larger than a chunk, however tightly it was packed, and no more comes than may."""
    out = decoded([gzip.compress(b"\0" * 50 * MEBIBYTE)], "gzip", MEBIBYTE)
    sizes: list[int] = []
    with pytest.raises(WrongAnswerError):
        for piece in out:
            sizes.append(len(piece))
    assert MEBIBYTE - 64 * 1024 <= sum(sizes) <= MEBIBYTE
    assert max(sizes) <= 64 * 1024


def test_what_is_packed_too_tightly_is_refused_long_before_the_limit() -> None:
    out = decoded([gzip.compress(b"\0" * 50 * MEBIBYTE)], "gzip", 10**12)
    size = 0
    with pytest.raises(WrongAnswerError, match="more than 100 to 1"):
        for piece in out:
            size += len(piece)
    assert size <= 9 * MEBIBYTE


@given(st.binary(max_size=300), st.integers(1, 20))
def test_any_bytes_give_bytes_or_a_wrong_answer(packed: bytes, size: int) -> None:
    for encodings in ("gzip", "deflate"):
        try:
            b"".join(decoded(pieces(packed, size), encodings, 10**4))
        except WrongAnswerError:
            continue


# --- zip files ------------------------------------------------------------------------------------


def zipped(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_the_one_member_is_read_as_a_stream(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"20250915130000.gkg.csv": TEXT})
    with open_zip_member(path, MEBIBYTE) as stream:
        assert stream.read(9) == TEXT[:9]
        assert stream.read() == TEXT[9:]
    with open_zip_member(path, MEBIBYTE) as stream, io.TextIOWrapper(stream, "utf-8") as text:
        assert text.read() == TEXT.decode()


def test_an_empty_member_is_an_empty_stream(tmp_path: Path) -> None:
    with open_zip_member(zipped(tmp_path / "a.zip", {"a": b""}), 10) as stream:
        assert stream.read() == b""


@pytest.mark.parametrize(
    ("members", "packing", "said"),
    [
        ({}, zipfile.ZIP_DEFLATED, "holds 0 entries"),
        ({"a": b"1", "b": b"2"}, zipfile.ZIP_DEFLATED, "holds 2 entries"),
        ({"folder/": b""}, zipfile.ZIP_DEFLATED, "not one file"),
        ({"a": TEXT}, zipfile.ZIP_LZMA, "the packing 14"),
        ({"a": b"\0" * 3 * MEBIBYTE}, zipfile.ZIP_DEFLATED, "over the limit of 1048576"),
        ({"a": gzip.compress(b"1", mtime=0)}, zipfile.ZIP_DEFLATED, "another archive"),
        ({"a.zip": b"PK\x03\x04" + b"x" * 30}, zipfile.ZIP_STORED, "another archive"),
    ],
)
def test_zip_files_that_are_refused(
    tmp_path: Path, members: dict[str, bytes], packing: int, said: str
) -> None:
    path = zipped(tmp_path / "a.zip", members, packing)
    with pytest.raises(WrongAnswerError, match=said) as caught, open_zip_member(path, MEBIBYTE):
        pass
    assert not caught.value.is_retriable


def test_a_member_that_is_packed_too_tightly_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": b"\0" * 20 * MEBIBYTE})
    with (
        pytest.raises(WrongAnswerError, match="more than 100 to 1"),
        open_zip_member(path, 100 * MEBIBYTE),
    ):
        pass


def test_a_directory_that_lies_about_the_size_gains_nothing(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": TEXT})
    content = bytearray(path.read_bytes())
    real = len(TEXT).to_bytes(4, "little")
    while (at := bytes(content).find(real)) >= 0:
        content[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(bytes(content))
    with pytest.raises(WrongAnswerError), open_zip_member(path, MEBIBYTE) as stream:
        stream.read()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_zip_file_that_is_cut_off_may_be_asked_for_again(tmp_path: Path, keep: float) -> None:
    path = zipped(tmp_path / "a.zip", {"a": TEXT})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 or keep == 0 else keep * len(content))])
    with pytest.raises(WrongAnswerError, match="damaged or cut off") as caught, open_zip_member(path, 10**6):
        pass
    assert caught.value.is_retriable


def test_damage_anywhere_is_a_wrong_answer_and_nothing_else(tmp_path: Path) -> None:
    content = zipped(tmp_path / "a.zip", {"a": TEXT}).read_bytes()
    for place in range(len(content)):
        for value in (0x00, 0xFF, content[place] ^ 0x40):
            path = tmp_path / "b.zip"
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                with open_zip_member(path, MEBIBYTE) as stream:
                    stream.read()
            except WrongAnswerError:
                continue


def test_what_its_user_raises_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": TEXT})
    with pytest.raises(RuntimeError, match="mine"), open_zip_member(path, MEBIBYTE):
        raise RuntimeError("mine")
    with pytest.raises(FileNotFoundError), open_zip_member(tmp_path / "nothing", MEBIBYTE):
        pass


def test_a_damaged_member_is_noticed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a": TEXT}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"quick", b"quack", 1))
    with pytest.raises(WrongAnswerError, match="damaged"), open_zip_member(path, 10**6) as stream:
        stream.read()
