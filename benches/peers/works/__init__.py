"""The benchmarks, one file each: `run(bench)` returns rows of the table."""
