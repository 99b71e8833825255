"""Holds a batch against its contract with Great Expectations.

Belongs here: the suite of a table (what follows from its columns and key, and its own rules), its
evaluation, and which rows broke what. Does not belong here: what becomes of those rows
(`ingestion.load`), and the pages for people (`ingestion.data_docs`).
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ingestion import conform, readers
from ingestion.conform import AS_GIVEN, COPY_OF_ROW, TYPE_NAMES
from ingestion.contract import OBSERVED_AT, Column, ColumnType, RawTable, WatchedIds
from ingestion.effects import in_utc
from ingestion.errors import CheckError
from ingestion.tables import _shared

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations import Expectation

    from ingestion.readers import Rows

CRITICAL, WARNING, INFO = "critical", "warning", "info"
ROW, BATCH = "row", "batch"
LISTED_COLUMNS = 20
"""Columns that a rule names at most."""


@dataclass(frozen=True)
class RuleResult:
    """What one rule said of one batch. `rule` is a sentence about what is wrong where it does not hold.

    `scope`: `row` for rules of which single rows are guilty, `batch` for those about the whole.
    `failing_rows` is 0 for scope `batch`.
    """

    rule: str
    expectation: str
    column: str | None
    severity: str
    scope: str
    passed: bool
    failing_rows: int

    @property
    def is_critical(self) -> bool:
        """Whether breaking it keeps something out of the lake."""
        return self.severity == CRITICAL


@dataclass(frozen=True)
class CheckResult:
    """What all rules said of one batch.

    `failing_rows_by_rule`: numbers of the rows that broke a rule of scope `row`, whatever its severity.
    `validation`: Great Expectations' own result, for its pages.
    """

    rules: tuple[RuleResult, ...]
    failing_rows_by_rule: dict[str, tuple[int, ...]]
    validation: ExpectationSuiteValidationResult

    @property
    def broken_for_the_batch(self) -> tuple[str, ...]:
        """Critical rules about the whole batch that do not hold."""
        broken = (rule for rule in self.rules if not rule.passed)
        return tuple(rule.rule for rule in broken if rule.is_critical and rule.scope == BATCH)

    @property
    def reasons_by_row(self) -> dict[int, tuple[str, ...]]:
        """Critical rules that each row broke."""
        critical = {rule.rule for rule in self.rules if rule.is_critical and not rule.passed}
        reasons: dict[int, list[str]] = {}
        for rule, numbers in self.failing_rows_by_rule.items():
            for number in numbers if rule in critical else ():
                reasons.setdefault(number, []).append(rule)
        return {number: tuple(broken) for number, broken in sorted(reasons.items())}


def fingerprint(table: RawTable, watched: WatchedIds) -> str:
    """Names what a verdict depends on beside the bytes: contract, code of the check, watched ids.

    A load that was checked with another one is checked again. The sources of the modules stand for what
    they do: an edited rule counts at once, and so does, needlessly but without harm, an edited comment.
    """
    digest = hashlib.sha256()
    modules = [table.rules.__module__, *(module.__name__ for module in (_shared, conform, readers)), __name__]
    for name in modules:
        digest.update(Path(str(sys.modules[name].__file__)).read_bytes())
    digest.update(repr((table.name, table.columns, table.key, table.partition_by)).encode())
    for ids in (watched.platforms, watched.companies, watched.episodes):
        digest.update(repr(sorted(ids)).encode())
    return digest.hexdigest()[:16]


def check(
    frame: pd.DataFrame,
    rows: Rows,
    table: RawTable,
    watched: WatchedIds,
    *,
    received_at: datetime,
    may_be_empty: bool = False,
) -> CheckResult:
    """Evaluates the suite of `table` on a conformed frame.

    `rows` is what the frame was made of. First all rules are evaluated without their rows; then those
    that single rows broke, again, for the numbers of these rows. Where columns or rows are missing, only
    what is said of the whole batch is evaluated. Raises `CheckError` for a rule that cannot be evaluated:
    that is a fault of the rule and says nothing about the data.
    """
    gx, gxe = _great_expectations()
    missing = [
        column.name for column in table.columns if column.required and column.name not in frame.columns
    ]
    suite = [_has_columns(gxe, table, missing)]
    if not may_be_empty:
        suite.append(_has_rows(gxe))
    if not missing and len(frame):
        suite += derived_rules(gxe, table, received_at) + table.rules(gxe, watched)
    by_rule = {expectation.meta["rule"]: expectation for expectation in suite}
    validation = _validate(gx, frame, table, suite, {"result_format": "BASIC"})
    results = {result.expectation_config.meta["rule"]: result for result in validation.results}
    if len(by_rule) < len(suite) or set(results) != set(by_rule):
        raise CheckError(
            "two rules are the same sentence", source=table.name, remedy="Give each rule words of its own."
        )
    failing = [e for rule, e in by_rule.items() if _scope(e) == ROW and not results[rule].success]
    numbers = _failing_rows(gx, frame, table, failing)
    judged = [_rule_result(e, results[rule].success, numbers) for rule, e in by_rule.items()]
    reading, broken = _reading_rules(rows, table)
    return CheckResult((*reading, *judged), broken | numbers, validation)


def _great_expectations() -> tuple[ModuleType, ModuleType]:
    """Great Expectations, which takes seconds to import, and tells nobody that it is used."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import great_expectations.expectations as gxe

    return gx, gxe


