"""The page in headless Chromium: the card, the key, and what it does when the server refuses."""

import json

from gallery_case import MOST_SAMPLES, NEEDS_BROWSER

pytestmark = NEEDS_BROWSER


def test_model_card(page):
    page.open()
    page.find("#card-button").click()
    page.until("document.querySelector('#card').open")
    page.driver.switch_to.frame(page.find("#card-frame"))
    try:
        page.until("document.body.textContent.includes('What it is')")
        assert page.find("p").value_of_css_property("color") == "rgba(0, 128, 128, 1)"
    finally:
        page.driver.switch_to.default_content()
    page.find("#card-close").click()
    assert not page.find("#card").is_displayed()
    complaints = page.errors()  # that the script of the card did not run
    assert all("sandboxed" in complaint or "script" in complaint for complaint in complaints)


def test_the_sentence_of_the_server_is_shown(page):
    page.open("count=601", stub="() => null")
    page.until("!document.querySelector('#error').hidden")
    assert page.text("#error") == (
        f"Expected 1 to {MOST_SAMPLES} samples in a request. Received: 601"
    )
    page.errors()  # browsers put every status of 400 and more into the console
    page.set("#count", 3)
    page.drawn()
    assert not page.find("#error").is_displayed()


def test_a_version_that_is_gone_gives_way_to_the_next(page):
    gone = '{ status: 404, body: \'{"error": "Servable not found"}\' }'
    predictions = "asked.filter(([path]) => path.endsWith(':predict')).length"
    last = "asked.at(-1)[0].endsWith(':predict')"
    page.open(stub=f"(asked) => {last} && {predictions} === 2 ? {gone} : null")
    page.drawn()
    page.set("#seed", 6)
    page.says("seed 6")
    assert page.run("return window.asked.filter(([path]) => path === 'gallery.json').length") == 2
    assert not page.find("#error").is_displayed()


def test_a_busy_server_is_asked_again(page):
    busy = '{ status: 429, headers: { "Retry-After": "0.2" }, body: \'{"error": "busy"}\' }'
    page.open(stub=f"(asked) => asked.length < 4 ? {busy} : null")
    page.until("/trying again/.test(document.querySelector('#status').textContent)")
    page.drawn()
    paths = page.run("return window.asked.map(([path]) => path)")
    assert paths[:4] == ["gallery.json"] * 4
    page.open(stub=f"() => ({busy})".replace("0.2", "0.01"))
    page.until("!document.querySelector('#error').hidden")
    assert page.text("#error") == "busy"


def test_the_key_is_asked_for(page):
    expected = "söme key".encode().decode("latin1")
    refused = '{ status: 401, body: \'{"error": "Expected the API key"}\' }'
    page.open(stub=f"(asked) => asked.at(-1)[1] === {json.dumps(expected)} ? null : {refused}")
    try:
        page.until("document.querySelector('#key').open")
        assert page.text("#key-sentence") == "Expected the API key"
        page.find("#key-value").send_keys("other\n")
        page.until("window.asked.length === 2 && document.querySelector('#key').open")
        page.find("#key-value").send_keys("söme key\n")
        page.drawn()
        assert len(page.all(".tile")) == 16
        page.find("#card-button").click()
        page.until("document.querySelector('#card').open")
        assert "What it is" in page.find("#card-frame").get_attribute("srcdoc")
        page.errors()  # the style and the script of the card are refused
    finally:
        page.run("sessionStorage.clear()")


def test_a_server_that_is_gone(page):
    page.open(stub="() => { throw new TypeError('Failed to fetch'); }")
    page.until("!document.querySelector('#error').hidden")
    assert page.text("#error") == "The server cannot be reached: is it still running?"
