"""Reading files that are replaced meanwhile."""

from __future__ import annotations

import duckdb
import pytest

from ingestion.sql import TRIES, settled


class Replaced:
    """A file of which the first looks fail."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.looks = 0

    def read(self) -> str:
        self.looks += 1
        if self.looks <= self.failures:
            raise duckdb.IOException("Could not read enough bytes")
        return "whole"


@pytest.mark.parametrize("failures", [0, 1, TRIES - 1])
def test_a_file_that_was_replaced_is_read_again(failures: int) -> None:
    file = Replaced(failures)
    assert settled(file.read) == "whole"
    assert file.looks == failures + 1


def test_a_file_that_is_damaged_is_said_to_be() -> None:
    with pytest.raises(duckdb.IOException):
        settled(Replaced(TRIES).read)


def test_other_errors_are_not_read_away() -> None:
    def wrong() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        settled(wrong)
