"""A server, which has none of the code of tables, writes them as that code does."""

import dataclasses
import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd

from ganapp.export.server.pages import sheet
from ganapp.export.serving_files import columns_of
from ganapp.training.data.tables.sources import table_source

ROWS = 120


def test_forms_of_numbers_dates_and_identifiers():
    days = [
        datetime.datetime(2023, 12, 28, 9, 30) + datetime.timedelta(days=i) for i in range(ROWS)
    ]
    amounts = np.random.default_rng(0).integers(-90_000, 900_000, ROWS) / 100
    frame = pd.DataFrame(
        {
            "pay": [f"${a:,.2f}".replace("$-", "-$") for a in amounts],
            "owed": [f"({-a:.1f} €)" if a < 0 else f"{a:.1f} €" for a in amounts.round(1)],
            "euros": [f"{a:_.2f}".replace(".", ",").replace("_", ".") for a in amounts],
            "share": [f"{i % 90 / 4}%" for i in range(ROWS)],
            "day": [f"{day:%d.%m.%Y}" for day in days],
            "short": [f"{day.month}/{day.day}/{day:%y %H:%M}" for day in days],
            "month": [f"{day:%b-%Y}" for day in days],
            "hundreds": np.arange(ROWS) % 50 * 100,
            "city": ["Oslo", None] * (ROWS // 2),
            "land": "IT",
            "code": [f"C-{i:05d}" for i in range(ROWS)],
            "key": [f"{i:08x}-0000-4000-8000-{i:012x}" for i in range(ROWS)],
        }
    )
    kinds = {"code": "identifier", "key": "identifier"}
    source = table_source(frame, name="t", components=1, kinds=kinds)
    table = source.spec.table
    assert [column.kind for column in table.columns[-3:]] == ["constant", *["identifier"] * 2]
    assert all(column.form for column in table.columns[:7])
    columns = columns_of(SimpleNamespace(data={"table": dataclasses.asdict(table)}))
    found = sheet(source.train, columns)
    assert found.decode() == table.to_csv(source.train).decode()
    assert set(pd.read_csv(pd.io.common.BytesIO(found))["pay"]) <= set(frame["pay"])
