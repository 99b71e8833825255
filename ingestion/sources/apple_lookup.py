"""iTunes lookup: what the App Store says of each watched app, a storefront at a time.

Format as recorded. An id that the store does not sell is left out in silence, with status 200: that is
evidence of absence, and a row that says so; but not where the answer has a piece that answers no id, for
that may be its listing, nor where it has no listing at all of several ids: that is a store out of order.
Caches keep an answer for about 22 hours by its exact address, so the ids of a storefront stand sorted in one
address, and two addresses never disagree about one app. Ratings are of the whole life of the app in the
storefront and may fall; 0 is written for "none". The body starts with three newlines and calls itself
JavaScript. About 20 requests a minute are allowed.

A piece is an id that was asked for, or an element of `results` that answers none of them.
"""

from __future__ import annotations

from datetime import UTC

from ingestion.source import (
    MEBIBYTE,
    Answer,
    Asking,
    Broken,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Row,
    Source,
    WrongAnswerError,
)
from ingestion.sources._charts import PieceError, apple_id_of, day_of_now, mapping
from ingestion.sources._documents import (
    Document,
    as_json,
    changed,
    expect_status,
    filled,
    json_object,
    plain,
)
from ingestion.watchlist import Watchlist

UPSTREAM = "iTunes lookup"
HOST = "itunes.apple.com"
STORE = "app_store"
TABLE = "app_listings"

AT_MOST = 100
"""Ids in one address: a longer one may be cut, and an app that was not asked for would look removed."""


# --- what to ask ----------------------------------------------------------------------------------


def ask(asking: Asking) -> Questions:
    """A request a storefront (more where very many apps are watched), if today is asked for."""
    day = day_of_now(asking)
    ids = sorted(_platforms(asking.watchlist), key=int)
    groups = [ids[start : start + AT_MOST] for start in range(0, len(ids), AT_MOST)]
    if day is None or not groups:
        return
    yield [
        Request(
            url=f"https://{HOST}/lookup?id={','.join(group)}&country={country.lower()}",
            kind=Kind.JSON,
            day=day,
            labels={"country": country, "ids": ",".join(group)},
            max_bytes=8 * MEBIBYTE,
            max_unpacked_bytes=32 * MEBIBYTE,
        )
        for country in asking.watchlist.storefronts
        for group in groups
    ]


def _platforms(watchlist: Watchlist) -> dict[str, str]:
    """App Store id -> platform, of every watched app that has one."""
    return {
        app.id: platform_id
        for platform_id, platform in watchlist.platforms.items()
        for store, app in platform.apps.items()
        if store == STORE and app.id is not None
    }


# --- what an answer says --------------------------------------------------------------------------


def read(answer: Answer, watchlist: Watchlist) -> Parsed:
    """A row an id that was asked for, on the day (UTC) of the lookup; none where it may be there."""
    expect_status(answer, UPSTREAM)
    results = _results(json_object(answer, UPSTREAM))
    asked = answer.request.labels["ids"].split(",")
    platforms = _platforms(watchlist)
    listings: dict[str, Document] = {}
    odd: list[tuple[object, str]] = []
    for piece in results:
        try:
            app_id = _id_of(piece, asked, listings)
        except PieceError as problem:
            odd.append((piece, str(problem)))
        else:
            listings[app_id] = mapping(piece)
    if not results and len(asked) > 1:
        raise WrongAnswerError(
            f"{UPSTREAM} knows none of {len(asked)} apps, as it does when it is out of order",
            is_retriable=True,
        )
    is_whole = not odd
    rows: list[Row] = []
    for app_id in asked:
        if app_id in platforms and (is_whole or app_id in listings):
            rows.append(_row(answer, app_id, platforms[app_id], listings.get(app_id)))
        elif app_id not in platforms:
            odd.append((listings.get(app_id, app_id), f"{app_id} is no longer watched"))
    broken = [
        Broken(TABLE, position, as_json(piece), reason)
        for position, (piece, reason) in enumerate(odd, start=1)
    ]
    return Parsed({TABLE: rows}, broken)


def _results(document: Document) -> list[object]:
    results, count = document.get("results"), document.get("resultCount")
    if not isinstance(results, list):
        return changed(UPSTREAM, "there are no `results`")
    if count is not None and count != len(results):
        raise WrongAnswerError(
            f"{UPSTREAM} announces {as_json(count)} results and sends {len(results)}", is_retriable=True
        )
    return results


def _id_of(piece: object, asked: list[str], before: dict[str, Document]) -> str:
    """The id that a result answers. Raises PieceError where it answers none, or one again."""
    app_id = apple_id_of(mapping(piece).get("trackId"))
    if app_id not in asked:
        raise PieceError(f"{app_id} was not asked for")
    if app_id in before:
        raise PieceError(f"{app_id} stands twice")
    return app_id


def _row(answer: Answer, app_id: str, platform_id: str, listing: Document | None) -> Row:
    """The row of an id; without a listing, the store does not have the app."""
    told = listing or {}
    return {
        "store": STORE,
        "country": answer.request.labels["country"],
        "store_app_id": app_id,
        "listing_date": answer.fetched_at.astimezone(UTC).date(),
        "platform_id": platform_id,
        "is_available": listing is not None,
        "app_name": filled(told.get("trackName")),
        "bundle_id": filled(told.get("bundleId")),
        "developer": filled(told.get("artistName")),
        "genre_id": _as_text(told.get("primaryGenreId")),
        "genre": filled(told.get("primaryGenreName")),
        "price": plain(told.get("price")),
        "currency": filled(told.get("currency")),
        "average_rating": _unless_zero(told.get("averageUserRating")),
        "rating_count": _unless_zero(told.get("userRatingCount")),
        "installs_at_least": None,
        "version": _as_text(told.get("version")),
        "released_at": filled(told.get("currentVersionReleaseDate")),
        "source_url": answer.request.url,
    }


def _unless_zero(value: object) -> object:
    """0 stars of 0 ratings is how this upstream says that there are none."""
    return None if value in (0, "0") else filled(value)


def _as_text(value: object) -> object:
    return None if value is None else filled(str(value) if isinstance(value, int | float) else value)


SOURCE = Source(
    name="apple_lookup",
    group="charts",
    description="Listings of watched apps in the App Store: there or not, developer, genre, ratings.",
    tables=(TABLE,),
    hosts=(HOST,),
    pace=Pace(requests_per_minute=18, at_once=1, seconds_between=3.0),
    day_zone="UTC",
    ask=ask,
    read=read,
    asks_by_platform=True,
)
