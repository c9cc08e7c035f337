"""What the command line says: tables, on a terminal and off it, and why it failed."""

import sys
from collections.abc import Collection, Iterable, Sequence

FAILED = 1
NOT_FINISHED = 3
UNKNOWN_ACTION = 128
INTERRUPTED = 130
PLAIN_WIDTH = 1000  # characters of a line that goes to a file or a pipe
BETWEEN = 3  # characters at most between two columns


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = ()
) -> None:
    """Print a table: ruled on a terminal, aligned columns and no colours elsewhere."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    table = Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        pad_edge=False,
        header_style="bold",
    )
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*row)
    with console.capture() as lines:
        console.print(table)
    print("\n".join(line.rstrip() for line in lines.get().splitlines()))


def count_fitting(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how many columns, 1 at least, the terminal has place for; all of them elsewhere."""
    from rich.console import Console

    console = Console()
    left = (console.width if console.is_terminal else PLAIN_WIDTH) + BETWEEN
    for number, name in enumerate(columns):
        left -= max(map(len, [name, *(row[number] for row in rows)])) + BETWEEN
        if left < 0:
            return max(1, number)
    return len(columns)


def failure(message: str, status: int = FAILED) -> int:
    """Say on stderr why nothing came of it, and return the exit status."""
    print(f"livn: {message}", file=sys.stderr)
    return status
