"""What the description of a table says of its columns."""

from training.data.tables.codec import TableCodec
from training.data.tables.columns import Categorical, Constant


def notes(table: TableCodec) -> list[str]:
    """Sentences on columns that are treated otherwise than it seems."""
    columns = {
        "Always the same, so not learnt but put back": [
            repr(c.name) for c in table.columns if isinstance(c, Constant)
        ],
        "With leading zeros, so categories and no numbers": [
            repr(c.name) for c in table.columns if isinstance(c, Categorical) and _are_codes(c)
        ],
        "Embedded": [
            f"{c.name!r} ({c.entries} categories in {len(c.points[0])} dimensions)"
            for c in table.columns
            if isinstance(c, Categorical) and c.points
        ],
    }
    return [f"{what}: {', '.join(names)}." for what, names in columns.items() if names]


def _are_codes(column: Categorical) -> bool:
    """Whether the values are digits that say no number, as postcodes do."""
    values = column.categories
    return all(isinstance(value, str) and value.isdecimal() for value in values) and any(
        value.startswith("0") and value != "0" for value in values
    )
