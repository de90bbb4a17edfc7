"""The page at / in Debian's Chromium, by clicks and keys; screenshots go to the folder SHOTS, if one is named."""

import os
import pathlib
import shutil
import time
import urllib.request

import pytest

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from conftest import PATIENCE, ROOT, WEIGHTS, Server

DRIVER = shutil.which("chromedriver")
STREET = ROOT / "assets/street.jpg"
TOKEN = "a-token-of-some-length"
# What a drop is made of: a page's script can't read a file's path, but it can be handed the file by an input.
DROP = """
const [input, zone] = arguments;
const transfer = new DataTransfer();
transfer.items.add(input.files[0]);
for (const kind of ["dragover", "drop"]) {
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""

# CI must have it: what is skipped there is seen by nobody.
pytestmark = pytest.mark.skipif(
    not DRIVER and "CI" not in os.environ, reason="chromedriver is missing: apt install chromium chromium-driver"
)


@pytest.fixture
def browser():
    options = webdriver.ChromeOptions()
    for word in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1100,1500",
                 "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


class Page:
    def __init__(self, browser, server, model="n"):
        self.browser, self.server = browser, server
        browser.get(server.url)
        # Rows are made anew when a model changes.
        self.wait = WebDriverWait(browser, PATIENCE, ignored_exceptions=[StaleElementReferenceException])

    def get(self, id):
        return self.browser.find_element(By.ID, id)

    def text(self, id):
        return self.get(id).text

    def until(self, what, so):
        return self.wait.until(lambda _: so(), what)

    def shot(self, name):
        folder = os.environ.get("SHOTS")
        if folder:
            self.browser.get_screenshot_as_file(str(pathlib.Path(folder) / f"{name}.png"))

    def rows(self):
        return [row.text for row in self.browser.find_elements(By.CSS_SELECTOR, "#found tbody tr")]

    def model(self, name="n"):
        return self.browser.find_element(By.CSS_SELECTOR, f'tr[data-model="{name}"]').text

    def button(self, label):
        return self.browser.find_element(By.CSS_SELECTOR, f'button[aria-label="{label}"]')

    def click(self, label):
        self.until(label, lambda: self.button(label).click() is None)

    def pixels(self):
        """Of the canvas, how many have no grey in them: boxes are colourful."""
        return self.browser.execute_script(
            """const c = document.getElementById("canvas"); const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            let n = 0; for (let i = 0; i < d.length; i += 4) n += Math.max(d[i], d[i+1], d[i+2]) - Math.min(d[i], d[i+1], d[i+2]) > 120;
            return [c.width, c.height, n];"""
        )

    def complaints(self):
        """What the browser found wrong: scripts that fail, addresses that the policy forbids."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def started():
    """A server of this file's own: models come and go here."""
    server = Server("--model", f"n={WEIGHTS}", "--model", f"other={WEIGHTS}", "--shutdown-delay", "0")
    yield server
    assert server.end() == 0


def change(server, model, what):
    urllib.request.urlopen(f"{server.url}/v2/repository/models/{model}/{what}", data=b"", timeout=PATIENCE).close()


@pytest.fixture
def own(started):
    """The server with both models loaded, whatever the test before has left."""
    for model in started.json("/v1/memory")["models"]:
        if model["state"] != "READY":
            change(started, model["name"], "load")
    return started


def test_a_picture_is_chosen_or_dropped_and_the_slider_keeps_what_is_above_it(browser, own, expected):
    page = Page(browser, own)
    page.until("ready", lambda: page.text("health") == "Ready: n, other.")
    page.shot("1-start")
    page.get("file").send_keys(str(STREET))
    page.until("rows", lambda: len(page.rows()) == len(expected))
    assert [row.split(" ")[0] for row in page.rows()] == [found["name"].split(" ")[0] for found in expected]
    assert page.text("summary").startswith("Found ") and "inference" in page.text("summary")
    width, height, drawn = page.pixels()
    assert (width, height) == (1280, 896) and drawn > 5000
    page.shot("2-chosen")

    slider = page.get("confidence")
    for _ in range(9):
        slider.send_keys(Keys.ARROW_RIGHT)
    assert page.text("confidence-value") == "0.70"
    sure = [found for found in expected if found["score"] > 0.7]
    assert len(page.rows()) == len(sure) < len(expected)
    assert "conf=0.7'" in page.text("curl") and page.pixels()[2] < drawn
    page.shot("3-slider")

    # By dropping it on the frame, as a hand does.
    browser.refresh()
    page.until("ready", lambda: page.text("health").startswith("Ready"))
    browser.execute_script(
        "const i = document.createElement('input'); i.type = 'file'; i.id = 'carrier'; document.body.append(i);"
    )
    page.get("carrier").send_keys(str(STREET))
    browser.execute_script(DROP, page.get("carrier"), page.get("drop"))
    page.until("rows", lambda: len(page.rows()) == len(expected))
    assert "over" not in page.get("drop").get_attribute("class")
    assert page.complaints() == []


def test_what_is_no_picture_is_said(browser, own, tmp_path):
    page = Page(browser, own)
    page.until("ready", lambda: page.text("health").startswith("Ready"))
    other = tmp_path / "notes.jpg"
    other.write_text("no picture")
    page.get("file").send_keys(str(other))
    page.until("an error", lambda: page.text("error").startswith("Not searched: "))
    page.shot("4-no-picture")


