"""The page in headless Chromium: what a person sees and does."""

import csv
import json

import numpy as np
import pytest
from gallery_case import NEEDS_BROWSER
from PIL import Image
from selenium.webdriver import ActionChains, Keys
from version_case import CLASSES, SHAPE

from ganapp.export.server import pages

pytestmark = NEEDS_BROWSER
SIZE = SHAPE[0]


def drawn_by_server(page, model="digits", **inputs):
    samples = page.predict(model, "sample", **inputs)["samples"]
    return [np.ravel(image).tolist() for image in samples]


def test_a_seed_gives_its_pictures(page):
    page.open()
    assert page.text("h1") == "digits"
    assert page.pixels(".tile canvas") == drawn_by_server(page, count=16, seed=0)
    page.set("#seed", 7)
    page.says("seed 7")
    page.set("#count", 5)
    page.counts(".tile", 5)
    assert page.pixels(".tile canvas") == drawn_by_server(page, count=5, seed=7)
    page.find("#new-seed").click()
    page.until(r"!/seed=7(?!\d)/.test(location.hash)")
    page.drawn()
    seed = int(page.state()["seed"])
    page.says(f"seed {seed}")
    shown = page.pixels(".tile canvas")
    assert shown == drawn_by_server(page, count=5, seed=seed)
    page.reopen()
    assert page.pixels(".tile canvas") == shown


def test_versions(page):
    page.open("seed=1&version=1")
    first = page.pixels(".tile canvas")
    assert first == drawn_by_server(page, "digits/versions/1", count=16, seed=1)
    page.set("#version", "")
    page.says("version 2")
    assert page.pixels(".tile canvas") != first
    assert page.pixels(".tile canvas") == drawn_by_server(page, count=16, seed=1)


def test_walk(page):
    page.open("seed=3")
    assert not page.find("#walk-body").is_displayed()
    page.walks(2, 9)
    assert page.state() | {"from": "2", "to": "9"} == page.state()
    grid, strip = page.pixels(".tile canvas"), page.pixels("#walk-strip canvas")
    assert strip[0] == grid[2]
    assert np.abs(np.subtract(strip[-1], grid[9])).max() <= 1
    assert page.text("#walk-play") == "Play"  # the person prefers less motion
    page.set("#walk-position", 23)
    assert page.pixels("#walk-canvas") == [strip[-1]]
    assert page.find("#walk-position").get_attribute("aria-valuetext") == "100 % of the way"
    page.find("#walk-download").click()
    with Image.open(page.downloaded("digits-walk-seed3.gif")) as gif:
        assert (gif.n_frames, gif.size) == (24, (SIZE, SIZE))
        frame = np.ravel(gif.convert("L"))
        assert np.abs(frame - np.array(grid[2], float)).max() <= 2


def test_a_walk_plays_by_itself(page):
    page.open("seed=3&from=0&to=1", calm=False)
    page.until("document.querySelector('#walk-play').textContent === 'Pause'")
    page.until("Number(document.querySelector('#walk-position').value) > 2")
    page.find("#walk-play").click()
    stopped = page.find("#walk-position").get_property("value")
    assert page.text("#walk-play") == "Play"
    page.run("return new Promise((resolve) => setTimeout(resolve, 200))")
    assert page.find("#walk-position").get_property("value") == stopped


