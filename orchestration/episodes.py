"""Detects episodes in the published marts, and remembers them.

Belongs here: the one query that finds signs of a migration, how signs become episodes, and their files
`episodes/<id>.json`. Does not belong here: what an episode starts (`orchestration.defs.episodes`), and its
page (`orchestration.episode_brief`).

The rules:

- A sign is a way into the top ten of a chart of free apps by an app that was not in its top 25 before: a day
  of the fourteen before it entered the top 25 shows it below rank 25, or looked 25 ranks deep without it.
  What nobody looked at is no absence.
- The onset of a surge (mart `surges`, where it is published) is a sign if a sign of another kind, of charts,
  attention and news, begins at most three days from it. One kind alone does not tell a migration from talk:
  of simulated platforms one in two years would have a false episode, and of the origin, which is talked of
  most, every ban would be a migration to it.
- Attention and news are mostly counted world-wide: as signs they belong to the countries whose charts show
  the platform at that time, and to a geography of their own where none does.
- Signs of one platform in one geography that are at most fourteen days apart are one episode. Its first day
  is that of the first sign; its id names platform, geography and that day, and stays when earlier days come
  late. No id names a second one.
- Days that come late may join two episodes: the first goes on as both, the other is closed as part of it.
  Days that are corrected away may take one apart: it keeps what began with it, the rest is another one.
- It lasts while the app is in the top 25 of a chart that it entered so, or in a surge that is a sign. It ends
  fourteen days after the last such day. `why_closed` says whether somebody looked since and did not see it,
  or nobody did.
- One that is over when it is first seen, as those of a documented case are, is noted as closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import chain, count
from pathlib import Path
from typing import Any

from ingestion.effects import in_utc, locked, write_durably
from ingestion.settings import Home

TOP, NEAR, QUIET_DAYS = 10, 25, 14
QUIET = timedelta(days=QUIET_DAYS)
TOGETHER = timedelta(days=3)
"""Days between the beginnings of two signs of one thing."""
CHART = "chart"
"""The kind of sign that people do something, and do not only talk."""

RANKS = "fct_chart_rank_daily"
SURGES = "surges"

CHART_SIGNS = f"""
select platform_id, country as geography, '{CHART}' as kind, true as is_enough,
  store || ' ' || chart as signal,
  min(store_date) filter (where rank <= {TOP}) as first_day,
  max(store_date) as last_day,
  'best rank ' || min(rank) as told,
  bool_or(was_away) as is_onset
from (
  select spells.*,
    exists (
      select 1 from marts.{RANKS} as away
      where away.platform_id = spells.platform_id and away.store = spells.store
        and away.country = spells.country and away.chart = spells.chart
        and away.store_date >= spells.spell_start - {QUIET_DAYS} and away.store_date < spells.spell_start
        and (away.rank > {NEAR} or (away.rank_status = 'unranked' and away.depth >= {NEAR}))
    ) as was_away
  from (
    select *, max(starts) over (
      partition by platform_id, store, country, chart order by store_date
    ) as spell_start
    from (
      select *, case when store_date - lag(store_date) over (
        partition by platform_id, store, country, chart order by store_date
      ) <= {QUIET_DAYS} then null else store_date end as starts
      from marts.{RANKS}
      where rank <= {NEAR} and chart like 'top_free%'
    )
  ) as spells
)
group by platform_id, store, country, chart, spell_start
"""

SURGE_SIGNS = f"""
select platform_id, coalesce(country, geography, 'global') as geography,
  signal_family as kind, false as is_enough,
  'surge of ' || signal as signal,
  onset as first_day,
  max(series_date) as last_day,
  'from ' || onset as told,
  true as is_onset
