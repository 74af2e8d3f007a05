"""Views of `mobility` as Arrow tables.

`query` runs the program, which the wheel installs as well, and so reads configuration and warehouse as
`mobility query` does. It needs no server.

    import mobility

    users = mobility.query("users-per-lau", date="2024-10-01")    # pyarrow.Table
    users.to_pandas()
    polars.from_arrow(users)
"""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Error", "find_program", "query"]

Date = Union[str, datetime.date]
StrPath = Union[str, "os.PathLike[str]"]


class Error(RuntimeError):
    """The program ended with an error; the text is its message."""


def find_program() -> str:
    """Return the path of the program.

    It is the one that the wheel installed, otherwise the one in `PATH`.

    Raises:
        FileNotFoundError: There is neither.
    """
    folders = [Path(sysconfig.get_path("scripts"))]
    folders.append(Path(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))))
    # pip install --target FOLDER
    folders.append(Path(__file__).resolve().parent.parent / "bin")
    for folder in folders:
        file = folder / "mobility"
        if file.is_file():
            return str(file)
    found = shutil.which("mobility")
    if found is None:
        raise FileNotFoundError(
            "the program mobility is neither in the environment of this Python nor in PATH; install it, or "
            "name it with program="
        )
    return found


def query(
    view: Optional[str] = None,
    *,
    sql: Optional[str] = None,
    date: Optional[Date] = None,
    from_date: Optional[Date] = None,
    to_date: Optional[Date] = None,
    lau: Optional[str] = None,
    order_by: Union[str, Iterable[str]] = (),
    limit: Optional[int] = None,
    offset: int = 0,
    audience: Optional[str] = None,
    folder: Optional[StrPath] = None,
    config: Optional[StrPath] = None,
    program: Optional[StrPath] = None,
) -> pyarrow.Table:
    """Return the rows of a view or of a SELECT as a `pyarrow.Table`.

    Args:
        view: Query name, view name, alias or table, such as "users-per-lau".
        sql: A read-only SELECT in place of a view; it takes no filters.
        date: Only this date: `datetime.date`, or text such as "2024-10-01".
        from_date, to_date: First and last date.
        lau: Only this `lau_id`.
        order_by: Column, or columns, to order by; append ":desc" for descending order.
        limit, offset: Number of rows to return, and of rows to skip.
        audience: "analyst" for exact numbers, or "public" for what `mobility publish` released, with the column
            `suppressed`; by default that of the configuration.
        folder: Working folder of the program; by default the current one.
        config: Configuration file; by default `pipeline.toml` in the working folder.
        program: Path of the program; by default that of `find_program`.

    Raises:
        Error: The program ended with an error, such as an unknown view.
        FileNotFoundError: The program or the working folder does not exist.
        ImportError: pyarrow is missing.
        TypeError: Neither or both of `view` and `sql` are given.
    """
    if (view is None) == (sql is None):
        raise TypeError("state either a view or sql=")
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("mobility.query needs pyarrow: pip install pyarrow") from error
    path = shutil.which(program) if program is not None else find_program()
    if path is None:
        raise FileNotFoundError(f"there is no program {os.fspath(program or '')}")
    # a relative path is relative to the folder of this process
    command = [os.path.abspath(path), "query", "--quiet", "--format", "arrow"]
    columns = [order_by] if isinstance(order_by, str) else list(order_by)
    values = {
        "config": None if config is None else os.fspath(config),
        "sql": sql,
        "date": _day(date),
        "from": _day(from_date),
        "to": _day(to_date),
        "lau": lau,
        "order-by": ",".join(columns) or None,
        "limit": limit,
        "offset": offset or None,
        "audience": audience,
    }
    # --name=value, so that a value that begins with a hyphen is no flag
    command += [f"--{name}={value}" for name, value in values.items() if value is not None]
    if view is not None:
        command += ["--", view]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise Error(said or f"{command[0]} ended with status {done.returncode}")
    return pyarrow.ipc.open_file(pyarrow.py_buffer(done.stdout)).read_all()


def _day(date: Optional[Date]) -> Optional[str]:
    """Return a date as the program reads it."""
    if isinstance(date, datetime.datetime):
        date = date.date()
    return None if date is None else str(date)