# --- the suite ------------------------------------------------------------------------------------


def derived_rules(gxe: ModuleType, table: RawTable, received_at: datetime) -> list[Expectation]:
    """What follows from a contract's columns and key."""
    rules: list[Expectation] = []
    for column in (*table.columns, OBSERVED_AT):
        rules += _column_rules(gxe, column)
    rules += _shared.within_dates(gxe, [OBSERVED_AT.name])
    rules += [_not_yet(gxe, name, received_at) for name in _days_told_of(table)]
    return [*rules, *_key_rules(gxe, table), _not_from_the_future(gxe, received_at)]


def _days_told_of(table: RawTable) -> list[str]:
    """Day columns that place a row in time, where a table tells of what has happened."""
    days = {column.name for column in table.columns if column.type is ColumnType.DATE}
    return [] if table.may_look_ahead else [name for name in table.partition_by if name in days]


def _not_yet(gxe: ModuleType, column: str, received_at: datetime) -> Expectation:
    """A day is over nowhere before it begins somewhere: 14 hours ahead of UTC, and clocks that are off."""
    import pandas as pd

    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        max_value=pd.Timestamp(in_utc(received_at).replace(tzinfo=None)) + pd.Timedelta(days=2),
        severity=CRITICAL,
        meta={"rule": f"{column} is more than two days after the file was received"},
    )


def _column_rules(gxe: ModuleType, column: Column) -> list[Expectation]:
    from great_expectations.expectations.row_conditions import Column as Condition

    rules: list[Expectation] = []
    is_text = column.type is ColumnType.TEXT
    if not is_text:
        rules.append(
            gxe.ExpectColumnValuesToBeNull(
                column=column.name + AS_GIVEN,
                severity=CRITICAL,
                meta={"rule": f"{column.name} is not {TYPE_NAMES[column.type]}"},
            )
        )
    if column.required:
        rules.append(
            gxe.ExpectColumnValuesToNotBeNull(
                column=column.name,
                severity=CRITICAL,
                meta={"rule": f"{column.name} is missing"},
                # What is there but of another type is not missing.
                row_condition=None if is_text else Condition(column.name + AS_GIVEN).is_null(),
            )
        )
    if column.allowed:
        rules.append(
            gxe.ExpectColumnValuesToBeInSet(
                column=column.name,
                value_set=list(column.allowed),
                severity=CRITICAL,
                meta={"rule": f"{column.name} is none of {', '.join(column.allowed)}"},
            )
        )
    return rules


def _key_rules(gxe: ModuleType, table: RawTable) -> list[Expectation]:
    """One of several equal rows is kept; of rows that contradict each other, none."""
    from great_expectations.expectations.row_conditions import Column as Condition

    copies = gxe.ExpectColumnValuesToBeNull(
        column=COPY_OF_ROW, severity=CRITICAL, meta={"rule": "the row is a copy of an earlier one"}
    )
    key = ", ".join(table.key)
    same = {
        "severity": CRITICAL,
        "meta": {"rule": f"another row with other content has the same key ({key})"},
        "row_condition": Condition(COPY_OF_ROW).is_null(),
    }
    if len(table.key) == 1:
        return [copies, gxe.ExpectColumnValuesToBeUnique(column=table.key[0], **same)]
    return [
        copies,
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(table.key), ignore_row_if="any_value_is_missing", **same
        ),
    ]


def _not_from_the_future(gxe: ModuleType, received_at: datetime) -> Expectation:
    import pandas as pd

    return gxe.ExpectColumnValuesToBeBetween(
        column=OBSERVED_AT.name,
        max_value=pd.Timestamp(in_utc(received_at).replace(tzinfo=None)),
        severity=WARNING,
        meta={"rule": "observed_at is later than the moment the file was received"},
    )


def _has_columns(gxe: ModuleType, table: RawTable, missing: Sequence[str]) -> Expectation:
    required = [column.name for column in table.columns if column.required]
    return gxe.ExpectTableColumnsToMatchSet(
        column_set=required,
        exact_match=False,
        severity=CRITICAL,
        meta={"rule": f"required columns are missing{_listed(missing)}"},
    )