from (
  select *, max(series_date) filter (where surge_onset) over (
    partition by series_id order by series_date
  ) as onset
  from marts.{SURGES}
  where is_surge and (signal_family <> '{CHART}' or chart like 'top_free%')
)
group by series_id, platform_id, country, geography, signal_family, signal, onset
"""

SIGNS = """
select platform_id, geography, kind, is_enough, signal, first_day, last_day, told
from ({parts})
where is_onset and first_day is not null
order by platform_id, geography, first_day, signal, last_day
"""

LOOKS = f"""
select max(store_date) from marts.{RANKS}
where platform_id = $platform and country = $geography and rank_status in ('ranked', 'unranked')
"""


class State(StrEnum):
    """Whether an episode goes on."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Sign:
    """Something that shows a migration: where, from when to when it was seen, and what."""

    platform_id: str
    geography: str
    kind: str
    """chart, attention or news: kinds that agree are evidence."""
    is_enough: bool
    """Whether it needs no other kind beside it."""
    signal: str
    first_day: date
    last_day: date
    told: str


@dataclass(frozen=True)
class Episode:
    """A detected migration to `platform_id`. `part_of`: the id of the episode that it was joined to.

    `done`: work that it has asked for and that was done, by name, and when (UTC). `lacking`: work that was
    tried in vain, by name, with what is missing of it and what a person does.
    """

    id: str
    platform_id: str
    geography: str
    first_day: date
    last_day: date
    detected_at: datetime
    state: State
    why_closed: str | None = None
    part_of: str | None = None
    signs: tuple[str, ...] = ()
    done: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state is State.OPEN


FIELDS = frozenset(Episode.__dataclass_fields__)
"""What is read of a file: one of an older version may hold more."""


@dataclass(frozen=True)
class Found:
    """Signs of a platform in a geography that touch."""

    platform_id: str
    geography: str
    first_day: date
    last_day: date
    signs: tuple[Sign, ...]


LastLook = Callable[[str, str], date | None]
"""The last day on which anybody looked at the charts for a platform in a geography."""


@dataclass(frozen=True)
class Changes:
    """What an update of the memory came to."""

    episodes: tuple[Episode, ...]
    opened: tuple[str, ...]
    closed: tuple[str, ...]


def query_of_signs(tables: Iterable[str]) -> str:
    """The query, for a published file with these tables."""
    parts = [sql for table, sql in ((RANKS, CHART_SIGNS), (SURGES, SURGE_SIGNS)) if table in set(tables)]
    return SIGNS.format(parts=" union all by name ".join(f"({part})" for part in parts))


def detect(home: Home, now: datetime) -> Changes:
    """Reads the published marts and brings the memory up to date. Nothing published: nothing changes."""
    import duckdb

    if not home.published_database.exists():
        return Changes(tuple(episodes(home)), (), ())
    with duckdb.connect(str(home.published_database), read_only=True) as con:
        listing = con.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
        names = {name for (name,) in listing}
        if RANKS not in names:
            return Changes(tuple(episodes(home)), (), ())
        signs = [Sign(*row) for row in con.execute(query_of_signs(names)).fetchall()]

        def last_look(platform: str, geography: str) -> date | None:
            found = con.execute(LOOKS, {"platform": platform, "geography": geography}).fetchall()
            day: date | None = found[0][0]
            return day

        with locked(home, "episodes"):
            known = episodes(home)
            found = found_in(_up_to(signs, in_utc(now).date()))
            updated = brought_up_to_date(known, found, in_utc(now), last_look)
            for episode in updated:
                if episode not in known:
                    write_episode(home, episode)
    before = {one.id: one.state for one in known}
    opened = tuple(one.id for one in updated if one.is_open and before.get(one.id) is not State.OPEN)
    closed = tuple(one.id for one in updated if not one.is_open and before.get(one.id) is State.OPEN)
    return Changes(tuple(episodes(home)), opened, closed)


def note_done(home: Home, id: str, work: str, now: datetime) -> None:
    """Remembers that a piece of work was done, so that it is asked for no more."""
    with locked(home, "episodes"):
        episode = find(home, id)
        if episode and work not in episode.done:
            done = {**episode.done, work: in_utc(now).isoformat(timespec="seconds")}
            lacking = {name: told for name, told in episode.lacking.items() if name != work}
            write_episode(home, replace(episode, done=done, lacking=lacking))


