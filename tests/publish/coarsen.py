"""The exact numbers of larger areas and longer periods, from rows of single users.

Usage: coarsen.py FOLDER AREAS PERIOD, such as nuts3 week. FOLDER has CSV files: nuts.csv with the regions, the tables
trips and segments, seen.csv with the LAUs in which users were seen on dates, presence.csv with the first and the last
event of users in each clock hour and cell, anchors.csv and anchor_windows.csv, and the exact rows of the views
trips-per-device, residents-per-lau and commuters. The rows are written beside them under the names that releases give
them. It shares nothing with the program.
"""

import csv
import math
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

CLASSES = [(2_000, "<2 km"), (10_000, "2-10 km"), (50_000, "10-50 km"), (math.inf, "50+ km")]
TIMES = [(900, "<15 min"), (3_600, "15-60 min"), (10_800, "1-3 h"), (28_800, "3-8 h"), (math.inf, "8+ h")]
LENGTHS = {"nuts3": 5, "nuts2": 4, "nuts1": 3}


class Level:
    def __init__(self, folder, areas, period):
        self.areas, self.period = areas, period
        path = Path(folder) / "nuts.csv"
        rows = csv.DictReader(path.open()) if path.exists() else ()
        self.nuts = {row["lau_id"]: row["nuts"] for row in rows}

    def suffix(self, view):
        """The ending of a name: residents and commuters are of windows, and distances of no area."""
        has_areas, has_periods = view != "trip-distances", view not in ("residents-per-lau", "commuters")
        areas = f"-{self.areas}" if self.areas != "lau" and has_areas else ""
        return areas + (f"-{self.period}" if self.period != "day" and has_periods else "")

    def key(self, name):
        if self.areas != "lau" and name.endswith("lau_id"):
            return name[: -len("lau_id")] + self.areas
        return self.period if name == "date" and self.period != "day" else name

    def area(self, lau):
        """The area that holds a LAU or a smaller area; nothing for what lies outside."""
        return lau if self.areas == "lau" or lau == "" else self.nuts.get(lau, lau)[: LENGTHS[self.areas]]

    def start(self, day):
        """The first date of the period of a date."""
        day = date.fromisoformat(day)
        if self.period == "week":
            day -= timedelta(days=day.weekday())
        return (day.replace(day=1) if self.period == "month" else day).isoformat()


def half_up(numbers, scale, unit, digits):
    """The sum of numbers, which have `scale` parts each, in a unit of so many parts, rounded half up."""
    parts = sum(math.floor(float(number) * scale + 0.5) for number in numbers)
    return math.floor(parts * 10**digits / unit + 0.5) / 10**digits


