"""Attacks a release of the program's own views with the definitions of the views alone.

Usage: attacker.py EXACT RELEASE..., folders with CSV files; EXACT has the analyst's views under the same names. A release
may be `RELEASE:AREAS:PERIOD`, such as `regions:nuts3:week`, whose exact numbers are those of coarsen.py. Several
releases of the same dates are attacked together.
It shares nothing with the program: the relations below are written by hand from the definitions, and the attacker even
knows which rows of sparse tables are truly empty. Each count of few devices must be missing, and everything that an
attacker can derive by interval propagation must leave it all values from 1 (sparse tables: 0) to 15.
"""

import csv
import math
import sys
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

from coarsen import Level

FEW = 15


def rows(folder, name):
    path = Path(folder) / f"{name}.csv"
    return list(csv.DictReader(path.open())) if path.exists() else []


# view, keys, counts, whether every key has a row
VIEWS = [
    ("users-per-day", ["date"], ["user_count"], False),
    ("users-per-week", ["week"], ["user_count"], False),
    ("users-per-month", ["month"], ["user_count"], False),
    ("devices-per-date", ["date"], ["devices"], False),
    ("devices-per-night", ["night"], ["devices"], False),
    ("users-per-lau", ["date", "lau_id"], ["user_count"], False),
    ("unique-users-per-lau-per-day", ["date", "lau_id"], ["user_count"], False),
    ("users-per-lau-day-night", ["date", "lau_id"], ["day_users", "night_users"], True),
    ("number-of-unique-users-per-hour", ["hour"], ["unique_user_count"], False),
    ("od-pairs-per-day", ["date", "from_lau_id", "to_lau_id"], ["devices"], False),
    ("residents-per-lau", ["window_start", "lau_id"], ["residents", "workers"], True),
    ("commuters", ["window_start", "home_lau_id", "work_lau_id"], ["devices"], False),
    ("overnight-stays", ["night", "home_lau_id", "night_lau_id"], ["devices"], False),
    ("trips-od", ["date", "hour", "from_lau_id", "to_lau_id"], ["devices", "trips"], False),
    ("flow-balance", ["date", "lau_id"], ["inflow", "outflow", "within"], False),
    ("trip-distances", ["date", "distance_class"], ["devices", "trips"], False),
    ("trips-per-device", ["date", "home_lau_id", "trips_class"], ["devices"], False),
    ("dwell-per-lau", ["date", "lau_id", "dwell_class"], ["devices"], False),
    ("present-coverage", ["date", "hour"], ["located", "active"], True),
    ("present-per-lau", ["date", "hour", "lau_id", "role"], ["devices"], False),
]
# all devices of a period
ALL = {"day": "users-per-day", "week": "users-per-week", "month": "users-per-month"}
# views with areas or periods that become coarser; the others are the same in each release
COARSER = {"users-per-lau", "trips-od", "flow-balance", "trip-distances", "trips-per-device", "dwell-per-lau"}
COARSER |= {"residents-per-lau", "commuters", "present-per-lau"}
# clock hours by day
DAY = range(7, 20)
# trips, to which each device adds one at least
SUMS = {("trips-od", "trips"), ("trip-distances", "trips")}
SUMS |= {("flow-balance", way) for way in ("inflow", "outflow", "within")}


class Facts:
    """What is known of numbers: true values, bounds, relations, and numbers that contain those of finer releases."""

    def __init__(self):
        self.bounds, self.true, self.complete, self.relations = {}, {}, {}, []
        self.inside, self.pairs = defaultdict(list), {}


