"""Segments, trips and their aggregates by brute force, from raw events and the definitions alone.

Usage: reference.py FOLDER

FOLDER holds `events.csv` (user_id, cell_id, timestamp), `plan.csv` (cell_id, latitude, longitude,
valid_date_start, valid_date_end), `laus.csv` (lau_id, lau_name, west, south, east, north), `homes.csv` (user_id,
date, home_lau_id) and `settings.json`. The tables are written into FOLDER/expected as CSV.
"""

import csv
import json
import math
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

DEFAULTS = {
    "zone": None,
    "max_gap_s": 7200,
    "max_night_gap_s": 28800,
    "night_gap_start": 23,
    "night_gap_end": 9,
    "flicker_s": 1800,
    "flicker_m": 5000,
    "flicker_neighbours": 6,
    "pad_s": 300,
    "min_stay_s": 900,
    "min_distance_m": 1000,
    "max_hours": 12,
    "return_s": 7200,
}
EARTH_M = 6_371_008.8
DAY = timedelta(days=1)


def seconds(number):
    return timedelta(seconds=number)


def half_up(numerator, denominator):
    """The nearest whole number, half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def decimal(number, places):
    """A whole number of 1/10^places in its shortest form."""
    sign, number = ("-", -number) if number < 0 else ("", number)
    text = str(number).rjust(places + 1, "0")
    whole, rest = text[:-places], text[-places:].rstrip("0")
    return sign + whole + ("." + rest if rest else "")


class Clock:
    """Instants are times in UTC without a zone; without a zone they are what the clock shows."""

    def __init__(self, zone):
        self.zone = ZoneInfo(zone) if zone else None

    def wall(self, instant):
        if self.zone is None:
            return instant
        return instant.replace(tzinfo=timezone.utc).astimezone(self.zone).replace(tzinfo=None)

    def date(self, instant):
        return self.wall(instant).date()

    def midnight(self, day):
        start = datetime(day.year, day.month, day.day)
        if self.zone is None:
            return start
        return start.replace(tzinfo=self.zone).astimezone(timezone.utc).replace(tzinfo=None)


class Plan:
    def __init__(self, cells, laus):
        self.versions = defaultdict(list)
        self.cells = []
        for cell in cells:
            latitude, longitude = float(cell["latitude"]), float(cell["longitude"])
            first = date.fromisoformat(cell["valid_date_start"] or "0001-01-01")
            last = date.fromisoformat(cell["valid_date_end"] or "9999-12-31")
            place = [math.floor(degrees * 100_000 + 0.5) for degrees in (latitude, longitude)]
            site = ",".join(f"{part / 100_000:.5f}" for part in place)
            inside = [
                lau["lau_id"]
                for lau in laus
                if float(lau["west"]) < longitude < float(lau["east"])
                and float(lau["south"]) < latitude < float(lau["north"])
            ]
            version = (cell["cell_id"], site, min(inside, default=None), first, last)
            self.cells.append(version)
            self.versions[cell["cell_id"]].append(version)
        self.nearest_kept = {}

    def site_of(self, cell_id, day):
        for _, site, _, first, last in self.versions[cell_id]:
            if first <= day <= last:
                return site
        return None

    def lau_of(self, site_id, day):
        there = [lau for _, site, lau, first, last in self.cells if site == site_id and first <= day <= last]
        return min((lau for lau in there if lau is not None), default=None)

    def nearest(self, site_id, day, number):
        """The sites nearest to a site on a date."""
        key = (site_id, day, number)
        if key not in self.nearest_kept:
            sites = {site for _, site, _, first, last in self.cells if first <= day <= last} - {site_id}
            ordered = sorted(sites, key=lambda site: (metres(site_id, site), site))
            self.nearest_kept[key] = ordered[:number]
        return self.nearest_kept[key]


def metres(a, b):
    """The great-circle distance of two sites."""
    lat_a, lon_a = (math.radians(float(part)) for part in a.split(","))
    lat_b, lon_b = (math.radians(float(part)) for part in b.split(","))
    haversine = (
        math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_M * math.asin(math.sqrt(haversine))


def placed_events(rows, plan, clock):
    """Events by user as (instant, site), at cells valid on their date and not at two places at once."""
    by_user = defaultdict(lambda: defaultdict(list))
    for user, cell, text in sorted({(row["user_id"], row["cell_id"], row["timestamp"]) for row in rows}):
        instant = datetime.fromisoformat(text)
        site = plan.site_of(cell, clock.date(instant))
        if site is not None:
            by_user[user][instant].append(site)
    return {
        user: [(instant, site) for instant in sorted(times) for site in times[instant] if len(set(times[instant])) == 1]
        for user, times in by_user.items()
    }


class Part:
    """The events of a visit on one date."""

    def __init__(self, day, site, events, touches_before, touches_after):
        self.day, self.site, self.events = day, site, events
        self.touches_before, self.touches_after = touches_before, touches_after


class Visit:
    def __init__(self, parts, clock):
        self.parts = parts
        self.site = parts[0].site
        self.first, self.last = parts[0].events[0], parts[-1].events[-1]
        self.start, self.end = self.first, self.last
        self.is_stay = False
        self.counts = {part.day: len(part.events) for part in parts}


class Movement:
    def __init__(self, plan, clock, settings):
        self.plan, self.clock, self.settings = plan, clock, settings

    def is_one_visit(self, before, after):
        """Rule 1: whether the gap between two events at one site is short enough."""
        gap = after - before
        if gap <= seconds(self.settings["max_gap_s"]):
            return True
        return gap <= seconds(self.settings["max_night_gap_s"]) and self.is_in_night(before, after)

    def is_in_night(self, before, after):
        start, end = self.settings["night_gap_start"], self.settings["night_gap_end"]
        before, after = self.clock.wall(before), self.clock.wall(after)
        for day in (before.date() - DAY, before.date()):
            midnight = datetime(day.year, day.month, day.day)
            night_end = midnight + timedelta(hours=end) + (DAY if end <= start else timedelta())
            if midnight + timedelta(hours=start) <= before and after <= night_end:
                return True
        return False

    def parts(self, events):
        """Rule 1: visits, cut at midnight, by date."""
        runs = []
        for instant, site in events:
            if runs and runs[-1][0] == site and self.is_one_visit(runs[-1][1][-1], instant):
                runs[-1][1].append(instant)
            else:
                runs.append((site, [instant]))
        by_date = defaultdict(list)
        for site, instants in runs:
            days = sorted({self.clock.date(instant) for instant in instants})
            for day in days:
                own = [instant for instant in instants if self.clock.date(instant) == day]
                by_date[day].append(Part(day, site, own, day != days[0], day != days[-1]))
        return by_date

    def without_flicker(self, parts):
        """Rule 2 within a date."""
        kept = []
        at = 0
        while at < len(parts):
            grown = parts[at]
            while True:
                back = next((i for i in range(at + 1, len(parts)) if parts[i].site == grown.site), None)
                if back is None or not self.is_flicker(grown, parts[at + 1 : back], parts[back]):
                    break
                events = grown.events + [e for part in parts[at + 1 : back + 1] for e in part.events]
                grown = Part(grown.day, grown.site, events, grown.touches_before, parts[back].touches_after)
                at = back
            kept.append(grown)
            at += 1
        return kept

    def is_flicker(self, grown, between, back):
        settings = self.settings
        if not between:
            return False
        if back.events[0] - between[0].events[0] > seconds(settings["flicker_s"]):
            return False
        nearest = self.plan.nearest(grown.site, grown.day, settings["flicker_neighbours"])
        for part in between:
            if part.site not in nearest and metres(grown.site, part.site) > settings["flicker_m"]:
                return False
        instants = [grown.events[-1]] + [e for part in between for e in part.events] + [back.events[0]]
        gaps = [after - before for before, after in zip(instants, instants[1:])]
        return max(gaps) <= seconds(settings["max_gap_s"])

    def visits(self, events):
        """Rules 1 to 4: visits with their pads, and whether there is a move after each."""
        by_date = self.parts(events)
        visits = []
        open_parts = []
        for day in sorted(by_date):
            for part in self.without_flicker(by_date[day]):
                open_parts.append(part)
                if not part.touches_after:
                    visits.append(Visit(open_parts, self.clock))
                    open_parts = []
        assert not open_parts
        pad = seconds(self.settings["pad_s"])
        moves = []
        visits[0].start -= pad
        visits[-1].end += pad
        for before, after in zip(visits, visits[1:]):
            gap = after.first - before.last
            is_move = before.site != after.site and gap <= seconds(self.settings["max_gap_s"])
            moves.append(is_move)
            if not is_move:
                before.end += min(pad, gap / 2)
                after.start -= min(pad, gap / 2)
        for visit in visits:
            visit.is_stay = visit.end - visit.start >= seconds(self.settings["min_stay_s"])
        return visits, moves

    def trips(self, visits, moves):
        """Rule 5."""
        trips = []
        start = None
        for i, visit in enumerate(visits):
            if visit.is_stay:
                if start is not None:
                    trips.append((start, visit))
                start = visit
            if i < len(moves) and not moves[i]:
                start = None
        return [
            (a, b)
            for a, b in trips
            if metres(a.site, b.site) >= self.settings["min_distance_m"]
            and b.start - a.end <= timedelta(hours=self.settings["max_hours"])
        ]

    def segments(self, visits, moves, dates):
        """Rule 6: rows of the dates on which the device has an event."""
        far = 3 * DAY
        spans = [(visits[0].start - far, visits[0].start, "unknown", None)]
        for i, visit in enumerate(visits):
            spans.append((visit.start, visit.end, "stay" if visit.is_stay else "pass", visit))
            if i < len(moves):
                spans.append((visit.end, visits[i + 1].start, "move" if moves[i] else "unknown", None))
        spans.append((visits[-1].end, visits[-1].end + far, "unknown", None))
        rows = []
        for day in sorted(dates):
            midnight, next_midnight = self.clock.midnight(day), self.clock.midnight(day + DAY)
            for start, end, state, visit in spans:
                cut_start, cut_end = max(start, midnight), min(end, next_midnight)
                is_moment = start == end and visit is not None and midnight <= start < next_midnight
                if cut_start < cut_end or is_moment:
                    site = visit.site if visit else None
                    before = rows[-1] if rows else None
                    rows.append(
                        {
                            "date": day,
                            "start": cut_start,
                            "end": cut_end,
                            "state": state,
                            "site": site,
                            "lau": self.plan.lau_of(site, day) if site else None,
                            "events": visit.counts.get(day, 0) if visit else 0,
                            "continues": before is not None
                            and cut_start == midnight
                            and before["end"] == midnight
                            and before["date"] != day
                            and (before["state"], before["site"]) == (state, site),
                            # of a move, for the time in a LAU
                            "ends": None,
                        }
                    )
                    if state == "move":
                        i = spans.index((start, end, state, visit))
                        rows[-1]["ends"] = (spans[i - 1][3].site, spans[i + 1][3].site)
            total = sum((row["end"] - row["start"] for row in rows if row["date"] == day), timedelta())
            assert total == next_midnight - midnight, f"{day} is not covered"
        return rows


def distance_class(metres_between):
    for limit, name in ((2000, "<2 km"), (10000, "2-10 km"), (50000, "10-50 km")):
        if metres_between < limit:
            return name
    return "50+ km"


def dwell_class(time):
    for limit, name in ((900, "<15 min"), (3600, "15-60 min"), (10800, "1-3 h"), (28800, "3-8 h")):
        if time < limit:
            return name
    return "8+ h"


def nulls_last(key):
    return [(part is None, part if part is not None else "") for part in key]


def grouped(rows, key):
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return sorted(groups.items(), key=lambda item: nulls_last(item[0]))


def aggregates(trips, segments, names, homes, settings):
    """The tables over segments and trips."""
    tables = {}
    pairs = grouped(trips, lambda t: (t["date"], t["departed"].replace(minute=0, second=0, microsecond=0), t["from_lau"], t["to_lau"]))
    tables["trips_od"] = (
        "date,hour,from_lau_id,to_lau_id,trips,devices,mean_distance_m,mean_minutes",
        [
            (
                *key,
                len(of_pair),
                len({t["user"] for t in of_pair}),
                decimal(half_up(sum(t["tenths_m"] for t in of_pair), len(of_pair)), 1),
                decimal(half_up(sum(t["seconds"] for t in of_pair), 6 * len(of_pair)), 1),
            )
            for key, of_pair in pairs
        ],
    )

    balance = defaultdict(lambda: [0, 0, 0])
    for trip in trips:
        if trip["from_lau"] == trip["to_lau"]:
            balance[trip["date"], trip["from_lau"]][2] += 1
        else:
            balance[trip["date"], trip["to_lau"]][0] += 1
            balance[trip["date"], trip["from_lau"]][1] += 1
    rows = []
    for (day, lau), (inflow, outflow, within) in sorted(balance.items(), key=lambda item: nulls_last(item[0])):
        rows.append((day, lau, names.get(lau), inflow, outflow, inflow - outflow, within))
    tables["flow_balance"] = ("date,lau_id,lau_name,inflow,outflow,net,within", rows)

    made = defaultdict(int)
    for trip in trips:
        made[trip["user"], trip["date"]] += 1
    devices = sorted({(row["user"], row["date"]) for row in segments})
    classed = [(day, homes.get((user, day)), str(made[user, day]) if made[user, day] < 3 else "3+") for user, day in devices]
    tables["trips_per_device"] = (
        "date,home_lau_id,trips_class,devices",
        [(*key, len(of_class)) for key, of_class in grouped(classed, lambda row: row)],
    )

    distances = grouped(trips, lambda t: (t["date"], distance_class(t["metres"])))
    tables["trip_distances"] = (
        "date,distance_class,trips,devices",
        [(*key, len(of_class), len({t["user"] for t in of_class})) for key, of_class in distances],
    )

    dwelt = defaultdict(int)
    for row in segments:
        lau = row["lau"] if row["ends"] is None else row["lau_of_move"]
        if lau is not None:
            dwelt[row["date"], lau, row["user"]] += row["seconds"]
    classes = grouped([(day, lau, dwell_class(time), time) for (day, lau, _), time in dwelt.items()], lambda row: row[:3])
    tables["dwell_per_lau"] = (
        "date,lau_id,dwell_class,devices,hours",
        [(*key, len(rows), decimal(half_up(sum(row[3] for row in rows), 36), 2)) for key, rows in classes],
    )
    tables["quality_shares"] = (
        "date,stay_share,move_share,pass_share,unknown_share,returning_trips_share",
        list(shares(trips, segments, settings)),
    )
    return tables


def shares(trips, segments, settings):
    """How the time of the devices of each date is divided, and the share of trips that the way back follows."""

    def share(part, whole):
        return decimal(half_up(10_000 * part, whole), 4) if whole else None

    following = defaultdict(list)
    for trip in trips:
        following[trip["user"]].append(trip)
    returning = defaultdict(int)
    for of_user in following.values():
        of_user.sort(key=lambda trip: trip["left"])
        for trip, back in zip(of_user, of_user[1:]):
            is_way_back = (back["from"], back["to"]) == (trip["to"], trip["from"])
            if is_way_back and back["left"] - trip["came"] <= seconds(settings["return_s"]):
                returning[trip["date"]] += 1
    for (day,), rows in grouped(segments, lambda row: (row["date"],)):
        total = sum(row["seconds"] for row in rows)
        by_state = [
            share(sum(row["seconds"] for row in rows if row["state"] == state), total)
            for state in ("stay", "move", "pass", "unknown")
        ]
        yield (day, *by_state, share(returning[day], sum(trip["date"] == day for trip in trips)))


def whole_seconds(time):
    assert time.microseconds == 0, "the reference is for whole seconds"
    return time.days * 86_400 + time.seconds


def text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def main(folder):
    def read(name):
        with open(folder / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    settings = DEFAULTS | json.loads((folder / "settings.json").read_text())
    laus = read("laus.csv")
    clock = Clock(settings["zone"])
    plan = Plan(read("plan.csv"), laus)
    homes = {(row["user_id"], date.fromisoformat(row["date"])): row["home_lau_id"] for row in read("homes.csv")}
    movement = Movement(plan, clock, settings)
    segments, trips = [], []
    for user, events in sorted(placed_events(read("events.csv"), plan, clock).items()):
        if not events:
            continue
        visits, moves = movement.visits(events)
        dates = {clock.date(instant) for instant, _ in events}
        for row in movement.segments(visits, moves, dates):
            row |= {"user": user, "seconds": whole_seconds(row["end"] - row["start"])}
            row |= {"started": clock.wall(row["start"]), "ended": clock.wall(row["end"])}
            if row["ends"]:
                lau_a, lau_b = (plan.lau_of(site, row["date"]) for site in row["ends"])
                row["lau_of_move"] = lau_a if lau_a == lau_b else None
            segments.append(row)
        for a, b in movement.trips(visits, moves):
            departed, arrived = clock.wall(a.end), clock.wall(b.start)
            length = metres(a.site, b.site)
            trips.append(
                {
                    "user": user,
                    "date": departed.date(),
                    "departed": departed,
                    "arrived": arrived,
                    "seconds": whole_seconds(b.start - a.end),
                    # as instants
                    "left": a.end,
                    "came": b.start,
                    "from": a.site,
                    "to": b.site,
                    "from_lau": plan.lau_of(a.site, departed.date()),
                    "to_lau": plan.lau_of(b.site, arrived.date()),
                    "metres": length,
                    "tenths_m": math.floor(length * 10 + 0.5),
                }
            )
    segments.sort(key=lambda row: (row["user"], row["started"], row["ended"]))
    trips.sort(key=lambda trip: (trip["user"], trip["departed"], trip["arrived"]))
    tables = aggregates(trips, segments, {lau["lau_id"]: lau["lau_name"] for lau in laus}, homes, settings)
    tables["segments"] = (
        "user_id,date,started,ended,seconds,state,site_id,lau_id,events,continues",
        [
            tuple(row[key] for key in "user date started ended seconds state site lau events continues".split())
            for row in segments
        ],
    )
    tables["trips"] = (
        "user_id,date,departed,arrived,seconds,from_site_id,to_site_id,from_lau_id,to_lau_id,distance_m",
        [
            (*(t[key] for key in "user date departed arrived seconds from to from_lau to_lau".split()), decimal(t["tenths_m"], 1))
            for t in trips
        ],
    )
    (folder / "expected").mkdir(exist_ok=True)
    for name, (header, rows) in tables.items():
        with open(folder / "expected" / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header.split(","))
            writer.writerows([text(value) for value in row] for row in rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
