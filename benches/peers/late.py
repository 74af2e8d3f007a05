"""Splits an event file: every tenth row arrives late, the others at once.

    late.py FILE EARLY LATE
"""

from __future__ import annotations

import sys

import numpy as np
import pyarrow.parquet as pq

LATE_SHARE = 10


def main() -> None:
    file, early, late = sys.argv[1:]
    events = pq.read_table(file, partitioning=None)
    is_late = np.arange(len(events)) % LATE_SHARE == 0
    pq.write_table(events.filter(~is_late), early)
    pq.write_table(events.filter(is_late), late)


if __name__ == "__main__":
    main()