class Attack:
    """One release; with `facts` of others."""

    def __init__(self, facts, released, exact, level):
        self.level = level
        self.bounds, self.true, self.complete = facts.bounds, facts.true, facts.complete
        self.relations, self.inside, self.pairs = facts.relations, facts.inside, facts.pairs
        for view, keys, counts, complete in VIEWS:
            suffix = level.suffix(view) if view in COARSER else ""
            if view in COARSER:
                keys = [level.key(key) for key in keys if key != "hour" or level.period == "day"]
            elif level.suffix(view) and not (Path(released) / f"{view}.csv").exists():
                # it has no form of this level
                continue
            seen = {tuple(row[k] for k in keys): row for row in rows(released, view + suffix)}
            for row in rows(exact, view + suffix):
                key = tuple(row[k] for k in keys)
                for count in counts:
                    cell = (view + suffix, count) + key
                    value = int(row[count])
                    shown = seen.get(key, {}).get(count, "")
                    self.true[cell], self.complete[cell] = value, complete
                    if shown == "" and cell in self.bounds:
                        # another release has it, or withholds it as well
                        continue
                    if shown != "":
                        assert int(shown) == value, f"{cell} is released as {shown}, and is {value}"
                        assert not 1 <= value <= FEW, f"{cell} is released: {value}"
                        self.bounds[cell] = (value, value)
                    elif complete and value == 0 and (Path(released) / f"{view}{suffix}.csv").exists():
                        raise AssertionError(f"{cell}: the zero is withheld")
                    else:
                        self.bounds[cell] = (1 if complete else 0, math.inf)

    def name(self, view):
        return view + self.level.suffix(view) if view in COARSER else view

    def cells(self, view, count):
        return [cell for cell in self.true if cell[:2] == (self.name(view), count)]

    def at_most(self, smaller, larger):
        """The sum of some cells is at most the sum of others."""
        if smaller and larger and all(cell in self.true for cell in smaller + larger):
            assert sum(self.true[c] for c in smaller) <= sum(self.true[c] for c in larger), (smaller, larger)
            self.relations.append((smaller, larger))

    def difference(self, whole, part):
        """Devices of a count that are not in another are a count, which nobody sees."""
        self.difference_of([whole], part)

    def difference_of(self, whole, part):
        """The same of counts that have no device in common."""
        if any(cell not in self.true for cell in whole + [part]):
            return
        rest = ("difference",) + whole[0] + part
        self.true[rest] = self.of(whole) - self.true[part]
        self.pairs[rest] = (whole[0], part)
        # that there is a device may be known
        self.complete[rest] = True
        self.bounds[rest] = (0, math.inf)
        self.equal(whole, [part, rest])

    def relate(self):
        for cell in self.cells("users-per-lau", "user_count"):
            date, lau = cell[2:]
            copy = ("unique-users-per-lau-per-day", "user_count", date, lau)
            diagonal = ("od-pairs-per-day", "devices", date, lau, lau)
            for same in (copy, diagonal):
                self.at_most([cell], [same])
                self.at_most([same], [cell])
            self.difference((ALL[self.level.period], "user_count", date), cell)
            self.difference(("devices-per-date", "devices", date), cell)
            parts = [("users-per-lau-day-night", c, date, lau) for c in ("day_users", "night_users")]
            for part in parts:
                self.difference(cell, part)
            self.at_most([cell], parts)
        diagonals = defaultdict(list)
        for cell in self.cells("od-pairs-per-day", "devices"):
            date, start, end = cell[2:]
            if start == end:
                diagonals[date].append(cell)
            else:
                for lau in (start, end):
                    self.difference((self.name("users-per-lau"), "user_count", date, lau), cell)
        for date, parts in diagonals.items():
            self.at_most([("devices-per-date", "devices", date)], parts)
        hours = defaultdict(list)
        for cell in self.cells("number-of-unique-users-per-hour", "unique_user_count"):
            day = ("users-per-day", "user_count", cell[2][:10])
            hours[day].append(cell)
            self.difference(day, cell)
        for day, parts in hours.items():
            self.at_most([day], parts)
        for cell in self.cells("devices-per-date", "devices"):
            self.difference(("users-per-day", "user_count", cell[2]), cell)
        for cell in self.cells("number-of-unique-users-per-hour", "unique_user_count"):
            time = datetime.fromisoformat(cell[2])
            if time.hour >= 22 or time.hour < 7:
                night = ("devices-per-night", "devices", str((time - timedelta(hours=7)).date()))
                # a night may have no cell in the plan
                if self.true.get(night, 0) >= self.true[cell] > FEW:
                    self.difference(night, cell)
        nights = defaultdict(list)
        for cell in self.cells("overnight-stays", "devices"):
            nights[("devices-per-night", "devices", cell[2])].append(cell)
        homes, works = defaultdict(list), defaultdict(list)
        for cell in self.cells("commuters", "devices"):
            window, home, work = cell[2:]
            homes[(self.name("residents-per-lau"), "residents", window, home)].append(cell)
            works[(self.name("residents-per-lau"), "workers", window, work)].append(cell)
        residents = defaultdict(list)
        for count in ("residents", "workers"):
            for cell in self.cells("residents-per-lau", count):
                residents[(count, cell[2])].append(cell)
        months = {(key, ("users-per-month", "user_count", key[1])): cells for key, cells in residents.items()}
        self.relate_movement(residents_of_date := defaultdict(list), dwell := defaultdict(list))
        present = self.relate_present()
        wholes = [(whole, parts) for group in (nights, homes, works) for whole, parts in group.items()]
        wholes += [(whole, parts) for (_, whole), parts in months.items()]
        wholes += [(whole, parts) for (_, whole), parts in residents_of_date.items()]
        wholes += [(whole, parts) for (whole, _), parts in present.items()]
        # nearly always: time after midnight may belong to a visit of the date before
        wholes += [(w, parts) for w, parts in dwell.items() if w in self.true and self.of(parts) <= self.true[w]]
        for whole, parts in wholes:
            self.at_most(parts, [whole])
            shown = [p for p in parts if self.bounds[p][0] == self.bounds[p][1]]
            if whole in self.true and shown and self.bounds[whole][0] == self.bounds[whole][1]:
                rest = self.true[whole] - sum(self.true[p] for p in shown)
                assert not 1 <= rest <= FEW, f"{whole} without {shown} is {rest}"

    def of(self, cells):
        return sum(self.true[cell] for cell in cells)

    def equal(self, cells, others):
        self.at_most(cells, others)
        self.at_most(others, cells)

    def total(self, name, cells):
        """A sum of counts that nobody publishes, as a count."""
        total = ("total", "devices", self.level.suffix("trips-od")) + name
        self.true[total], self.complete[total], self.bounds[total] = self.of(cells), False, (0, math.inf)
        self.equal([total], cells)
        return total

    def relate_movement(self, residents, dwell):
        ways = defaultdict(list)
        for cell in self.cells("trips-od", "devices"):
            date, start, end = cell[2], *cell[-2:]
            trips = (self.name("trips-od"), "trips") + cell[2:]
            self.at_most([cell], [trips])
            if start == end:
                ways[("within", date, start)].append(trips)
            else:
                ways[("outflow", date, start)].append(trips)
                ways[("inflow", date, end)].append(trips)
            for whole in {(self.name("users-per-lau"), "user_count", date, lau) for lau in (start, end)}:
                # nearly always: a site may have cells of several LAUs
                if FEW < self.true[cell] <= self.true.get(whole, 0):
                    self.difference(whole, cell)
            # nearly always: a trip may end on the next date
            pairs = ("od-pairs-per-day", "devices", date, start, end)
            if FEW < self.true[cell] <= self.true.get(pairs, 0):
                self.difference(pairs, cell)
        for (way, date, lau), parts in ways.items():
            self.equal([(self.name("flow-balance"), way, date, lau)], parts)
        for day in {cell[2] for cell in self.cells("flow-balance", "outflow")}:
            def of_day(view, count, keep=lambda cell: True):
                return [cell for cell in self.cells(view, count) if cell[2] == day and keep(cell)]

            trips = of_day("flow-balance", "outflow") + of_day("flow-balance", "within")
            self.equal(of_day("flow-balance", "outflow"), of_day("flow-balance", "inflow"))
            self.equal(of_day("trip-distances", "trips"), trips)
            classes = of_day("trips-per-device", "devices")
            self.equal([("devices-per-date", "devices", day)], classes)
            movers = [cell for cell in classes if cell[4] != "0"]
            distances = of_day("trip-distances", "devices")
            self.at_most(movers, distances)
            seen = ("devices-per-date", "devices", day)
            everybody = seen if self.level.period == "day" else (ALL[self.level.period], "user_count", day)
            for cell in distances:
                self.difference(everybody, cell)
                self.at_most([cell], movers)
                self.at_most([cell], [(self.name("trip-distances"), "trips") + cell[2:]])
            self.at_most([cell for cell in movers for _ in range(int(cell[4][0]))], trips)
            everybody_moving = [self.total(("movers", day), movers)] if movers else []
            present = defaultdict(list)
            for cell in of_day("dwell-per-lau", "devices"):
                present[cell[3]].append(cell)
            present = {lau: self.total(("present", day, lau), cells) for lau, cells in present.items()}
            for cell in of_day("trips-od", "devices"):
                for whole in everybody_moving:
                    self.at_most([cell], [whole])
                    # the total is not published: nothing is subtracted from it but what is shown
                    if FEW < self.true[cell]:
                        self.difference(whole, cell)
                for whole in {present.get(lau) for lau in cell[-2:]} - {None}:
                    if FEW < self.true[cell] <= self.true[whole]:
                        self.difference(whole, cell)
        for cell in self.cells("trips-per-device", "devices"):
            day, home = cell[2:4]
            whole = (self.name("residents-per-lau"), "residents", day[:8] + "01", home)
            residents[(day, whole)].append(cell)
        for cell in self.cells("dwell-per-lau", "devices"):
            dwell[(self.name("users-per-lau"), "user_count") + cell[2:4]].append(cell)

    def relate_present(self):
        """Present devices; those of each hour by the numbers that contain them are returned."""
        for cell in self.cells("present-coverage", "active"):
            self.equal([cell], [("devices-per-date", "devices", cell[2])])
            self.difference(("users-per-day", "user_count", cell[2]), cell)
        for cell in self.cells("present-coverage", "located"):
            date, hour = cell[2:]
            at = datetime.fromisoformat(hour)
            # at 00:00, some may have been seen on the date before alone
            if at.hour > 0:
                self.difference(("present-coverage", "active", date, hour), cell)
                self.difference(("users-per-day", "user_count", date), cell)
            # nearly always: cells may lie outside all LAUs
            for seen in (at, at - timedelta(hours=1)):
                seen = ("number-of-unique-users-per-hour", "unique_user_count", str(seen))
                if FEW < self.true.get(seen, 0) <= self.true[cell]:
                    self.difference(cell, seen)
        located, contained, homes = defaultdict(list), defaultdict(list), defaultdict(list)
        for cell in self.cells("trips-per-device", "devices"):
            homes[cell[2:4]].append(cell)
        for cell in self.cells("present-per-lau", "devices"):
            date, hour, lau, role = cell[2:]
            located[("present-coverage", "located", date, hour)].append(cell)
            at = datetime.fromisoformat(hour).hour
            if at > 0:
                contained[(self.name("users-per-lau"), "user_count", date, lau), hour].append(cell)
                by_day = {(at - 1) in DAY, at in DAY}
                if len(by_day) == 1:
                    count = "day_users" if by_day.pop() else "night_users"
                    contained[("users-per-lau-day-night", count, date, lau), hour].append(cell)
                if role == "resident" and (date, lau) in homes:
                    self.difference_of(homes[date, lau], cell)
            count = {"resident": "residents", "worker": "workers"}.get(role)
            if role == "worker":
                # who lives there is no worker there
                workers = (self.name("residents-per-lau"), "workers", date[:8] + "01", lau)
                both = (self.name("commuters"), "devices", date[:8] + "01", lau, lau)
                contained[workers, hour] = [cell, both] if both in self.true else [cell]
            if count:
                self.difference((self.name("residents-per-lau"), count, date[:8] + "01", lau), cell)
        for whole, parts in located.items():
            self.equal([whole], parts)
            contained[whole, None] = parts
        return contained

    def propagate(self):
        for _ in range(300):
            changed = False
            for smaller, larger in self.relations:
                low = sum(self.bounds[c][0] for c in smaller)
                high = sum(self.bounds[c][1] for c in larger)
                for cell in larger:
                    bottom, top = self.bounds[cell]
                    others = sum(self.bounds[c][1] for c in larger if c != cell)
                    if low - others > bottom:
                        self.bounds[cell], changed = (low - others, top), True
                for cell in smaller:
                    bottom, top = self.bounds[cell]
                    others = sum(self.bounds[c][0] for c in smaller if c != cell)
                    if high - others < top:
                        self.bounds[cell], changed = (bottom, high - others), True
            if not changed:
                return

    def floors(self):
        """What would be known if all numbers were withheld: nulls say that there is one device at least, and who is seen
        by day is seen on the date."""
        known = dict(self.bounds)
        for cell, (low, high) in known.items():
            if 0 < low == high:
                self.bounds[cell] = (1 if self.complete[cell] else 0, math.inf)
        self.propagate()
        floors = {cell: low for cell, (low, _) in self.bounds.items()}
        self.bounds.update(known)
        return floors

    def judge(self, floors):
        primary = 0
        for cell, value in self.true.items():
            if not 1 <= value <= FEW or self.is_sum(cell):
                continue
            primary += 1
            low, high = self.bounds[cell]
            low = min(low, self.allowed(cell, low))
            # two numbers that are withheld and at least one each are two at least, whatever is withheld
            nulls = 2 if self.complete[cell] else 0
            least = max(1 if self.complete[cell] else 0, floors[cell], min(nulls, low))
            assert low <= least and high >= FEW, f"{cell} is {value}, and is known to be {low} to {high}"
        return primary

    def allowed(self, cell, low):
        """Of a difference of numbers of which one is withheld, finer releases tell that it is some number at least: a
        week has as many devices as the largest of its dates."""
        is_several = cell[0] == "difference" and self.inside
        return 0 if is_several and not all(map(self.is_shown_in, self.pairs[cell])) else low

    def is_shown_in(self, cell):
        return self.bounds[cell][0] == self.bounds[cell][1]

    def is_sum(self, cell):
        return cell[0] == "between" or any(cell[0].startswith(view) and cell[1] == count for view, count in SUMS)


