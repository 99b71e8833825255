"""Results are used again for the same inputs, and for no others."""

from __future__ import annotations

import duckdb

from ingestion.statistics.remembered import code_now, digest_of, remembered


def test_a_digest_tells_where_one_input_ends() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of(b"1", 2) == digest_of("1", "2")
    assert digest_of() != digest_of("")


def test_results_are_found_by_their_inputs() -> None:
    with duckdb.connect() as session:
        session.execute(
            "create table fits as from (values ('a', 1), ('a', 2), ('b', 3), (null, 4)) t(inputs, x)"
        )
        found = remembered(session, "fits")
    assert {inputs: result["x"].tolist() for inputs, result in found.items()} == {"a": [1, 2], "b": [3]}


def test_a_table_that_was_never_built_or_has_no_inputs_remembers_nothing() -> None:
    with duckdb.connect() as session:
        session.execute("create table old as select 1 as x")
        assert remembered(session, "fits") == remembered(session, "old") == {}


def test_the_code_is_what_the_build_was_told() -> None:
    with duckdb.connect() as session:
        session.execute("create schema upkeep")
        session.execute("create table upkeep.lake_days (table_name varchar, digest varchar)")
        assert code_now(session) == ""
        session.execute("insert into upkeep.lake_days values ('code', 'now'), ('articles', 'other')")
        assert code_now(session) == "now"
