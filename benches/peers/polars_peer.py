"""Polars with its streaming engine: `compress` or all ten `answers`, as DuckDB does them."""

from __future__ import annotations

import datetime

import polars as pl

from answers import ANSWERS, DAY, DAY_HOURS, arguments
from report import Stages

USER, CELL, TIME, HOUR, DATE = (pl.col(c) for c in ("user_id", "cell_id", "timestamp", "hour", "date"))


def compressed(raw: pl.LazyFrame) -> pl.LazyFrame:
    groups = raw.group_by(USER, CELL, TIME.dt.truncate("1h").alias("hour"))
    ends = groups.agg(TIME.min().alias("first"), TIME.max().alias("last"))
    return ends.select(USER, CELL, pl.concat_list("first", "last").alias("timestamp")).explode("timestamp")


def shared(raw: pl.LazyFrame, place: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    """The tables that the answers are made from, computed once."""

    def table(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.collect(engine="streaming").lazy()

    groups = raw.group_by(USER, CELL, TIME.dt.truncate("1h").alias("hour"))
    presence = table(groups.agg(count(pl.len(), "event_count")))
    seen = table(presence.select(USER, CELL, HOUR.dt.date().alias("date")).unique())
    visited = table(seen.group_by(USER, DATE).agg(count(pl.len(), "cells")))
    per_lau = seen.join(place, on="cell_id").group_by("lau_id", "lau_name", "date")
    return {
        "presence": presence,
        "seen": seen,
        "visited": visited.with_columns(USER.bin.encode("hex")),
        "per_lau": table(per_lau.agg(count(USER.n_unique(), "user_count"))),
    }


def count(expression: pl.Expr, name: str) -> pl.Expr:
    return expression.cast(pl.Int64).alias(name)


def queries(tables: dict[str, pl.LazyFrame], place: pl.LazyFrame, laus: pl.LazyFrame) -> dict[str, pl.LazyFrame]:
    presence, visited, per_lau = tables["presence"], tables["visited"], tables["per_lau"]
    day = datetime.date.fromisoformat(DAY)
    per_hour = presence.group_by(HOUR).agg(count(pl.col("event_count").sum(), "event_count")).sort("hour")

    def by_user(name: str) -> pl.LazyFrame:
        return visited.select(USER, DATE, pl.col("cells").alias(name)).sort("user_id", "date")

    placed = presence.join(place, on="cell_id").with_columns(HOUR.dt.date().alias("date"))
    by_day = HOUR.dt.hour().is_between(*DAY_HOURS, closed="left").alias("by_day")
    parts = placed.group_by("date", "lau_id", by_day).agg(count(USER.n_unique(), "users"))
    parts = parts.collect(engine="streaming").lazy()

    def part(wanted: pl.Expr, name: str) -> pl.LazyFrame:
        return parts.filter(wanted).select("date", "lau_id", pl.col("users").alias(name))

    every = parts.select("date").unique().join(laus, how="cross")
    for wanted, name in ((pl.col("by_day"), "day_users"), (~pl.col("by_day"), "night_users")):
        every = every.join(part(wanted, name), on=["date", "lau_id"], how="left")
    locations = tables["seen"].group_by(USER).agg(count(CELL.n_unique(), "unique_locations"))
    lau_days = per_lau.select("lau_id", "lau_name", "date", "user_count").sort("date", "lau_id")
    snapshot = per_lau.filter(DATE == day).select("lau_id", "lau_name", "user_count")
    return {
        "agg_events_per_hour": per_hour,
        "agg_unique_users_per_hour": presence.group_by(HOUR)
        .agg(count(USER.n_unique(), "unique_user_count"))
        .sort("hour"),
        "agg_cell_count_per_user_per_day": by_user("unique_cell_count"),
        "agg_users_per_lau_per_day": lau_days,
        "unique_users_per_lau_per_day": lau_days,
        "unique_locations_per_user_per_day": by_user("unique_locations"),
        "user_location_distribution": locations.group_by("unique_locations")
        .agg(count(pl.len(), "user_count"))
        .sort("unique_locations"),
        "view_users_per_lau_day_night": every.fill_null(0)
        .select("date", "lau_id", "lau_name", "day_users", "night_users")
        .sort("date", "lau_id"),
        "events_per_hour_2024_10_01": per_hour.filter(HOUR.dt.date() == day),
        "unique_users_per_lau_2024_10_01": snapshot.sort("user_count", "lau_id", descending=[True, False]),
    }


def main() -> None:
    args = arguments(__doc__)
    pl.Config.set_engine_affinity("streaming")
    raw, stages = pl.scan_parquet(args.events, hive_partitioning=False), Stages()
    if args.job == "compress":
        with stages.time("compress"):
            compressed(raw).sink_parquet(args.out / "compressed.parquet", compression="snappy")
    else:
        place, laus = pl.scan_parquet(args.mapping), pl.scan_parquet(args.laus)
        with stages.time("shared pass"):
            tables = shared(raw, place)
            frames = queries(tables, place, laus)
        for view in ANSWERS:
            with stages.time(view):
                frames[view].sink_parquet(args.out / f"{view}.parquet", compression="snappy")
    stages.print()


if __name__ == "__main__":
    main()