def _has_rows(gxe: ModuleType) -> Expectation:
    return gxe.ExpectTableRowCountToBeBetween(
        min_value=1, severity=CRITICAL, meta={"rule": "there is no row that can be read"}
    )


def _reading_rules(rows: Rows, table: RawTable) -> tuple[list[RuleResult], dict[str, tuple[int, ...]]]:
    """What reading the file has already shown."""
    absent = [c.name for c in table.columns if not c.required and c.name not in rows.frame.columns]
    broken: dict[str, list[int]] = {}
    for row in rows.broken:
        broken.setdefault(row.reason, []).append(row.row_number)
    results = [
        _reading_rule(f"unknown columns were left out{_listed(rows.unknown)}", not rows.unknown),
        _reading_rule(f"optional columns are missing{_listed(absent)}", not absent, INFO),
        *(_reading_rule(remark, False, INFO) for remark in rows.remarks),
        *(_reading_rule(reason, False, CRITICAL, len(numbers)) for reason, numbers in broken.items()),
    ]
    return results, {reason: tuple(numbers) for reason, numbers in broken.items()}


def _reading_rule(rule: str, passed: bool, severity: str = WARNING, failing_rows: int = 0) -> RuleResult:
    scope = ROW if failing_rows else BATCH
    return RuleResult(rule, "the file is read", None, severity, scope, passed, failing_rows)


def _listed(names: Sequence[str]) -> str:
    """The end of a sentence about columns."""
    shown = ", ".join(name[:40] for name in names[:LISTED_COLUMNS])
    more = ", ..." if len(names) > LISTED_COLUMNS else ""
    return f": {shown}{more}" if names else ""


# --- evaluation -----------------------------------------------------------------------------------


def _validate(
    gx: ModuleType,
    frame: pd.DataFrame,
    table: RawTable,
    expectations: Iterable[Expectation],
    result_format: dict[str, Any],
) -> ExpectationSuiteValidationResult:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("received").add_dataframe_asset(table.name)
    batch = asset.add_batch_definition_whole_dataframe("batch").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name=table.name, expectations=list(expectations))
    validation = batch.validate(suite, result_format=result_format)
    for result in validation.results:
        _refuse_broken_check(result, table)
    return validation


def _refuse_broken_check(result: ExpectationValidationResult, table: RawTable) -> None:
    """Great Expectations reports an error of its own as if the data were bad."""
    info = result.exception_info or {}
    errors = [info] if "raised_exception" in info else list(info.values())
    raised = [error for error in errors if error["raised_exception"]]
    if raised:
        rule = result.expectation_config.meta.get("rule", result.expectation_config.type)
        raise CheckError(
            f"the rule '{rule}' could not be evaluated: {str(raised[0]['exception_message'])[:300]}",
            source=table.name,
            remedy="Correct the rule in the table's contract; the bytes are kept, the next run checks again.",
        )


def _scope(expectation: Expectation) -> str:
    """Expectations that are evaluated value by value can name the rows that break them."""
    from great_expectations.expectations import expectation as kinds

    by_value = (kinds.ColumnMapExpectation, kinds.ColumnPairMapExpectation, kinds.MulticolumnMapExpectation)
    return ROW if isinstance(expectation, by_value) else BATCH


def _failing_rows(
    gx: ModuleType, frame: pd.DataFrame, table: RawTable, failing: Sequence[Expectation]
) -> dict[str, tuple[int, ...]]:
    """Numbers of the rows that break each rule. The frame's index is the row number."""
    if not failing:
        return {}
    wanted = {
        "result_format": "COMPLETE",
        "exclude_unexpected_values": True,
        "return_unexpected_index_query": False,
    }
    validation = _validate(gx, frame, table, failing, wanted)
    found = {
        result.expectation_config.meta["rule"]: result.result["unexpected_index_list"]
        for result in validation.results
    }
    rules = [expectation.meta["rule"] for expectation in failing]
    return {rule: tuple(int(number) for number in found[rule]) for rule in rules}


def _rule_result(
    expectation: Expectation, success: bool, numbers: Mapping[str, tuple[int, ...]]
) -> RuleResult:
    rule = expectation.meta["rule"]
    return RuleResult(
        rule=rule,
        expectation=expectation.expectation_type,
        column=_column_of(expectation),
        severity=expectation.severity.value,
        scope=_scope(expectation),
        passed=success,
        failing_rows=len(numbers.get(rule, ())),
    )


def _column_of(expectation: Expectation) -> str | None:
    name = getattr(expectation, "column", COPY_OF_ROW)
    return None if name == COPY_OF_ROW else name.removesuffix(AS_GIVEN)
