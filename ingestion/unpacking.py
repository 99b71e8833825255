"""Unpacks what arrives compressed, without ever holding or writing more than was agreed.

Belongs here: the content encodings of HTTP and zip files, with limits on what goes in and what comes out.
Does not belong here: what the unpacked bytes mean.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO

from ingestion.source import MEBIBYTE, WrongAnswerError

CHUNK_BYTES = 64 * 1024
MAX_ENCODINGS = 2
"""More than two layers of compression is what an attack looks like, not an upstream."""

MAX_RATIO = 100
UNSUSPICIOUS_BYTES = 8 * MEBIBYTE
"""What is small may be packed as tightly as it likes: a table of zeros is."""

GZIP_MAGIC = b"\x1f\x8b"
ARCHIVES = (b"PK\x03\x04", GZIP_MAGIC, b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
"""How archives start: none of them belongs into another."""


# --- content encodings ----------------------------------------------------------------------------


def limited(chunks: Iterable[bytes], max_bytes: int, what: str) -> Iterator[bytes]:
    """`chunks` as they come. Raises `WrongAnswerError` as soon as there are more than `max_bytes`."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise WrongAnswerError(f"{what} is over the limit of {max_bytes} bytes", is_retriable=False)
        yield chunk


def decoded(chunks: Iterable[bytes], encodings: str, max_unpacked_bytes: int) -> Iterator[bytes]:
    """A body without its content encodings, as the header `Content-Encoding` lists them.

    A body that is declared as gzip and is none is given as it is: the declaration is wrong, the body may
    be right. Raises `WrongAnswerError`: beyond `max_unpacked_bytes` or more than `MAX_RATIO` bytes for each
    packed one, for an encoding that was not asked for, and for data that are damaged or end too soon.
    """
    names = [name for name in (part.strip().lower() for part in encodings.split(",")) if name]
    names = [name for name in names if name != "identity"]
    if len(names) > MAX_ENCODINGS:
        raise WrongAnswerError(f"the body is encoded {len(names)} times over", is_retriable=False)
    for name in reversed(names):
        if name not in {"gzip", "x-gzip", "deflate"}:
            raise WrongAnswerError(
                f"the body has the content encoding {name[:20]!r}, which was not asked for",
                is_retriable=False,
            )
        chunks = limited(_inflated(chunks, name.removeprefix("x-")), max_unpacked_bytes, "the unpacked body")
    return iter(chunks)


