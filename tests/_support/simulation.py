"""Simulated migrations of which the truth is known: when they began, how large they were, how they faded.

Belongs here: a seeded generator of raw rows, and what was put into them. Does not belong here: the metrics,
which the project's own models compute from these rows, and the judgement on them.

A simulated platform has one demand, and three sources that look at it:

- page views (attention): counts around a level, with a weekly cycle, a slow trend, a spread that lasts for
  some days, and the noise of counting;
- news: few items out of many, with a dip at weekends and more noise;
- a store's chart: 200 apps are ranked by demand and the first 50 or 100 of them are seen. At the top there is
  nothing above rank 1, and below the depth nothing is seen: both ends are censored as in a store.

A migration adds `lift` times the platform's usual level at its peak: small 0.5 to 1, medium 1.5 to 3, large 5
to 20. It rises within one to three days and halves every 2 to 15 days; of a third of them something stays.
Of ten platforms two have no migration at all.

Ten platforms make a group: they share a storefront, an attention source and a news source. Beside gaps, a
group has one of `CONFOUNDERS`, none of which is a migration: a re-ranking of the whole chart, bursts of news
that hit all platforms alike, outages in which the sources saw less of everything, or all of these.

Every count comes with the one that there would have been without the migration, of the same dice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ingestion.lake import lake_columns
from ingestion.settings import Home
from ingestion.tables import RAW_TABLES

Floats = NDArray[np.float64]

FIRST = dt.date(2024, 1, 1)
DAYS = 400
PLATFORMS = 10
"""Of a group."""
SIZES = ("large", "large", "large", "large", "medium", "medium", "small", "small", "none", "none")
LIFTS = {"small": (0.5, 1.0), "medium": (1.5, 3.0), "large": (5.0, 20.0)}
CONFOUNDERS = ("none", "re_ranking", "news_burst", "outage", "all")
APPS = 190
"""Apps of a chart beside the platforms."""
EXPONENT = 0.6
"""Of demand over rank."""
ORIGIN = "origin"
ONSETS = (190, 330)
"""First and last possible day of an onset: enough before it to know what is usual, and after it to fade."""
FOLLOWED = 26
"""Days from the onset to the end of the episode's window."""
FITTED = 180
"""Days before a window that a counterfactual looks at."""


@dataclass(frozen=True)
class Migration:
    """What was put in for one platform; without a migration the size is `none` and the lift 0."""

    platform_id: str
    episode_id: str
    group: int
    country: str
    store: str
    attention: str
    news: str
    size: str
    lift: float
    onset: dt.date | None
    peak: dt.date | None
    half_life_days: float | None
    """From the peak until half of the excess is gone."""
    stays: float
    """Share of the peak's excess that stays for good."""
    window_start: dt.date
    window_end: dt.date
    confounder: str
    event_days: tuple[dt.date, ...]
    """Days on which a confounder did something."""

    @property
    def series(self) -> dict[str, str]:
        """The platform's series in the hub, by kind."""
        chart = f"{self.platform_id}/{self.store}/{self.country}/top_free_overall"
        return {
            "attention": f"{self.attention}/{self.platform_id}",
            "news": f"{self.news}/{self.platform_id}",
            "chart_log_rank": f"chart_log_rank/{chart}",
            "chart_visibility": f"chart_visibility/{chart}",
        }


@dataclass(frozen=True)
class Simulation:
    """Raw rows, and the truth."""

    migrations: tuple[Migration, ...]
    tables: Mapping[str, pd.DataFrame]
    """Raw tables by name; columns that are left out are NULL."""
    without: pd.DataFrame
    """What each series would have been without the platform's own migration: series_id, series_date, value.
    NaN where the day was not seen."""


def simulate(groups: int, seed: int) -> Simulation:
    """`groups` times ten platforms over 400 days; the same seed gives the same rows."""
    made = [_group(number, np.random.default_rng([seed, number])) for number in range(groups)]
    tables: dict[str, list[pd.DataFrame]] = {}
    for part in made:
        for name, frame in part.tables.items():
            tables.setdefault(name, []).append(frame)
    return Simulation(
        migrations=tuple(migration for part in made for migration in part.migrations),
        tables={name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()},
        without=pd.concat([part.without for part in made], ignore_index=True),
    )


def write(home: Home, tables: Mapping[str, pd.DataFrame]) -> None:
    """Puts raw tables into the lake, each as one file of a load."""
    lineage = {"load_id": "load", "source": "test", "observed_at": "2025-07-09", "provenance": "case:test"}
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            folder = home.lake / "raw" / "test" / name / "day=2025-07-09"
            folder.mkdir(parents=True)
            filled = frame.assign(**{key: value for key, value in lineage.items() if key not in frame})
            columns = [
                f"cast({column.name if column.name in filled else 'NULL'} as {column.type}) as {column.name}"
                for column in lake_columns(RAW_TABLES[name])
            ]
            connection.register("filled", filled)
            connection.execute(
                f"copy (select {', '.join(columns)} from filled) to '{folder}/data.parquet' (format parquet)"
            )
            connection.unregister("filled")