@pytest.mark.parametrize("path", ["arc", "straight"])
@pytest.mark.parametrize("end", [[-1.0, 2.0, 0.5, 0.0, 1.0], [-0.5, -1.0, 1.5, 1.0, 0.0]])
def test_latents_of_the_walk_are_those_of_the_server(page, path, end):
    start = [0.5, 1.0, -1.5, 1.0, 0.0]  # opposite to the second end
    latent = {"path": path, "classes": CLASSES, "size": 5}
    found = page.imported("latents", "m.walk(a[0], a[1], 7, a[2])", start, end, latent)
    ends = (np.array(start), np.array(end))
    expected = pages.walk(*ends, frames=7, path=path, classes=len(CLASSES))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_directions(page):
    page.open("seed=3")
    page.all(".tile")[4].click()
    (before,), (after,) = page.pixels("#before"), page.pixels("#after")
    assert before == after == page.pixels(".tile canvas")[4]
    assert len(page.all("#sliders input")) == 2
    url = "document.querySelector('#after').toDataURL()"
    unchanged = page.run(f"return {url}")
    page.set("#sliders label:first-child input", 2.5)
    page.at("directions=2.5")
    page.until(f"{url} !== {json.dumps(unchanged)}")
    (changed,) = page.pixels("#after")
    sample = page.predict("digits", "sample", count=16, seed=3)
    latents = np.array(sample["latents"])
    unit = np.sqrt(np.mean(latents[:, :3] ** 2))
    moved = latents[4] * [0, 1, 1, 1, 1] + [2.5 * unit, 0, 0, 0, 0]
    expected = page.predict("digits", "serving_default", z=[moved.tolist()])
    levels = np.clip(np.round((np.ravel(expected) + 1) * 127.5), 0, 255)
    assert np.abs(levels - changed).max() <= 1
    page.reopen()
    page.until("document.querySelector('#sliders input').value === '2.5'")
    page.find("#reset").click()
    page.until("!location.hash.includes('directions')")


def test_classes_and_truncation(page):
    page.open("seed=2")
    page.set("#class", "all")
    page.counts(".row", 2)
    assert [title.text for title in page.all(".row-title")] == list(CLASSES)
    expected = [drawn_by_server(page, count=8, seed=2, **{"class": c}) for c in range(len(CLASSES))]
    assert page.pixels(".tile canvas") == [*expected[0], *expected[1]]
    page.find("#download").click()
    with Image.open(page.downloaded("digits-seed2.png")) as png:
        assert png.size == (8 * (SIZE + pages.GAP) - pages.GAP, 2 * SIZE + pages.GAP)
    page.walks(3, 12)  # from one class to the other
    page.find("#walk-download").click()
    with Image.open(page.downloaded("digits-walk-seed2.gif")) as gif:
        gif.seek(23)
        assert np.abs(np.ravel(gif.convert("L")) - np.array(expected[1][4], float)).max() <= 2
    page.set("#class", "odd")
    page.set("#truncation", 0)
    page.at("truncation=0")
    page.counts(".row", 1)
    pictures_of = "[...document.querySelectorAll('.tile canvas')].map((each) => each.toDataURL())"
    page.until(f"new Set({pictures_of}).size === 1")  # all are the likeliest one


def test_keyboard(page):
    page.open("seed=3")
    page.run("document.querySelector('.tile').focus()")
    page.press(Keys.RIGHT, Keys.DOWN, Keys.ENTER)
    page.at("from=5")  # four in a row
    assert page.all(".tile")[5].get_attribute("aria-pressed") == "true"
    page.press(Keys.END, " ")
    page.at("to=15")
    assert len(page.all(".tile[tabindex='0']")) == 1


