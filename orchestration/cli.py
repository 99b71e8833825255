"""The command `observatory`.

Belongs here: arguments, progress, printing, exit codes. Does not belong here: any work.
Exit codes: 0 all went well; 1 nothing was published; 2 wrong usage; 3 published, but something was held
back or quarantined (`observatory status` tells what), or an upstream did not answer.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ingestion.errors import ObservatoryError, file_problem
from ingestion.settings import PROJECT_ROOT, Home, home_from
from orchestration.operations_cli import add_operations, print_health
from orchestration.quarantine_cli import Format, Shared, quarantine_commands

if TYPE_CHECKING:
    from ingestion.loads import LoadRecord
    from ingestion.source import Window
    from orchestration.session import Live, Outcome

LISTED_LOADS = 20
WIDE = 9
"""More columns than these are printed one below the other."""

EXIT_FAILED = 1
EXIT_HELD_BACK = 3
DAY_FORMATS = ["%Y-%m-%d"]

app = typer.Typer(
    name="observatory",
    help="Migration Observatory: measures when people move from one online platform to another.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
NARROW = 110
"""Columns that tables may use where the output is no terminal."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else NARROW)
err = Console(stderr=True, highlight=False)


@app.command()
def demo() -> None:
    """Load, check and model the bundled case of January 2025, offline, and print what it answers."""
    from orchestration.answer import print_answer

    home = _made_home()
    outcome = _run(home, cases=["january_2025"])
    if outcome.published:
        print_answer(home.published_database, out)
        _tell_where(home)
    raise typer.Exit(_exit_code(outcome, held_back=False))


@app.command()
def run(
    live: Annotated[bool, typer.Option("--live", help="Ask the upstreams first, over the network.")] = False,
    day: Annotated[
        datetime | None, typer.Option("--date", formats=DAY_FORMATS, help="The day to ask for; else today.")
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=DAY_FORMATS, help="The first of several days.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=DAY_FORMATS, help="The last of them.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="An upstream to ask; may be given several times. Else: all.")
    ] = None,
) -> None:
    """Take what lies in the inbox, the bundled cases and the watchlist all the way to the marts.

    With --live, upstreams are asked first. OBSERVATORY_CONTACT (an e-mail address or URL) tells them who
    asks; some answer nobody without it. OBSERVATORY_MIRROR=http://host:port sends all requests there, for
    mirrors and tests. An upstream that does not answer stops nothing: the run names what is missing, and the
    next one asks again.
    """
    from orchestration.session import Live

    if not live and (day or first or last or source):
        raise typer.BadParameter("--date, --from, --to and --source need --live")
    window = _asked_window(day, first, last)
    asked = Live(window, _known_sources(source)) if live else None
    home = _made_home()
    started = _now()
    outcome = _run(home, live=asked)
    held_back = _print_loads(home, since=started, published=outcome.published)
    raise typer.Exit(_exit_code(outcome, held_back=held_back))


@app.command()
def reparse(
    source: Annotated[str, typer.Option(help="The upstream.")],
    first: Annotated[datetime, typer.Option("--from", formats=DAY_FORMATS, help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY_FORMATS, help="The last day.")],
) -> None:
    """Read again, without a network, what an upstream has answered, and build the marts."""
    from ingestion.fetch import reparse as read_again
    from ingestion.sources import SOURCES
    from orchestration.installation import Installation

    window = _window(first, last)
    _known_sources([source])
    home = _made_home()
    started = _now()
    with _errors_told():
        watchlist = Installation(home=str(home.root)).parsed_watchlist()
        received, unreadable = read_again(home, SOURCES[source], window, watchlist, _now)
    for capture in unreadable:
        told = f"{source} ({capture.day}): {capture.refused} ({capture.request.url})"
        err.print(f"[yellow]Not readable.[/yellow] {escape(told)}", soft_wrap=True)
    if not received:
        err.print(
            f"[red]The archive has no answer of {source} for these days.[/red] Ask for them: "
            f"observatory run --live --source {source} --from {window.first} --to {window.last}",
            soft_wrap=True,
        )
        raise typer.Exit(EXIT_FAILED)
    days = {receipt.day for receipt in received}
    out.print(f"Answers of {len(days)} day(s) of {source} are read again.")
    outcome = _run(home)
    held_back = _print_loads(home, since=started, published=outcome.published)
    raise typer.Exit(_exit_code(outcome, held_back=held_back or bool(unreadable)))


