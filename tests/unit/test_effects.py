"""Durable writes, with several writers and after a kill."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingestion.effects import write_durably

WRITES = 40


def write_often(final: Path, letter: str) -> None:
    """Contents of different lengths, so that a mixture would show."""
    for time in range(1, WRITES):
        write_durably(final, letter.encode() * time * 100)


def is_whole(content: bytes) -> bool:
    return len(set(content)) == 1 and len(content) % 100 == 0


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    """The page of health is written by the daemon and by `status`, which know nothing of each other."""
    final = tmp_path / "health" / "index.html"
    context = multiprocessing.get_context("forkserver")
    other = context.Process(target=write_often, args=(final, "p"))
    other.start()
    with ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(write_often, final, letter) for letter in "ab"]
        while not all(writer.done() for writer in writers):
            assert not final.exists() or is_whole(final.read_bytes())
    other.join()
    assert [writer.exception() for writer in writers] == [None, None]
    assert other.exitcode == 0
    assert is_whole(final.read_bytes())
    assert [path.name for path in final.parent.iterdir()] == [final.name]


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path) -> None:
    final = tmp_path / "page.html"
    (tmp_path / ".page.html.tmp").write_text("half of a much longer page")
    write_durably(final, b"whole")
    assert final.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [final]
