"""The works that are compared, one file each: `run(bench)` gives rows of the table."""