class Exact:
    def __init__(self, folder, level):
        self.folder, self.level = Path(folder), level

    def rows(self, name):
        return list(csv.DictReader((self.folder / f"{name}.csv").open()))

    def write(self, view, keys, counts, rows):
        path = self.folder / f"{view}{self.level.suffix(view)}.csv"
        with path.open("w") as file:
            writer = csv.writer(file)
            writer.writerow([self.level.key(key) for key in keys] + counts)
            writer.writerows(list(key) + list(numbers) for key, numbers in sorted(rows.items()))

    def trips(self):
        level, pairs, classes = self.level, defaultdict(list), defaultdict(list)
        flows = defaultdict(lambda: [0, 0, 0])
        for trip in self.rows("trips"):
            start, leaves, arrives = level.start(trip["date"]), trip["from_lau_id"], trip["to_lau_id"]
            leaves, arrives = level.area(leaves), level.area(arrives)
            hour = (trip["departed"][:13] + ":00:00",) if level.period == "day" else ()
            pairs[(start, *hour, leaves, arrives)].append(trip)
            distance = next(name for limit, name in CLASSES if float(trip["distance_m"]) < limit)
            classes[(start, distance)].append(trip["user_id"])
            if leaves == arrives:
                flows[(start, leaves)][2] += 1
            else:
                flows[(start, arrives)][0] += 1
                flows[(start, leaves)][1] += 1
        hour = ["hour"] if level.period == "day" else []

        def numbers(trips):
            metres = half_up((trip["distance_m"] for trip in trips), 10, 10 * len(trips), 1)
            minutes = half_up((trip["seconds"] for trip in trips), 10**6, 60 * 10**6 * len(trips), 1)
            return len(trips), len({trip["user_id"] for trip in trips}), metres, minutes

        self.write(
            "trips-od",
            ["date", *hour, "from_lau_id", "to_lau_id"],
            ["trips", "devices", "mean_distance_m", "mean_minutes"],
            {key: numbers(trips) for key, trips in pairs.items()},
        )
        flows = {key: (i, o, i - o, w) for key, (i, o, w) in flows.items()}
        self.write("flow-balance", ["date", "lau_id"], ["inflow", "outflow", "net", "within"], flows)
        if level.period != "day":
            classes = {key: (len(users), len(set(users))) for key, users in classes.items()}
            self.write("trip-distances", ["date", "distance_class"], ["trips", "devices"], classes)

    def seen(self):
        users = defaultdict(set)
        for row in self.rows("seen"):
            users[(self.level.start(row["date"]), self.level.area(row["lau_id"]))].add(row["user_id"])
        counts = {key: (len(of_area),) for key, of_area in users.items()}
        self.write("users-per-lau", ["date", "lau_id"], ["user_count"], counts)

    def time(self):
        """Visits where they are, and moves between two visits in one area."""
        times, by_user = defaultdict(float), defaultdict(list)
        for segment in self.rows("segments"):
            by_user[segment["user_id"]].append(segment)
        for user, segments in by_user.items():
            segments.sort(key=lambda s: (s["started"], s["ended"]))
            for number, segment in enumerate(segments):
                area = self.level.area(segment["lau_id"])
                if segment["state"] == "move":
                    others = [segments[:number][::-1], segments[number + 1 :]]
                    ends = [next(s for s in side if s["state"] != "move") for side in others]
                    start, area = (self.level.area(end["lau_id"]) for end in ends)
                    area = area if start == area else ""
                if segment["state"] != "unknown" and area:
                    times[(segment["date"], area, user)] += float(segment["seconds"])
        rows = defaultdict(list)
        for (day, area, _), seconds in times.items():
            rows[(day, area, next(name for limit, name in TIMES if seconds < limit))].append(seconds)
        rows = {key: (len(of_class), half_up(of_class, 10**6, 3_600 * 10**6, 2)) for key, of_class in rows.items()}
        self.write("dwell-per-lau", ["date", "lau_id", "dwell_class"], ["devices", "hours"], rows)

    def present(self):
        """Devices where their event nearest to the full hour is, by their role in the area."""
        windows = {row["date"]: row["window_start"] for row in self.rows("anchor_windows")}
        anchors = {(a["user_id"], a["window_start"], a["kind"]): a["lau_id"] for a in self.rows("anchors")}
        nearest, dates = {}, set()
        for row in self.rows("presence"):
            for seen in (row["first_seen"], row["last_seen"]):
                at = datetime.fromisoformat(seen)
                dates.add(at.date())
                before = at.replace(minute=0, second=0, microsecond=0)
                # an event an hour before a full hour counts, and one an hour after it does not
                for hour in (before, before + timedelta(hours=1)):
                    found = (abs(at - hour), at, row["cell_id"], row["lau_id"])
                    key = (row["user_id"], hour)
                    nearest[key] = min(nearest.get(key, found), found)

        def role(user, day, area):
            home, work = (anchors.get((user, windows[day], kind), "") for kind in ("home", "work"))
            if home and self.level.area(home) == area:
                return "resident"
            if work and self.level.area(work) == area:
                return "worker"
            return "visitor" if home else "unknown"

        counts = defaultdict(lambda: [0])
        for (user, hour), (*_, lau) in nearest.items():
            if hour.date() in dates and lau:
                day, area = hour.date().isoformat(), self.level.area(lau)
                counts[(day, str(hour), area, role(user, day, area))][0] += 1
        self.write("present-per-lau", ["date", "hour", "lau_id", "role"], ["devices"], counts)

    def disjoint(self, view, keys, counts):
        sums = defaultdict(lambda: [0] * len(counts))
        for row in self.rows(view):
            key = tuple(self.level.area(row[k]) if k.endswith("lau_id") else row[k] for k in keys)
            sums[key] = [total + int(row[count]) for total, count in zip(sums[key], counts)]
        self.write(view, keys, counts, sums)


def main():
    folder, areas, period = sys.argv[1:]
    exact = Exact(folder, Level(folder, areas, period))
    exact.trips()
    exact.seen()
    if period == "day":
        exact.time()
        exact.disjoint("trips-per-device", ["date", "home_lau_id", "trips_class"], ["devices"])
    if areas != "lau" and period == "day":
        exact.present()
    if areas != "lau":
        exact.disjoint("residents-per-lau", ["window_start", "lau_id"], ["residents", "workers"])
        exact.disjoint("commuters", ["window_start", "home_lau_id", "work_lau_id"], ["devices"])


if __name__ == "__main__":
    main()
