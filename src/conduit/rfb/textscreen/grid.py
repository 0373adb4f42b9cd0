"""The cells of a text screen, and which rows of them have changed."""

from __future__ import annotations

from collections.abc import Sequence

from conduit.rfb.textscreen.colours import BLANK, Cell


class Grid:
    """Rows of cells. Whoever draws them clears :attr:`dirty`."""

    __slots__ = ("_rows", "columns", "dirty", "rows")

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._rows = [[BLANK] * columns for _ in range(rows)]
        self.dirty: set[int] = set(range(rows))

    def row(self, number: int) -> Sequence[Cell]:
        """One row."""
        return self._rows[number]

    def text(self) -> str:
        """What is to be read, a line for each row."""
        return "\n".join("".join(cell.character for cell in row).rstrip() for row in self._rows)

    def put(self, row: int, column: int, cells: Sequence[Cell]) -> None:
        """Write cells, as far as the row goes."""
        end = min(column + len(cells), self.columns)
        self._rows[row][column:end] = cells[: end - column]
        self.dirty.add(row)

    def fill(self, row: int, start: int, end: int, cell: Cell = BLANK) -> None:
        """One cell for all from column *start* to before *end*."""
        self.put(row, start, [cell] * (end - start))

    def fill_rows(self, top: int, bottom: int, cell: Cell = BLANK) -> None:
        """One cell for all of the rows from *top* to before *bottom*."""
        for row in range(top, bottom):
            self.fill(row, 0, self.columns, cell)

    def insert(self, row: int, column: int, count: int, cell: Cell) -> None:
        """Move the rest of a row to the right; what leaves it is lost."""
        cells = self._rows[row]
        count = min(count, self.columns - column)
        cells[column:] = [cell] * count + cells[column : self.columns - count]
        self.dirty.add(row)

    def delete(self, row: int, column: int, count: int, cell: Cell) -> None:
        """Take cells out of a row; the rest of it moves to the left."""
        cells = self._rows[row]
        count = min(count, self.columns - column)
        cells[column:] = cells[column + count :] + [cell] * count
        self.dirty.add(row)

    def scroll(self, top: int, bottom: int, lines: int, cell: Cell = BLANK) -> None:
        """Move the rows from *top* to before *bottom* up, or down with negative *lines*."""
        height = bottom - top
        count = min(abs(lines), height)
        empty = [[cell] * self.columns for _ in range(count)]
        kept = self._rows[top + count : bottom] if lines > 0 else self._rows[top : bottom - count]
        self._rows[top:bottom] = kept + empty if lines > 0 else empty + kept
        self.dirty.update(range(top, bottom))