@app.command()
def backfill(
    source: Annotated[str, typer.Option(help="The upstream.")],
    first: Annotated[datetime, typer.Option("--from", formats=DAY_FORMATS, help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY_FORMATS, help="The last day.")],
) -> None:
    """Ask an upstream for many past days, over the network, and build the marts once.

    Asks thirty days at a time, so that a long backfill that is stopped goes on where it was: give the days
    that are left. What the archive has already is read again without a network by `observatory reparse`.
    """
    from orchestration.dbt import ensure_manifest
    from orchestration.defs.upstreams import FIRST_DAY

    window = _window(first, last)
    _known_sources([source])
    if window.first < date.fromisoformat(FIRST_DAY):
        raise typer.BadParameter(
            f"a backfill begins on {FIRST_DAY} at the earliest; for days before that: "
            f"observatory run --live --source {source} --from {window.first} --to {window.last}"
        )
    home = _made_home()
    started = datetime.now(UTC)
    with _errors_told(), err.status("Starting ...") as progress:
        ensure_manifest()
        from orchestration.session import ask_days

        def report(days: Window) -> None:
            progress.update(f"Asking {source} for {days.first} to {days.last}")

        missing, failures = ask_days(home, source, window, report=report)
    for line in missing:
        err.print(f"[yellow]Missing.[/yellow] {escape(line)}", soft_wrap=True)
    for failure in failures:
        err.print(f"[red]Failed.[/red] {escape(failure)}", soft_wrap=True)
    outcome = _run(home)
    held_back = _print_loads(home, since=started, published=outcome.published)
    raise typer.Exit(EXIT_FAILED if failures else _exit_code(outcome, held_back=held_back or bool(missing)))


def _asked_window(day: datetime | None, first: datetime | None, last: datetime | None) -> Window | None:
    """The days that were named, if any."""
    if day and (first or last):
        raise typer.BadParameter("give --date, or --from and --to")
    if bool(first) != bool(last):
        raise typer.BadParameter("--from and --to belong together")
    start, end = day or first, day or last
    return None if start is None or end is None else _window(start, end)


def _window(first: datetime, last: datetime) -> Window:
    """Days from first to last, both included."""
    from ingestion.source import Window

    window = Window(first.date(), last.date())
    if window.last < window.first:
        raise typer.BadParameter("--to is before --from")
    if window.last > _latest_day():
        raise typer.BadParameter(f"{window.last} has not begun anywhere yet")
    return window


def _latest_day() -> date:
    """The day that has begun where days begin first."""
    return (_now() + timedelta(hours=14)).date()


def _known_sources(names: Sequence[str] | None) -> tuple[str, ...] | None:
    from ingestion.sources import SOURCES

    unknown = [name for name in names or () if name not in SOURCES]
    if unknown:
        raise typer.BadParameter(f"no upstream is called {unknown[0]}; there are {', '.join(SOURCES)}")
    return tuple(dict.fromkeys(names)) if names else None


@app.command(name="import")
def import_(
    path: Annotated[Path, typer.Argument(help="A file in a raw schema, a folder of them, or a case folder.")],
) -> None:
    """Load a file in a raw schema, or a case folder, and build the marts."""
    from ingestion.inbox import receive_path

    home = _made_home()
    started = _now()
    with _errors_told():
        received = receive_path(home, path, _now)
    out.print(f"Received {len(received)} file(s) from {path}.")
    outcome = _run(home)
    held_back = _print_loads(home, since=started, published=outcome.published)
    raise typer.Exit(_exit_code(outcome, held_back=held_back))


