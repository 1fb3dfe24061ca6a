"""The feature space of tables: standardised numbers and one-hot categories."""

import numpy as np

from ganapp.training.data.spec import DataSpec


class TableColumns:
    """Rows of a table as vectors in which every column counts about the same.

    Two draws of a standardised number differ by 2 in the mean square, and so do two different
    one-hot categories: no column decides the distances because of its unit. A missing number is
    at the mean, with an indicator; a missing category is a category. A label that not every row has
    is left out.

    Args:
        spec: of a table.
    """

    name = "columns"

    def __init__(self, spec: DataSpec) -> None:
        self._table = spec.table
        # Whether a row has a label says nothing of what it is like.
        self._left_out = self._table.label_place if self._table.partly_labelled else None
        self._mean, self._scale = np.asarray(spec.mean), np.asarray(spec.scale)

    @property
    def width(self) -> int:
        """Coordinates of a row."""
        return self(np.zeros((1, len(self._table.varying)))).shape[1]

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Maps rows `(n, columns)` in user units to float64 `(n, d)`."""
        return np.concatenate(self.by_column(samples), axis=1)

    def by_column(self, samples: np.ndarray) -> list[np.ndarray]:
        """The same, `(n, width)` for each column."""
        samples = np.asarray(samples, np.float64)
        parts = []
        for place, column in enumerate(self._table.varying):
            values = samples[:, place]
            if place == self._left_out:
                parts.append(np.empty((len(samples), 0)))
                continue
            missing = np.isnan(values)
            if column.kind == "categorical":
                count = len(column.categories)
                codes = np.where(missing, count, values).astype(int)
                parts.append(np.eye(count + column.missing)[codes])
                continue
            standard = (values - self._mean[place]) / self._scale[place]
            part = [np.where(missing, 0.0, standard)]
            parts.append(np.stack([*part, missing] if column.missing else part, axis=1))
        return parts

    def inverse(self, features: np.ndarray) -> np.ndarray:
        """Maps `(n, d)` to the rows `(n, columns)` that are nearest, as a table may hold them.

        The largest entry decides the category, 1/2 what is missing; numbers get the decimals and
        keep the range of their column.
        """
        columns, start = [], 0
        for place, column in enumerate(self._table.varying):
            if place == self._left_out:
                columns.append(np.full(len(features), np.nan))
                continue
            if column.kind == "categorical":
                count = len(column.categories)
                part = features[:, start : (start := start + count + column.missing)]
                codes = part.argmax(axis=1)
                columns.append(np.where(codes == count, np.nan, codes))
                continue
            values = features[:, start] * self._scale[place] + self._mean[place]
            values = column.on_grid(values)
            if column.missing:
                values = np.where(features[:, start + 1] > 0.5, np.nan, values)
            start += 1 + column.missing
            columns.append(values)
        return np.stack(columns, axis=1)