# --- a group --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Events:
    """What happens to a group that is no migration: shape (days,) each."""

    offsets: Floats
    """Added to the logarithm of the demand of each app, shape (days, platforms + apps)."""
    burst: Floats
    """How much more of everything the news shows."""
    seen: Mapping[str, Floats]
    """Share of its items that each source saw; NaN where it was not read."""
    days: tuple[dt.date, ...]


def _group(number: int, dice: np.random.Generator) -> Simulation:
    events = _events(number, dice)
    migrations, shapes = zip(*_migrations(number, dice, events), strict=True)
    excess = np.column_stack(shapes)
    ids = [migration.platform_id for migration in migrations]
    pages = _page_views(dice, excess, events)
    news = _news(dice, excess, events)
    ranks, ranks_without, depth = _ranks(number, dice, excess, events)
    captures, entries = _chart_rows(number, ids, ranks, depth, events)
    tables = {
        "attention": _attention_rows(number, ids, pages),
        "news_volume": _news_rows(number, ids, news),
        "chart_captures": captures,
        "chart_entries": entries,
        **_watched(migrations),
    }
    unread = np.isnan(events.seen["chart"])[:, None]
    placed = np.where(ranks_without <= depth, ranks_without, np.inf)
    without = {
        "attention": pages.without,
        "news": news.without,
        "chart_visibility": np.where(unread, np.nan, np.log(2) / np.log(placed + 1)),
        "chart_log_rank": np.where(unread, np.nan, -np.log(np.minimum(placed, depth + 1))),
    }
    frames = [
        pd.DataFrame({"series_id": name, "series_date": _dates(), "value": without[kind][:, at]})
        for at, migration in enumerate(migrations)
        for kind, name in migration.series.items()
    ]
    return Simulation(migrations, tables, pd.concat(frames, ignore_index=True))


def _events(group: int, dice: np.random.Generator) -> _Events:
    confounder = CONFOUNDERS[group % len(CONFOUNDERS)]
    offsets, burst = np.zeros((DAYS, PLATFORMS + APPS)), np.ones(DAYS)
    seen = {source: np.ones(DAYS) for source in ("attention", "news", "chart")}
    happened = []
    if confounder in ("re_ranking", "all"):
        # Once for a day, and once for good.
        for days in (1, DAYS):
            start = int(dice.integers(60, DAYS - 20))
            offsets[start : start + days] += dice.normal(0, 0.8, PLATFORMS + APPS)
            happened.append(start)
    if confounder in ("news_burst", "all"):
        for _ in range(2):
            start, days = int(dice.integers(60, DAYS - 20)), int(dice.integers(1, 4))
            burst[start : start + days] *= dice.uniform(2, 4)
            happened.append(start)
    if confounder in ("outage", "all"):
        for source in ("attention", "news"):
            start, days = int(dice.integers(60, DAYS - 20)), int(dice.integers(2, 6))
            seen[source][start : start + days] = dice.uniform(0.3, 0.6)
            happened.append(start)
    for share in seen.values():
        share[dice.random(DAYS) < 0.02] = np.nan
        if group % 2 == 1:
            start, days = int(dice.integers(60, DAYS - 20)), int(dice.integers(3, 7))
            share[start : start + days] = np.nan
    return _Events(offsets, burst, seen, tuple(_day(day) for day in sorted(happened)))


def _migrations(group: int, dice: np.random.Generator, events: _Events) -> Iterator[tuple[Migration, Floats]]:
    """Each platform's migration, and its excess demand in usual levels, shape (days,)."""
    for number, size in enumerate(SIZES):
        onset, rise, lead = (int(dice.integers(*limits)) for limits in (ONSETS, (0, 3), (3, 11)))
        halving = float(np.exp(dice.uniform(np.log(2), np.log(15))))
        stays = float(dice.uniform(0.05, 0.2)) if dice.random() < 1 / 3 else 0.0
        lift = float(np.exp(dice.uniform(*np.log(LIFTS[size])))) if size in LIFTS else 0.0
        moves = size in LIFTS
        platform = f"p{group:02d}_{number}"
        days = np.arange(DAYS)
        fading = stays + (1 - stays) * 0.5 ** ((days - onset - rise) / halving)
        rising = (days - onset + 1) / (rise + 1)
        yield (
            Migration(
                platform_id=platform,
                episode_id=f"episode_{platform}",
                group=group,
                country=_country(group),
                store=_store(group),
                attention=f"page_views_{group:02d}",
                news=f"news_{group:02d}",
                size=size,
                lift=lift,
                onset=_day(onset) if moves else None,
                peak=_day(onset + rise) if moves else None,
                half_life_days=halving * float(np.log2((1 - stays) / (0.5 - stays))) if moves else None,
                stays=stays if moves else 0.0,
                window_start=_day(onset - lead),
                window_end=_day(onset + FOLLOWED),
                confounder=CONFOUNDERS[group % len(CONFOUNDERS)],
                event_days=events.days,
            ),
            lift * np.where(days < onset, 0.0, np.where(days < onset + rise, rising, fading)),
        )