class Levels:
    """What a finer and a coarser release of the same dates tell together."""

    def __init__(self, fine, coarse):
        self.fine, self.coarse = fine, coarse
        self.between = defaultdict(list)

    def lifted(self, key):
        """The key of the coarser row that holds a finer one: date, areas or a class."""
        if self.coarse.level.period != "day" and len(key) == 4:
            key = (key[0], *key[2:])
        return (self.coarse.level.start(key[0]), *(self.coarse.level.area(part) for part in key[1:]))

    def groups(self, view, count):
        found = defaultdict(list)
        for cell in self.fine.cells(view, count):
            found[(self.coarse.name(view), count, *self.lifted(cell[2:]))].append(cell)
        return found

    def relate(self):
        facts = self.fine
        for view, count in [("users-per-lau", "user_count"), ("trips-od", "devices"), ("trip-distances", "devices")]:
            for whole, parts in self.groups(view, count).items():
                if whole in parts or whole not in facts.true:
                    continue
                facts.at_most([whole], parts)
                for part in parts:
                    # of numbers that an earlier release withholds, nobody computes the difference
                    if facts.is_shown_in(part):
                        facts.difference(whole, part)
                    else:
                        facts.at_most([part], [whole])
                facts.inside[whole] += parts
        for view, count in [("trips-od", "trips"), ("trip-distances", "trips"), ("trips-per-device", "devices")]:
            for whole, parts in self.groups(view, count).items():
                if whole not in parts:
                    self.adds_up(whole, parts)
        self.relate_flows()

    def adds_up(self, whole, parts):
        facts = self.fine
        if whole not in facts.true:
            return
        facts.equal([whole], parts)
        is_shown = {cell: facts.bounds[cell][0] == facts.bounds[cell][1] for cell in [whole, *parts]}
        shown = [part for part in parts if is_shown[part]]
        if is_shown[whole] and shown:
            rest = facts.true[whole] - facts.of(shown)
            assert rest == 0 or rest >= FEW, f"{whole} without {shown} is {rest}"

    def relate_flows(self):
        """Trips from one part of an area to another are within the area, and in its flows no more."""
        facts = self.fine
        flows = {count: self.groups("flow-balance", count) for count in ("inflow", "outflow", "within")}
        pairs = self.groups("trips-od", "trips")
        name = self.coarse.name("trips-od")
        if self.fine.level.areas == self.coarse.level.areas:
            for groups in flows.values():
                for whole, parts in groups.items():
                    if whole not in parts:
                        self.adds_up(whole, parts)
            return
        for (view, _, *key), parts in flows["within"].items():
            whole = (view, "within", *key)
            if whole not in facts.true:
                continue
            across = [c for c in pairs.get((name, "trips", key[0], key[1], key[1]), ()) if c[-2] != c[-1]]
            if self.coarse.level.period == "day":
                hours = [cell for cell in pairs if cell[2] == key[0] and cell[-2:] == (key[1], key[1])]
                across = [c for cell in hours for c in pairs[cell] if c[-2] != c[-1]]
            between = ("between", self.coarse.name("flow-balance"), *key)
            facts.true[between], facts.complete[between] = facts.of(across), True
            facts.bounds[between] = (0, math.inf)
            facts.equal([whole], [*parts, between])
            for count in ("inflow", "outflow"):
                facts.equal(flows[count][(view, count, *key)], [(view, count, *key), between])
            for count in ("inflow", "outflow"):
                of_parts = flows[count][(view, count, *key)] + parts
                known = [c for c in of_parts if facts.bounds[c][0] == facts.bounds[c][1]]
                wholes = [(view, count, *key), whole]
                if known and all(facts.bounds[c][0] == facts.bounds[c][1] for c in wholes):
                    rest = facts.of(wholes) - facts.of(known)
                    assert rest == 0 or rest >= FEW, f"{wholes} without {known} is {rest}"
            self.between[key[0]].append(between)

    def judge(self):
        for between in (cell for cells in self.between.values() for cell in cells):
            low, high = self.fine.bounds[between]
            if 1 <= self.fine.true[between] < FEW:
                assert low <= 1 and high >= FEW, f"{between} is known to be {low} to {high}"


def main():
    exact, *releases = sys.argv[1:]
    facts, attacks = Facts(), []
    for release in releases:
        name, areas, period = release.split(":") if ":" in release else (release, "lau", "day")
        attacks.append(Attack(facts, name, exact, Level(exact, areas, period)))
    for attack in attacks:
        attack.relate()
    levels = [Levels(fine, coarse) for number, coarse in enumerate(attacks) for fine in attacks[:number]]
    for pair in levels:
        pair.relate()
    floors = attacks[0].floors()
    attacks[0].propagate()
    for pair in levels:
        pair.judge()
    print(attacks[0].judge(floors), len(facts.true))


if __name__ == "__main__":
    main()
