"""PostGIS: `load` against the server's own COPY, stored views against the original's views."""

from __future__ import annotations

import json
import statistics

from answers import ANSWERS
from bench import Bench
from cluster import cluster
from data import MAIN_COUNTRY, write_config
from measure import Contestant, Failed, output, seconds
from table import Failure, Row
from works.answers import export
from works.start import queries

READ_S = 0.050
# its rows are the first and last events, which it counts as if they were all
WRONG_IN_ORIGINAL = ["agg_events_per_hour", "events_per_hour_2024_10_01"]


def run(bench: Bench) -> list[Row | Failure]:
    with cluster(bench.root / "postgis") as url:
        return Compared(bench, url).rows()


class Compared:
    def __init__(self, bench: Bench, url: str) -> None:
        self.bench = bench
        self.env = {"DATABASE_URL": url}
        self.work = bench.work("postgis")
        schema = '[warehouse]\nschema = "bench"'
        extra = f"{schema}\n{bench.compared_views()}"
        self.config = write_config(self.work, bench.events, [MAIN_COUNTRY], extra)

    def peer(self, *words: str) -> str:
        return output(self.bench.peer("postgis_peer.py", *words), self.env).strip()

    def mobility(self, *words: str) -> list:
        return list(self.bench.mobility(self.config, *words))

    def rows(self) -> list[Row | Failure]:
        self.bench.notes.append(f"PostgreSQL {self.peer('version')}, as tests/postgis/cluster.sh sets it up.")
        for stage in ("compress", "geojoin"):
            output(self.mobility(stage))
        return [*self.load(), *self.views(), *self.reads()]

    def load(self) -> list[Row]:
        """Both sides fill empty tables."""
        self.peer("reset")
        output(self.mobility("load"), self.env)
        digest = self.peer("digest")
        compressed = self.work / "processed" / "compressed_events"
        self.bench.check("warehouse", "--ours", compressed, "--digest", digest)
        self.peer("original")
        self.peer("ready")

        def copy(kind: str) -> Contestant:
            command = self.bench.peer("postgis_peer.py", "copy", kind)
            return Contestant(kind, command, reports=True, env=self.env, before=lambda: self.peer("empty"))

        load = Contestant("mobility", self.mobility("load"), env=self.env, before=lambda: self.peer("reset"))
        samples = self.bench.race([load, copy("presence"), copy("original")])
        if self.peer("digest") != digest:
            raise Failed("the last load holds other rows than the first")
        mine = seconds(samples["mobility"])
        counts = json.loads(self.peer("counts"))
        same = f"server-side COPY of the same {counts['presence']:,} rows, seven columns"
        original = f"server-side COPY of the original's {counts['original']:,} rows, four columns"
        return [
            Row("`load` into PostGIS", "s", mine, same, seconds(samples["presence"]), 1.2),
            Row("`load` into PostGIS", "s", mine, original, seconds(samples["original"])),
        ]

    def views(self) -> list[Row]:
        output(self.mobility("views"), self.env)
        original = self.work / "original"
        command = self.bench.peer("postgis_peer.py", "views", "--out", original)
        samples = self.bench.race(
            [
                Contestant("mobility", self.mobility("views", "--refresh"), env=self.env),
                # minutes at size L
                Contestant("original", command, reports=True, env=self.env, most_rounds=1),
            ]
        )
        ours = self.work / "mobility"
        export(self.bench, self.config, ours, self.env)
        wrong = [word for view in WRONG_IN_ORIGINAL for word in ("--without", view)]
        self.bench.check("answers", "--ours", ours, "--peer", original, *wrong)
        embedded = self.bench.work("answers") / "DuckDB"
        if embedded.joinpath("agg_events_per_hour.parquet").exists():
            self.bench.check("answers", "--ours", ours, "--peer", embedded)
        mine, theirs = seconds(samples["mobility"]), seconds(samples["original"])
        work = "ten views in PostGIS, `views --refresh`"
        return [Row(work, "s", mine, "the original's views, each read once", theirs, 0.05)]

    def reads(self) -> list[Row]:
        command = self.bench.peer("postgis_peer.py", "read")
        reads = self.bench.race([Contestant("read", command, reports=True, env=self.env)])["read"]
        times = {view: [read.reported["views"][view] for read in reads] for view in ANSWERS}
        slowest = max(times, key=lambda view: statistics.median(times[view]))
        work = f"read of a whole stored view in PostGIS, warm, slowest ({slowest})"
        warm = Row(work, "s", times[slowest], target=READ_S)
        return [warm, *queries(self.bench, self.config, "PostGIS", self.env)]