@app.command()
def mentions(
    file: Annotated[Path, typer.Argument(help="A headline a line.", exists=True, dir_okay=False)],
) -> None:
    """Print which platforms would be recognised in headlines, as CSV."""
    from ingestion.mentions import Matcher, write_mentions
    from orchestration.installation import Installation

    with _errors_told():
        matcher = Matcher.from_watchlist(Installation().parsed_watchlist())
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        write_mentions(_readable(lines, file), matcher, sys.stdout)


def _readable(lines: Iterable[str], file: Path) -> Iterator[str]:
    """The lines; says at the end how many held what is not UTF-8."""
    odd = 0
    for line in lines:
        odd += "\ufffd" in line
        yield line
    if odd:
        told = f"{file.name}: lines with characters that are not UTF-8, read as \ufffd: {odd}"
        err.print(told, markup=False, soft_wrap=True)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 3000,
) -> None:
    """Start the Dagster web UI and daemon on loopback."""
    from orchestration.dbt import ensure_manifest
    from orchestration.session import prepare_instance

    home = _made_home()
    with _errors_told():
        ensure_manifest()
        instance = prepare_instance(home)
    environment = os.environ | {
        "DAGSTER_HOME": str(instance),
        "OBSERVATORY_HOME": str(home.root),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "VIRTUAL_ENV": sys.prefix,
    }
    if _is_taken(port):
        err.print(f"[red]Port {port} is taken.[/red] Give another with --port.")
        raise typer.Exit(EXIT_FAILED)
    out.print(f"Web UI: http://127.0.0.1:{port} (stop with Ctrl-C). Dagster's folder: {instance}")
    out.file.flush()
    dg = Path(sys.executable).with_name("dg")
    os.chdir(PROJECT_ROOT)
    os.execve(dg, [str(dg), "dev", "--host", "127.0.0.1", "--port", str(port)], environment)


