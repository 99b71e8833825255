"""What lies in the inbox, finished and ready to be taken, and what it is.

Belongs here: looking without taking, cheaply enough to be done every few seconds. Does not belong here:
taking it (`ingestion.inbox`), which looks again and decides for itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple

from ingestion.archive import CHUNK_BYTES
from ingestion.errors import RejectedFileError
from ingestion.settings import Home
from ingestion.strangers import (
    CASE_FILE,
    FORMATS,
    StillWritten,
    held_open_for_writing,
    is_folder,
    is_ignored,
    is_unfinished,
    names_in,
    open_file,
    open_folder,
    seen,
    seen_at,
)

Arrivals = Mapping[str, tuple[str, str]]
"""Path in the inbox -> the state that the file is in, and its SHA-256."""


def arrivals(
    home: Home, known: Arrivals, still_written: StillWritten = held_open_for_writing
) -> dict[str, tuple[str, str]]:
    """Every finished file of the inbox.

    Files that are being written are left out, and so is a case folder as long as one of its files is. A file
    in the state that `known` has of it is not read again. What can never be taken, such as a link, is there
    as well: taking it means to reject it.
    """
    if not home.inbox.is_dir():
        return {}
    found: dict[str, tuple[str, str]] = {}
    with open_folder(home.inbox) as inbox:
        for name in names_in(inbox):
            if is_ignored(name):
                continue
            if is_folder(name, inbox):
                found |= _in_folder(inbox, name, known, still_written)
            elif (state := _finished(inbox, name, name, known, still_written)) is not None:
                found[name] = state
    return found


def digest_of(found: Arrivals) -> str:
    """Names what lies there: the names and contents of all files."""
    digest = hashlib.sha256()
    for path, (_, content) in sorted(found.items()):
        digest.update(f"{path}\0{content}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _in_folder(
    inbox: int, folder_name: str, known: Arrivals, still_written: StillWritten
) -> dict[str, tuple[str, str]]:
    try:
        with open_folder(folder_name, within=inbox) as folder:
            names = names_in(folder)
            is_case = CASE_FILE in names
            if is_case and any(is_unfinished(name) for name in names):
                return {}
            found: dict[str, tuple[str, str]] = {}
            for name in (name for name in names if not is_ignored(name)):
                path = f"{folder_name}/{name}"
                state = _finished(folder, name, path, known, still_written)
                if state is not None:
                    found[path] = state
                elif is_case:
                    return {}
            has_table = any(path.lower().endswith(tuple(FORMATS)) for path in found)
            return {} if is_case and not has_table else found
    except RejectedFileError as error:  # a folder that cannot be opened: the load says so
        return {folder_name: (error.problem, "")}


def _finished(
    folder: int, name: str, path: str, known: Arrivals, still_written: StillWritten
) -> tuple[str, str] | None:
    """State and digest of a file; None for one that somebody writes, or that has just been taken away."""
    if is_folder(name, folder):
        return str(seen_at(name, folder)), ""
    try:
        with open_file(name, folder) as file:
            if still_written(file.fileno()):
                return None
            state = ",".join(map(str, astuple(seen(file.fileno()))))
            before = known.get(path)
            if before is not None and before[0] == state:
                return before
            digest = hashlib.sha256()
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            return state, digest.hexdigest()
    except FileNotFoundError:
        return None
    except RejectedFileError as error:
        return error.problem, ""