def note_lacking(home: Home, id: str, work: str, told: str) -> None:
    """Remembers what is missing of a piece of work that is not tried again by itself."""
    with locked(home, "episodes"):
        episode = find(home, id)
        if episode and episode.lacking.get(work) != told:
            write_episode(home, replace(episode, lacking={**episode.lacking, work: told}))


def episodes(home: Home) -> list[Episode]:
    """All that were ever detected, the oldest first."""
    found = [_read(path) for path in home.episodes.glob("*.json")]
    return sorted(found, key=lambda one: (one.first_day, one.id))


def find(home: Home, id: str) -> Episode | None:
    """One of them."""
    return next((one for one in episodes(home) if one.id == id), None)


def write_episode(home: Home, episode: Episode) -> None:
    """Writes its file. Whoever calls holds the lock."""
    write_durably(home.episodes / f"{episode.id}.json", _as_json(episode))


# --- from signs to episodes -----------------------------------------------------------------------


def found_in(signs: Sequence[Sign]) -> list[Found]:
    """The episodes that signs show, in the order of platform, geography and day."""
    found: list[Found] = []
    by_platform: dict[str, list[Sign]] = {}
    for sign in signs:
        by_platform.setdefault(sign.platform_id, []).append(sign)
    for _, of_platform in sorted(by_platform.items()):
        evident = [sign for sign in of_platform if sign.is_enough or _has_a_witness(sign, of_platform)]
        placed = {one for sign in evident for one in _placed(sign, evident)}
        found += _merged(sorted(placed, key=lambda sign: (sign.geography, sign.first_day, sign.signal)))
    return found


def _has_a_witness(sign: Sign, others: Iterable[Sign]) -> bool:
    """Whether a sign of another kind begins with it."""
    return any(
        other.kind != sign.kind and abs(other.first_day - sign.first_day) <= TOGETHER for other in others
    )


def _placed(sign: Sign, others: Iterable[Sign]) -> list[Sign]:
    """The sign in each country whose charts tell the same at that time, or where it is."""
    countries = {
        other.geography
        for other in others
        if other.kind == CHART
        and sign.first_day - other.last_day <= QUIET
        and other.first_day - sign.last_day <= QUIET
    }
    if sign.kind == CHART or sign.geography in countries or not countries:
        return [sign]
    return [replace(sign, geography=country) for country in sorted(countries)]


def _up_to(signs: Sequence[Sign], today: date) -> list[Sign]:
    """Without what lies in the future: a calendar, or a wrong clock, may name such days."""
    return [sign for sign in signs if sign.first_day <= today]


def _merged(signs: Sequence[Sign]) -> Iterator[Found]:
    """Signs of one platform and geography that touch, as one. `signs` are in order."""
    current: Found | None = None
    for sign in signs:
        same = current and (current.platform_id, current.geography) == (sign.platform_id, sign.geography)
        if current and same and sign.first_day - current.last_day <= QUIET:
            last = max(current.last_day, sign.last_day)
            current = replace(current, last_day=last, signs=(*current.signs, sign))
            continue
        if current:
            yield current
        current = Found(sign.platform_id, sign.geography, sign.first_day, sign.last_day, (sign,))
    if current:
        yield current


def brought_up_to_date(
    known: Sequence[Episode], found: Sequence[Found], now: datetime, last_look: LastLook
) -> list[Episode]:
    """All episodes, old and new. The same signs once more change nothing."""
    continued = _matched(known, found)
    taken = {one.id for one in known}
    updated = []
    for shown in found:
        before = continued.get(shown)
        id = before.id if before else _unused_id(shown, taken)
        taken.add(id)
        updated.append(_updated(shown, before, id, now, last_look))
    shown_ids = {one.id for one in updated}
    without_signs = [one for one in known if one.id not in shown_ids]
    return [*updated, *(_without_signs(one, updated, now) for one in without_signs)]