@app.command()
def sql(
    query: Annotated[
        str, typer.Argument(help="A query on the published marts, such as `from marts.dim_event`.")
    ],
    format: Annotated[Format, typer.Option(help="How to print the result.")] = Format.TABLE,
) -> None:
    """Query the published file."""
    import duckdb

    from orchestration.answer import rows_of

    if not query.strip():
        raise typer.BadParameter("the query is empty")
    home = _home()
    try:
        names, rows = rows_of(_published(home), query)
    except duckdb.Error as error:
        err.print(f"[red]The query failed.[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from error
    _print_rows(names, rows, format)


@app.command()
def brief(
    episode: Annotated[
        str, typer.Argument(help="One of the watchlist, such as tiktok_refugees_2025, or a detected one.")
    ],
    to: Annotated[Path | None, typer.Option(help="A file to write; else the page is printed.")] = None,
) -> None:
    """Write the page of an episode, in Markdown: what moved, when, how much and by whose estimate."""
    from orchestration import episode_brief
    from orchestration.brief import write_brief
    from orchestration.episodes import find

    home = _home()
    database = _published(home)
    with _errors_told():
        if find(home, episode) is not None:
            page = episode_brief.write_brief(home, episode).read_text(encoding="utf-8")
        else:
            page = write_brief(database, episode)
        if to is not None:
            to.write_text(page, encoding="utf-8")
    if to is None:
        sys.stdout.write(page)
    else:
        out.print(f"Written: {to}", soft_wrap=True)


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def mf(
    arguments: Annotated[list[str] | None, typer.Argument(help="What MetricFlow is asked.")] = None,
) -> None:
    """Ask MetricFlow about the published file: mf query --metrics best_rank --group-by platform."""
    from orchestration.semantic import ask

    home = _home()
    _published(home)
    with _errors_told():
        ask(home, arguments or [])


@app.command()
def status() -> None:
    """Show what is published, how each source does, the last load of each table, and what to do."""
    with _errors_told():
        _print_status(_home())


def _print_status(home: Home) -> None:
    from ingestion.loads import read_loads
    from orchestration.publish import current_version

    version = current_version(home)
    out.print(f"Home: {home.root}")
    out.print(f"Published: {version.id if version else 'nothing yet; run `observatory demo`'}")
    _print_upstreams(home)
    latest: dict[tuple[str, str], LoadRecord] = {}
    records = sorted(read_loads(home), key=lambda record: record.started_at)
    for record in records:
        latest[record.source, record.table_name] = record
    _print_records(list(latest.values()), "Last load of each source and table", with_reasons=False)
    kept_back = [record for record in records if record.verdict != "published"][-LISTED_LOADS:]
    if kept_back:
        _print_records(kept_back, f"Loads that kept something back, the last {LISTED_LOADS} at most")
    print_health(home, _now(), out)
    _print_waiting(home)


def _load_and_publish(home: Home, since: datetime) -> int:
    """Takes what was received all the way; prints the loads since `since`, and gives the exit code."""
    outcome = _run(home)
    held_back = _print_loads(home, since=since, published=outcome.published)
    return _exit_code(outcome, held_back=held_back)


def main() -> None:
    """Entry point."""
    app()


def _is_taken(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _home() -> Home:
    """The home, which need not be there."""
    return home_from(os.environ)


def _made_home() -> Home:
    """The home, with an inbox to drop files into."""
    home = _home()
    with _errors_told():
        home.inbox.mkdir(parents=True, exist_ok=True)
    return home


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Errors that a person can act on are told in one line, without a traceback."""
    try:
        yield
    except (ObservatoryError, OSError) as error:
        if isinstance(error, OSError) and error.filename is None:
            raise
        told = file_problem(error) if isinstance(error, OSError) else str(error)
        err.print(f"[red]Error.[/red] {escape(told)}", soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from error


def _run(home: Home, cases: list[str] | None = None, live: Live | None = None) -> Outcome:
    from orchestration.dbt import ensure_manifest

    with _errors_told(), err.status("Starting ...") as progress:
        ensure_manifest()
        from orchestration.session import run_main_job

        done = 0

        def report(step: str, status: str) -> None:
            nonlocal done
            done += status != "started"
            if status == "started":
                progress.update(f"{done} steps done; now {step}")
            elif status == "failed":
                err.print(f"[red]failed[/red] {step}")

        outcome = run_main_job(home, cases=cases, live=live, report=report)
    for failure in outcome.failures:
        err.print(f"[red]Failed.[/red] {escape(failure)}", soft_wrap=True)
    for line in outcome.missing:
        err.print(f"[yellow]Missing.[/yellow] {escape(line)}", soft_wrap=True)
    if outcome.unasked:
        err.print(
            f"Not asked, since they have nothing of these days: {', '.join(outcome.unasked)}.",
            soft_wrap=True,
        )
    if outcome.blocked and outcome.published:
        err.print(
            f"Blocked by a failed check, and published as they were: what reads {', '.join(outcome.blocked)}."
        )
    return outcome


def _exit_code(outcome: Outcome, *, held_back: bool) -> int:
    if not outcome.published:
        return EXIT_FAILED
    return EXIT_HELD_BACK if held_back or outcome.blocked or outcome.missing else 0


def _print_loads(home: Home, *, since: datetime, published: bool) -> bool:
    """Prints the loads since `since` and what still waits; whether a load kept something back."""
    from ingestion.loads import read_loads

    floor = since.replace(tzinfo=None)
    records = [r for r in read_loads(home) if (r.finished_at or r.started_at) >= floor]
    if records:
        _print_records(records, "Loads")
    elif published:
        out.print("Nothing new was loaded; the marts are up to date.")
    _print_waiting(home)
    return any(record.verdict != "published" for record in records)


def _print_waiting(home: Home) -> None:
    from ingestion.inbox import waiting

    if names := waiting(home):
        told = f"Left in the inbox, since it is still being written: {', '.join(names)}."
        out.print(escape(told), soft_wrap=True)


def _print_records(records: Sequence[LoadRecord], title: str, *, with_reasons: bool = True) -> None:
    """Prints one line for what a table got from a source, and below them why something was kept back.

    An upstream's days are loads of their own; "days" counts the days of data that were written. The file of
    a load that is not whole is named.
    """
    table = Table(title=title, title_justify="left")
    for name in ("table", "source", "verdict"):
        table.add_column(name, no_wrap=True)
    for name in ("days", "rows in", "published", "quarantined"):
        table.add_column(name, justify="right")
    sums: dict[tuple[str, str, str], Counter[str]] = {}
    for r in records:
        file = "" if r.verdict == "published" else f"\n{escape(r.file_name)}"
        counts = sums.setdefault((f"{r.table_name}{file}", r.source, r.verdict), Counter())
        counts.update(days=r.days, rows=r.rows_in, published=r.rows_published, kept=r.rows_quarantined)
    for names, counts in sums.items():
        table.add_row(*names, *(str(counts[name]) for name in ("days", "rows", "published", "kept")))
    out.print(table)
    for r in records:
        if with_reasons and r.reason:
            out.print(
                f"[yellow]{r.verdict}[/yellow] {escape(r.file_name)}: {escape(r.reason)}", soft_wrap=True
            )


def _print_upstreams(home: Home) -> None:
    """Prints a line an upstream: when it last answered all of a day, and the days that lack something."""
    from ingestion.sources import SOURCES
    from ingestion.windows import WindowState, day_reports, days_told

    table = Table(title="Upstreams (times in UTC)", title_justify="left")
    for name in ("upstream", "last asked", "last complete answer"):
        table.add_column(name, no_wrap=True)
    table.add_column("days that lack something")
    reasons = []
    for name, source in SOURCES.items():
        reports = day_reports(home, name)
        if not reports:
            table.add_row(name, "never" if source.is_default else "never (off by default)", "", "")
            continue
        not_over = [report for report in reports if report.state is WindowState.OPEN]
        lacking = [report for report in reports if report.state.is_lacking]
        last_asked = max(report.asked_at for report in reports)
        last_success = max((report.completed_at for report in reports if report.completed_at), default=None)
        told = days_told([report.day for report in lacking])
        if not_over:
            told = f"{told} (not over: {days_told([report.day for report in not_over])})".strip()
        table.add_row(name, _minute(last_asked), _minute(last_success), told)
        if lacking:
            reasons.append(f"{name} ({lacking[-1].day}): {lacking[-1].reason}")
    out.print(table)
    for reason in reasons:
        out.print(f"[yellow]missing[/yellow] {escape(reason)}", soft_wrap=True)


def _minute(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _published(home: Home) -> Path:
    if not home.published_database.exists():
        err.print("[red]Nothing is published yet.[/red] Run `observatory demo` or `observatory run` first.")
        raise typer.Exit(EXIT_FAILED)
    return home.published_database


def _print_rows(names: Sequence[str], rows: Sequence[Sequence[Any]], format: Format) -> None:
    if format is Format.TABLE and len(names) > WIDE:
        for number, row in enumerate(rows, start=1):
            out.print(f"[bold]row {number}[/bold]")
            for name, cell in zip(names, row, strict=True):
                out.print(f"  {escape(name)}: {'' if cell is None else escape(str(cell))}", soft_wrap=True)
    elif format is Format.TABLE:
        table = Table(*names)
        for row in rows:
            table.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
        out.print(table)
    elif format is Format.CSV:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    else:
        import json

        listing = [dict(zip(names, row, strict=True)) for row in rows]
        sys.stdout.write(json.dumps(listing, default=str, ensure_ascii=False, indent=2) + "\n")


def _tell_where(home: Home) -> None:
    out.print(f"\nPublished database: {home.published_database}", soft_wrap=True)
    out.print("Query it:           make sql QUERY='from marts.data_dictionary'   (or any DuckDB)")
    out.print("Web UI:             make ui   (http://127.0.0.1:3000)")


SHARED = Shared(out, _home, _now, _errors_told, _load_and_publish, _print_rows)
app.add_typer(quarantine_commands(SHARED), name="quarantine")
add_operations(app, SHARED)