def test_sheet_of_a_table(page):
    page.open("model=table&count=40")
    assert not page.find("#tools").is_displayed()
    assert [cell.text for cell in page.all("thead th")] == ["#", "height", "year", "town"]
    rows = page.run(
        "return [...document.querySelectorAll('tbody tr')].map("
        "  (row) => [...row.cells].map((cell) => cell.textContent))"
    )
    page.find("#download").click()
    with page.downloaded("table-seed0.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(rows) == len(lines) == 40
    for (_, height, year, town), line in zip(rows, lines, strict=True):
        expected = f"{float(line['height']):.1f}" if line["height"] else "\u2013"
        assert [height, year, town] == [expected, line["year"], line["town"]]
    assert {row[1] == "\u2013" for row in rows} == {True, False}  # what is missing, and what not
    assert {row[3] for row in rows} == {"Ulm", "<b>Bonn</b>"}  # text, never markup


def test_scatter(page):
    page.open("model=points&count=2")
    page.until("document.querySelector('.plot').width > 300")
    page.run("location.hash = '#model=points&count=50&class=all'")
    page.counts(".key-entry", 2)
    assert [entry.text for entry in page.all(".key-entry")] == list(CLASSES)
    plot = page.find(".plot")
    plot.send_keys(Keys.RIGHT)
    samples = page.predict("points", "sample", count=50, seed=0, **{"class": 0})["samples"]
    samples += page.predict("points", "sample", count=50, seed=0, **{"class": 1})["samples"]
    leftmost = int(np.argmin(np.array(samples)[:, 0]))
    text = page.text(".value")
    assert text.startswith(f"Point {leftmost + 1}, class {CLASSES[leftmost // 50]}, x0 = ")
    x0, x1 = (float(part.split(" = ")[1]) for part in text.split(", ")[2:])
    np.testing.assert_allclose([x0, x1], samples[leftmost], rtol=1e-4)
    blank = page.run("return document.querySelector('.plot').toDataURL()")
    plot.send_keys(Keys.ENTER)
    page.at(f"from={leftmost}")
    plot.send_keys(Keys.END, Keys.RIGHT, Keys.RIGHT, Keys.ENTER)
    page.at("to=")
    page.until("document.querySelector('#walk-hint').textContent.startsWith('From point')")
    assert page.run("return document.querySelector('.plot').toDataURL()") != blank
    page.set("#sliders label:first-child input", 1)
    page.at("directions=1")
    assert len(page.all("tbody tr")) == 100  # the numbers, for whoever does not see the plot


def test_hovering_tells_values(page):
    page.open("model=points&count=1")
    page.until("document.querySelector('.plot').width > 300")
    # The only point is the middle of both axes.
    plot = page.find(".plot")
    margins = ((56 - 12) / 2, (12 - 44) / 2)
    ActionChains(page.driver).move_to_element_with_offset(plot, *margins).perform()
    page.until("document.querySelector('.value').textContent.startsWith('Point 1, x0 = ')")


def test_parallel_coordinates(page):
    page.open("model=points&count=1")
    rows = [{"name": None, "titled": False, "samples": [[0, 1, 2], [1, None, 2]]}]
    page.run("document.querySelector('#view').replaceChildren()")
    page.imported(
        "lines",
        "new m.Lines(document.querySelector('#view')).show(...a), new Promise((resolve) =>"
        " requestAnimationFrame(() => requestAnimationFrame(() => resolve())))",
        rows,
        {"name": "m", "columns": None},
    )
    assert len(set(page.pixels(".plot")[0])) > 3
    assert page.text(".sheet") == ""  # folded
    assert len(page.all("tbody tr")) == 2


@pytest.mark.parametrize("model", ["digits", "points", "table"])
def test_a_narrow_screen(page, model):
    page.open(f"model={model}&from=0&to=1&class=all", width=320, height=640)
    if model != "table":
        page.until("/^From/.test(document.querySelector('#walk-hint').textContent)")
    wide, inner = page.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert (wide, inner) == (320, 320)
    cut = page.run(
        "return [...document.querySelectorAll('button, input, select, canvas')].filter("
        "  (element) => element.getClientRects().length && !element.closest('.sheet') &&"
        "    (element.getBoundingClientRect().right > innerWidth ||"
        "     element.getBoundingClientRect().left < 0)).map((element) => element.id)"
    )
    assert cut == []


def test_everything_has_a_name(page):
    page.open("seed=1&from=1&to=2")
    page.walks()
    elements = page.all("button, input, select, [role=img], [role=group], [role=region], iframe")
    visible = [element for element in elements if element.is_displayed()]
    assert len(visible) > 30
    assert [e.get_attribute("outerHTML") for e in visible if not e.accessible_name] == []
    assert visible[-1].accessible_name
    assert "start of the walk" in page.all(".tile")[1].accessible_name