# --- the three sources ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Counts:
    """Counts of a source, NaN where it was not read."""

    value: Floats
    """Shape (days, platforms)."""
    without: Floats
    """The same without the platform's own migration."""
    total: Floats
    """All that the source showed, shape (days,)."""


def _page_views(dice: np.random.Generator, excess: Floats, events: _Events) -> _Counts:
    level = np.exp(dice.uniform(np.log(50), np.log(5000), PLATFORMS))
    week = 1 + dice.uniform(0, 0.25, PLATFORMS) * np.sin(_phase(dice))
    trend = dice.uniform(-0.3, 0.3, PLATFORMS) * np.arange(DAYS)[:, None] / 365
    usual = level * week * np.exp(trend + _lasting(dice, (DAYS, PLATFORMS), 0.08, 0.7))
    # People who read news look things up as well, but not all of them.
    usual = usual * np.sqrt(events.burst)[:, None]
    others = 2e6 * (1 + 0.1 * np.sin(_phase(dice)[:, 0])) * np.exp(_lasting(dice, (DAYS, 1), 0.02, 0.7)[:, 0])
    return _counted(dice, usual, level * excess, others, 0.05, events.seen["attention"])


def _news(dice: np.random.Generator, excess: Floats, events: _Events) -> _Counts:
    weekend = np.where(np.arange(DAYS) % 7 >= 5, 0.6, 1.0)
    level = np.exp(dice.uniform(np.log(2), np.log(40), PLATFORMS))
    usual = level * weekend[:, None] * np.exp(_lasting(dice, (DAYS, PLATFORMS), 0.15, 0.5))
    usual = usual * events.burst[:, None]
    others = 5000 * weekend * np.exp(_lasting(dice, (DAYS, 1), 0.05, 0.5)[:, 0])
    return _counted(dice, usual, level * excess, others, 0.2, events.seen["news"])


def _counted(
    dice: np.random.Generator, usual: Floats, added: Floats, others: Floats, spread: float, seen: Floats
) -> _Counts:
    """Counts with a spread of their own beside that of counting, of which a source sees a share."""
    noise = dice.gamma(spread**-2, spread**2, usual.shape)
    without = dice.poisson(usual * noise)
    more = dice.poisson(added * noise)
    rest = dice.poisson(others)
    share = np.nan_to_num(seen)
    without, more = (dice.binomial(counts, share[:, None]) for counts in (without, more))
    total = dice.binomial(rest, share) + (without + more).sum(axis=1)
    unread = np.isnan(seen)
    return _Counts(
        value=np.where(unread[:, None], np.nan, without + more),
        without=np.where(unread[:, None], np.nan, without),
        total=np.where(unread, np.nan, total),
    )