def _matched(known: Sequence[Episode], found: Sequence[Found]) -> dict[Found, Episode]:
    """The known episode that each found one continues: of those that touch it the one that begins most alike.

    Each is matched once. One that was joined to another is itself again only where there is none but it.
    """
    pairs = sorted(
        ((one, other) for one in known for other in found if _is_same(one, other)),
        key=lambda pair: (
            pair[0].part_of is not None,
            abs(pair[0].first_day - pair[1].first_day),
            abs(pair[0].last_day - pair[1].last_day),
            pair[0].id,
        ),
    )
    matched: dict[Found, Episode] = {}
    used: set[str] = set()
    for one, other in pairs:
        if other not in matched and one.id not in used:
            matched[other] = one
            used.add(one.id)
    return matched


def _unused_id(found: Found, taken: Collection[str]) -> str:
    """Platform, geography and first day; numbered where an episode that has lost this day has the name."""
    id = f"{found.platform_id}_{found.geography.lower()}_{found.first_day:%Y%m%d}"
    numbered = (f"{id}_{number}" for number in count(2))
    return next(name for name in chain([id], numbered) if name not in taken)


def _updated(found: Found, before: Episode | None, id: str, now: datetime, last_look: LastLook) -> Episode:
    is_over = now.date() - found.last_day > QUIET
    why = None
    if is_over:
        looked = last_look(found.platform_id, found.geography)
        seen = looked is not None and looked > found.last_day
        why = (
            f"looked for until {looked}, and not seen in the top {NEAR} since {found.last_day}"
            if seen
            else f"nobody has looked since {found.last_day}"
        )
    signs = tuple(f"{s.signal}: {s.first_day} to {s.last_day}, {s.told}" for s in found.signs)
    facts: dict[str, Any] = {
        "first_day": found.first_day,
        "last_day": found.last_day,
        "state": State.CLOSED if is_over else State.OPEN,
        "why_closed": why,
        "part_of": None,
        "signs": signs,
    }
    if before:
        return replace(before, **facts)
    return Episode(
        id=id,
        platform_id=found.platform_id,
        geography=found.geography,
        detected_at=now,
        **facts,
    )


def _without_signs(episode: Episode, shown: Iterable[Episode], now: datetime) -> Episode:
    """An episode whose signs another of those `shown` has now, or that the marts show no more.

    That ends by the clock.
    """
    whole = next((one for one in shown if _is_same(episode, one)), None)
    if whole is not None:
        why = f"became part of {whole.id}"
        return replace(episode, state=State.CLOSED, why_closed=why, part_of=whole.id)
    if not episode.is_open or in_utc(now).date() - episode.last_day <= QUIET:
        return episode
    return replace(episode, state=State.CLOSED, why_closed="the marts no longer show what was seen")


def _is_same(episode: Episode, found: Found | Episode) -> bool:
    """Whether both are of one platform and place, and touch."""
    if (episode.platform_id, episode.geography) != (found.platform_id, found.geography):
        return False
    return episode.first_day - QUIET <= found.last_day and found.first_day <= episode.last_day + QUIET


# --- as JSON --------------------------------------------------------------------------------------


def _as_json(episode: Episode) -> bytes:
    fields = {
        **asdict(episode),
        "first_day": str(episode.first_day),
        "last_day": str(episode.last_day),
        "detected_at": episode.detected_at.isoformat(),
    }
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def _read(path: Path) -> Episode:
    written: dict[str, Any] = json.loads(path.read_bytes())
    fields = {name: written[name] for name in FIELDS if name in written}
    return Episode(
        **{
            **fields,
            "first_day": date.fromisoformat(fields["first_day"]),
            "last_day": date.fromisoformat(fields["last_day"]),
            "detected_at": datetime.fromisoformat(fields["detected_at"]),
            "state": State(fields["state"]),
            "signs": tuple(fields["signs"]),
        }
    )
