"""MetricFlow asks the published file, and answers as SQL does."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.settings import PROJECT_ROOT, Home
from tests.end_to_end.conftest import Query

OBSERVATORY = Path(sys.executable).with_name("observatory")


def ask(home: Home, *arguments: str) -> str:
    environment = {"OBSERVATORY_HOME": str(home.root), "PATH": "", "HOME": str(home.root)}
    outcome = subprocess.run(
        [str(OBSERVATORY), "mf", *arguments],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("metrics", "by", "where", "sql"),
    [
        pytest.param(
            "days_at_number_one,best_rank",
            "platform,chart_day__store",
            "{{ Dimension('chart_day__country') }} = 'US' "
            "and {{ Dimension('chart_day__chart') }} = 'top_free_overall'",
            "select platform_id, store, case when bool_or(rank_status in ('ranked', 'unranked')) "
            "then count(case when rank = 1 then 1 end) end, min(rank) from "
            "marts.fct_chart_rank_daily where country = 'US' and chart = 'top_free_overall' group by all",
            id="ranks",
        ),
        pytest.param(
            "share_of_voice",
            "metric_time__month,platform,voice_day__source",
            "{{ Dimension('voice_day__is_baseline') }} = false",
            "select date_trunc('month', voice_date), platform_id, source, "
            "sum(case when share is not null then value end) "
            "/ sum(case when share is not null then total_value end) "
            "from marts.share_of_voice_daily where not is_baseline group by all",
            id="share of voice a month",
        ),
        pytest.param(
            "claims",
            "claim__verdict",
            "",
            "select verdict, count(*) from marts.fct_claims group by all",
            id="claims by verdict",
        ),
        pytest.param(
            "car",
            "company__symbol,event__title",
            "{{ Dimension('event_window__first_session') }} = 0 "
            "and {{ Dimension('event_window__last_session') }} = 5",
            "select symbol, title, avg(car) from marts.event_study join marts.dim_event using (event_id) "
            "where window_start = 0 and window_end = 5 group by all",
            id="abnormal returns by event",
        ),
        pytest.param(
            "controls_listed,controls_clean",
            "platform,control__control_kind",
            "",
            "select platform_id, control_kind, count(*), count(case when is_clean then 1 end) "
            "from marts.counterfactual_controls group by all",
            id="controls by kind",
        ),
    ],
)
def test_metrics_are_what_sql_says(
    case_home: Home, query: Query, tmp_path: Path, metrics: str, by: str, where: str, sql: str
) -> None:
    file = tmp_path / "answer.csv"
    filters = ["--where", where] if where else []
    ask(case_home, "query", "--metrics", metrics, "--group-by", by, *filters, "--csv", str(file))
    with file.open(newline="") as text:
        names, *rows = csv.reader(text)
    assert names[-1] in metrics
    assert rows
    groups = len(by.split(","))
    answered = {tuple(row[:groups]): [rounded(cell) for cell in row[groups:]] for row in rows}
    expected = {tuple(map(str, row[:groups])): [rounded(cell) for cell in row[groups:]] for row in query(sql)}
    assert {trimmed(key): row for key, row in answered.items()} == {
        trimmed(key): row for key, row in expected.items()
    }


def answers(home: Home, file: Path, metric: str, by: str) -> dict[tuple[str, ...], float | None]:
    ask(home, "query", "--metrics", metric, "--group-by", by, "--csv", str(file))
    with file.open(newline="") as text:
        _, *rows = csv.reader(text)
    return {tuple(row[:-1]): rounded(row[-1]) for row in rows}


def test_a_day_counts_once_and_a_chart_that_nobody_looked_at_has_no_days(
    case_home: Home, query: Query, tmp_path: Path
) -> None:
    seen = "bool_or(rank_status in ('ranked', 'unranked'))"
    days = f"case when {seen} then count(distinct case when rank = 1 then store_date end) end"
    for file, by, columns in (
        ("days.csv", "platform", "platform_id"),
        ("countries.csv", "platform,chart_day__country", "platform_id, country"),
    ):
        told = query(f"select {columns}, {days} from marts.fct_chart_rank_daily group by all")
        answered = answers(case_home, tmp_path / file, "days_at_number_one", by)
        assert answered == {tuple(keys): rounded(number) for *keys, number in told}
    assert answered["lemon8", "GB"] is None
    assert answered["xiaohongshu", "GB"] == 1


def test_the_p_of_an_event_is_that_of_one_test(case_home: Home, query: Query, tmp_path: Path) -> None:
    answered = answers(case_home, tmp_path / "p.csv", "test_p_value", "event")
    told = query(
        "select event_id, p_value from marts.event_study_tests where test = 'kolari_pynnonen' "
        "and group_id = 'all' and window_start = 0 and window_end = 0 and p_value is not null"
    )
    assert told
    assert answered == {(event,): rounded(p) for event, p in told}


def rounded(cell: object) -> float | None:
    return None if cell in (None, "", "None") else round(float(str(cell)), 9)


def trimmed(key: tuple[str, ...]) -> tuple[str, ...]:
    """Days alone, whether they were written with an hour or not."""
    return tuple(part.replace(" 00:00:00", "").replace("T00:00:00", "") for part in key)


def test_every_metric_can_be_computed_on_the_published_file(case_home: Home) -> None:
    said = ask(case_home, "validate-configs")
    assert "Successfully validated metrics against data warehouse (ERRORS: 0" in said, said