def test_models_are_unloaded_loaded_and_trimmed_and_the_graph_follows(browser, own):
    page = Page(browser, own)
    page.until("ready", lambda: page.text("health") == "Ready: n, other.")
    page.get("file").send_keys(str(STREET))
    page.until("rows", lambda: page.rows())
    page.until("workspace", lambda: "9.2 MB" in page.model())
    page.click("Trim n")
    page.until("trimmed", lambda: page.text("change").startswith("Trim n: "))
    page.until("given back", lambda: "9.2 MB" not in page.model())
    assert "given back" in page.text("change") and "0 bytes left" in page.text("change")
    held = own.json("/v1/memory")["held"]
    page.click("Unload n")
    page.until("unloaded", lambda: "UNAVAILABLE: unloaded" in page.model())
    assert page.text("change").startswith("Unload n: 22.3 MB given back")
    now = own.json("/v1/memory")["held"]
    assert held - now > 22_000_000
    page.until("the list", lambda: [option.text for option in Select(page.get("model")).options] == ["other"])
    time.sleep(2.5)
    page.shot("5-unloaded")
    points = [float(point.split(",")[1]) for point in page.get("line").get_attribute("points").split(" ")]
    assert points[-1] > min(points), "the line falls when a model goes"
    page.until("the text", lambda: f"{now / 1e6:.1f} MB held now" in page.text("graph-text"))
    page.click("Load n")
    page.until("loaded", lambda: "READY" in page.model() and page.text("change").startswith("Load n: it holds 22.3 MB"))
    assert page.complaints() == []


def test_everything_is_done_by_keyboard(browser, own):
    page = Page(browser, own)
    page.until("ready", lambda: page.text("health") == "Ready: n, other.")
    body = browser.find_element(By.TAG_NAME, "body")
    reached = []
    for _ in range(16):
        body.send_keys(Keys.TAB)
        active = browser.switch_to.active_element
        outline = active.value_of_css_property("outline-style")
        label = browser.find_elements(By.CSS_SELECTOR, ".button:has(+ #file:focus-visible)")
        assert outline != "none" or label, "what has the focus is seen to have it"
        reached.append(active.get_attribute("id") or active.get_attribute("aria-label") or active.text)
        if reached[-1] == "Unload other":
            page.shot("6-keyboard")
            active.send_keys(Keys.ENTER)
            page.until("unloaded", lambda: "UNAVAILABLE: unloaded" in page.model("other"))
            break
    for wanted in ["model", "file", "camera", "confidence", "Unload n", "Trim n", "Unload other"]:
        assert wanted in reached, reached
    # The row was made anew: what can be done with it has the focus.
    active = browser.switch_to.active_element
    assert active.get_attribute("aria-label") == "Load other"
    active.send_keys(Keys.SPACE)
    page.until("loaded", lambda: "READY" in page.model("other"))


def test_everything_has_a_name_for_screen_readers(browser, own):
    page = Page(browser, own)
    page.until("ready", lambda: page.text("health").startswith("Ready"))
    for element in browser.find_elements(By.CSS_SELECTOR, "button, input, select, pre, svg, canvas"):
        # What is hidden has none.
        if element.is_displayed() and element.get_attribute("id") != "carrier":
            assert element.accessible_name, element.get_attribute("outerHTML")
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    for id, role in [("health", "status"), ("error", "alert"), ("change", "status")]:
        assert page.get(id).get_attribute("role") == role


def test_the_camera_is_searched_until_it_is_stopped(browser, own):
    page = Page(browser, own)
    page.until("ready", lambda: page.text("health").startswith("Ready"))
    page.get("camera").click()
    page.until("pictures", lambda: page.get("canvas").is_displayed())
    assert page.get("camera").get_attribute("aria-pressed") == "true"
    page.shot("7-camera")
    page.get("camera").click()
    page.until("off", lambda: page.text("summary") == "The camera is off.")
    assert page.get("camera").text == "Use the camera"
    assert page.text("error") == "" and page.complaints() == []


def test_a_token_is_asked_for_and_used(browser, tmp_path, expected):
    token = tmp_path / "token"
    token.write_text(TOKEN)
    server = Server("--model", f"n={WEIGHTS}", "--token-file", str(token), "--shutdown-delay", "0")
    page = Page(browser, server)
    page.until("the form", lambda: page.get("token").is_displayed())
    page.shot("8-token")
    page.get("token").send_keys(TOKEN, Keys.ENTER)
    page.until("ready", lambda: page.text("health") == "Ready: n.")
    page.get("file").send_keys(str(STREET))
    page.until("rows", lambda: len(page.rows()) == len(expected))
    assert "authorization: Bearer $TOKEN" in page.text("curl") and TOKEN not in browser.page_source
    assert server.end() == 0


def test_a_narrow_window_shows_all_of_it(browser, own):
    browser.set_window_size(500, 900)
    # What it says of one that is not there is long.
    change(own, "other", "unload")
    page = Page(browser, own)
    page.until("ready", lambda: page.text("health").startswith("Ready"))
    page.get("file").send_keys(str(STREET))
    page.until("rows", lambda: page.rows())
    page.shot("9-narrow")
    wider = browser.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0