def _inflated(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    start, rest = _first_bytes(chunks, 2)
    if not start:
        return
    if name == "gzip" and not start.startswith(GZIP_MAGIC):
        yield from chain([start], rest)
        return
    engine = zlib.decompressobj(_window_bits(start, name))
    data = b""
    packed_bytes, unpacked_bytes = 0, 0
    for chunk in chain([start], rest):
        data += chunk
        packed_bytes += len(chunk)
        while True:
            if engine.eof:  # another member of a gzip file may follow; anything else is padding
                if len(data) < len(GZIP_MAGIC):
                    break
                if not data.startswith(GZIP_MAGIC):
                    return
                engine = zlib.decompressobj(_window_bits(GZIP_MAGIC, "gzip"))
            try:
                piece = engine.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise WrongAnswerError(f"the body is no valid {name}: {error}", is_retriable=True) from error
            data = engine.unused_data if engine.eof else engine.unconsumed_tail
            unpacked_bytes += len(piece)
            if unpacked_bytes > max(UNSUSPICIOUS_BYTES, MAX_RATIO * packed_bytes):
                raise WrongAnswerError(
                    f"the {name} body packs more than {MAX_RATIO} to 1", is_retriable=False
                )
            if piece:
                yield piece
            if not data and len(piece) < CHUNK_BYTES:
                break
    if not engine.eof:
        raise WrongAnswerError(f"the {name} body ends before its end", is_retriable=True)


def _first_bytes(chunks: Iterable[bytes], count: int) -> tuple[bytes, Iterator[bytes]]:
    """At least the first `count` bytes, if there are so many, and what follows them."""
    rest = iter(chunks)
    start = b""
    while len(start) < count and (chunk := next(rest, None)) is not None:
        start += chunk
    return start, rest


def _window_bits(start: bytes, name: str) -> int:
    if name == "gzip":
        return zlib.MAX_WBITS | 16
    is_wrapped = len(start) > 1 and start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS if is_wrapped else -zlib.MAX_WBITS  # some servers send `deflate` without its head


# --- zip files ------------------------------------------------------------------------------------


@contextmanager
def open_zip_member(path: Path, max_unpacked_bytes: int, *, max_ratio: int = MAX_RATIO) -> Iterator[BinaryIO]:
    """The one file in a zip file, as a stream that is unpacked while it is read.

    What the directory of the zip file claims is checked first, and what really comes out again while it is
    read. Raises `WrongAnswerError`, here and while reading, for: no zip file, damaged or cut off; none or
    several members; encryption; a packing other than stored and deflated; an archive in the archive;
    more than `max_unpacked_bytes`, or more than `max_ratio` bytes for each packed one.
    """
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(zipfile.ZipFile(path))
            member = _only_member(archive)
            packed = opened.enter_context(archive.open(member))
        except (WrongAnswerError, FileNotFoundError, PermissionError):
            raise
        except (NotImplementedError, RuntimeError) as error:
            raise WrongAnswerError(f"the zip file cannot be unpacked: {error}", is_retriable=False) from error
        except Exception as error:  # whatever contradiction Python's zip reader has stumbled over
            raise WrongAnswerError(_damaged(error), is_retriable=True) from error
        bound = _bound(member, max_unpacked_bytes, max_ratio)
        stream = opened.enter_context(io.BufferedReader(_Bounded(packed, bound)))
        if stream.peek(8).startswith(ARCHIVES):
            raise WrongAnswerError("the zip file holds another archive", is_retriable=False)
        yield stream


def _damaged(error: Exception) -> str:
    return f"the zip file is damaged or cut off ({type(error).__name__}: {error})"


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1 or not members[0].filename or members[0].is_dir():
        raise WrongAnswerError(f"the zip file holds {len(members)} entries, not one file", is_retriable=False)
    member = members[0]
    if member.flag_bits & 0x1:
        raise WrongAnswerError("the zip file is encrypted", is_retriable=False)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise WrongAnswerError(f"the zip file has the packing {member.compress_type}", is_retriable=False)
    return member


def _bound(member: zipfile.ZipInfo, max_unpacked_bytes: int, max_ratio: int) -> int:
    """How many bytes may come out."""
    if member.file_size > max_unpacked_bytes:
        raise WrongAnswerError(
            f"the zip file unpacks to {member.file_size} bytes, over the limit of {max_unpacked_bytes}",
            is_retriable=False,
        )
    by_ratio = max(UNSUSPICIOUS_BYTES, max_ratio * max(1, member.compress_size))
    if member.file_size > by_ratio:
        raise WrongAnswerError(
            f"the zip file packs {member.file_size} bytes into {member.compress_size}, "
            f"more than {max_ratio} to 1",
            is_retriable=False,
        )
    return min(max_unpacked_bytes, by_ratio)


class _Bounded(io.RawIOBase):
    """A stream that ends with an exception when it gives more than `bound` bytes."""

    def __init__(self, stream: IO[bytes], bound: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = bound

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            chunk = self._stream.read(len(buffer))
        except Exception as error:
            raise WrongAnswerError(_damaged(error), is_retriable=True) from error
        self._left -= len(chunk)
        if self._left < 0:
            raise WrongAnswerError("the zip file unpacks to more than it may", is_retriable=False)
        buffer[: len(chunk)] = chunk
        return len(chunk)