def _ranks(
    group: int, dice: np.random.Generator, excess: Floats, events: _Events
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Ranks of platforms and apps, shape (days, all); those of each platform without its own migration, shape
    (days, platforms); and how deep the chart is read."""
    depth = 50 if group % 4 == 0 else 100
    places = np.concatenate(
        [np.exp(dice.uniform(np.log(15), np.log(1.5 * depth), PLATFORMS)), np.arange(1, APPS + 1)]
    )
    usual = -EXPONENT * np.log(places) + _lasting(dice, (DAYS, len(places)), 0.06, 0.8) + events.offsets
    demand = usual.copy()
    demand[:, :PLATFORMS] += np.log1p(excess)
    ranks = np.argsort(np.argsort(-demand, axis=1), axis=1) + 1
    own = usual[:, :PLATFORMS]
    above = (demand[:, None, :] > own[:, :, None]).sum(axis=2)
    # A platform with a migration stands above the place that it would have had: it is not its own competitor.
    without = 1 + above - (demand[:, :PLATFORMS] > own)
    return ranks, without, depth


def _lasting(dice: np.random.Generator, shape: tuple[int, int], spread: float, memory: float) -> Floats:
    """Deviations with a standard deviation of `spread`, of which a day keeps the share `memory`."""
    steps = dice.normal(0, 1, shape)
    steps[1:] *= np.sqrt(1 - memory**2)
    for day in range(1, shape[0]):
        steps[day] += memory * steps[day - 1]
    return spread * steps


def _phase(dice: np.random.Generator) -> Floats:
    return (np.arange(DAYS)[:, None] + dice.integers(0, 7)) * np.pi * 2 / 7


# --- rows -----------------------------------------------------------------------------------------


def _attention_rows(group: int, ids: list[str], counts: _Counts) -> pd.DataFrame:
    rows = _count_rows(ids, counts).rename(columns={"day": "attention_date", "total": "monitored_total"})
    return rows.assign(
        signal=f"page_views_{group:02d}",
        subject_type="platform",
        item="all pages",
        day_zone="UTC",
        unit="views",
        value_status=np.where(rows["value"].isna(), "not_fetched", "observed"),
    )


def _news_rows(group: int, ids: list[str], counts: _Counts) -> pd.DataFrame:
    names = {"day": "news_date", "value": "matching_items", "total": "monitored_items"}
    rows = _count_rows(ids, counts).dropna().rename(columns=names)
    return rows.assign(
        signal=f"news_{group:02d}", subject_type="platform", day_zone="UTC", batch="day", item_kind="articles"
    )


def _count_rows(ids: list[str], counts: _Counts) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject_id": np.tile(ids, DAYS),
            "day": np.repeat(_dates(), PLATFORMS),
            "value": counts.value.ravel(),
            "total": np.repeat(counts.total, PLATFORMS),
        }
    )


def _chart_rows(
    group: int, ids: list[str], ranks: NDArray[np.int64], depth: int, events: _Events
) -> tuple[pd.DataFrame, pd.DataFrame]:
    country = _country(group)
    read = ~np.isnan(events.seen["chart"])
    captures = pd.DataFrame(
        {
            "capture_id": [f"{country}_{day}" for day in range(DAYS)],
            "store": _store(group),
            "country": country,
            "chart": "top_free_overall",
            "store_date": _dates(),
            "captured_at": _dates() + pd.Timedelta(hours=20),
            "scope": "chart",
            "depth": np.where(read, float(depth), np.nan),
            "capture_status": np.where(read, "succeeded", "failed"),
            "provider": "test",
        }
    )
    apps = np.array([*ids, *(f"{country}_{number}" for number in range(APPS))])
    days, places = np.nonzero((ranks <= depth) & read[:, None])
    entries = captures.loc[days, ["capture_id", "store", "country", "chart", "store_date"]].assign(
        rank=ranks[days, places], store_app_id=apps[places], app_name=apps[places]
    )
    return captures, entries


def _watched(migrations: tuple[Migration, ...]) -> dict[str, pd.DataFrame]:
    """The watchlist, and a calendar that tells of each episode which other platforms were on the move."""
    ids = [migration.platform_id for migration in migrations]
    country = migrations[0].country
    episodes = [
        {
            "episode_id": migration.episode_id,
            "title": f"To {migration.platform_id}",
            "origin_platform_id": ORIGIN,
            "geography": country,
            "window_start": migration.window_start,
            "window_end": migration.window_end,
        }
        for migration in migrations
    ]
    events = [
        {
            "event_id": f"{other.platform_id}_of_{migration.platform_id}",
            "platform_id": other.platform_id,
            "episode_id": migration.episode_id,
            "event_type": "press",
            "title": "a migration of its own",
            "event_date": other.onset,
            "event_zone": "UTC",
            "geography": country,
            "is_market_event": False,
        }
        for migration in migrations
        for other in migrations
        if other.onset is not None
        and other is not migration
        and migration.window_start - dt.timedelta(FITTED + FOLLOWED) <= other.onset <= migration.window_end
    ]
    return {
        "watch_platforms": pd.DataFrame({"platform_id": ids, "name": ids, "kind": "social"}),
        "watch_apps": pd.DataFrame(
            {
                "platform_id": ids,
                "store": migrations[0].store,
                "store_app_id": ids,
                "id_status": "verified",
                "app_name": ids,
            }
        ),
        "watch_storefronts": pd.DataFrame({"country": [country], "store_zone": "UTC"}),
        "watch_episodes": pd.DataFrame(episodes),
        "watch_episode_platforms": pd.DataFrame(
            {"episode_id": [migration.episode_id for migration in migrations], "platform_id": ids}
        ),
        "platform_events": pd.DataFrame(events),
    }


def _country(group: int) -> str:
    return f"{chr(65 + group // 26)}{chr(65 + group % 26)}"


def _store(group: int) -> str:
    # An app is looked for in all countries of its store: a store of its own keeps it to one.
    return f"store_{group:02d}"


def _dates() -> pd.DatetimeIndex:
    return pd.date_range(FIRST, periods=DAYS)


def _day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)
