# SPDX-License-Identifier: Apache-2.0
"""`make web`: the page in a browser, at the width of a desk and of a phone, and what it refuses.

Its pictures, as in docs/web.md, are left beside the logs: web-desk.png and web-phone.png.
"""

import http.client
import signal
import socket
import subprocess

import pytest

from conftest import BOOT_SECONDS, BUILD, CPU_MAX, LOGS, ROOT, fetched, log_file
from test_demo import free_port

pytest.importorskip("selenium", reason="no selenium (apt-get install python3-selenium chromium chromium-driver)")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

DESK, PHONE = (1280, 960), (390, 844)


class Browser:
    """A headless Chromium that looks at the page."""

    def __init__(self, url, folder):
        options = webdriver.ChromeOptions()
        for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                       f"--user-data-dir={folder}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(BOOT_SECONDS)
        self.size(*DESK)
        self.driver.get(url)

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})

    def until(self, look, what):
        WebDriverWait(self.driver, BOOT_SECONDS).until(lambda _: look(), f"not so: {what}")

    def text(self, selector):
        """Of all such elements, as far as they are seen."""
        return "\n".join(self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector))

    def shows(self, selector, text):
        self.until(lambda: text in self.text(selector), f"{text!r} in {selector}")

    def click(self, selector):
        self.until(lambda: self.driver.find_element(By.CSS_SELECTOR, selector).is_enabled(), f"{selector} is enabled")
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def type(self, line):
        """At the terminal that is shown."""
        self.driver.switch_to.active_element.send_keys(line + "\n")

    def terminal(self, text):
        """Waits until the terminal that is shown has it. Blanks there are no-break spaces."""
        self.until(lambda: text in self.text(".screen:not([hidden]) .xterm-rows").replace("\xa0", " "), text)

    def picture(self, name):
        self.driver.save_screenshot(str(LOGS / name))

    def fits(self):
        """Nothing stands out at the right, and every button is in view."""
        return self.driver.execute_script("""
            const width = document.documentElement.clientWidth;
            return document.documentElement.scrollWidth <= width &&
                [...document.querySelectorAll("button")].every((b) => b.getBoundingClientRect().right <= width)""")


@pytest.fixture(scope="module")
def page(bundles):
    """`tools/run --web`: (its port, its process)."""
    fetched("web")
    port = free_port()
    with log_file("test_web.run") as log:
        run = subprocess.Popen(
            [ROOT / "tools/run", "--web", str(port), "--kernel", BUILD / "zvm_host.bin", "--bundle", bundles(["rtos"]),
             "--cpus", "2", "--mem", "1024", "--cpu", CPU_MAX, "--consoles", "4"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        for line in run.stdout:
            if f"http://127.0.0.1:{port}/" in line:
                break
        else:
            pytest.fail("the page's server did not start")
        yield port, run
        run.terminate()
        run.wait()


@pytest.fixture
def browser(page, tmp_path):
    made = Browser(f"http://127.0.0.1:{page[0]}/", tmp_path)
    yield made
    made.driver.quit()


def test_page(browser):
    """A VM is made by typing, shown, commanded and typed at; on a phone too."""
    rtos = "[data-vm=rtos]"
    browser.shows(".hint", "There are no VMs")
    browser.terminal("zvm_host:~#")
    browser.type("zvm new -t rtos")
    browser.shows(f"{rtos} .state", "created")
    browser.click(f"{rtos} [data-do=run]")
    browser.shows(f"{rtos} .state", "running")
    browser.click(f"{rtos} .open")
    browser.terminal("rtos>")
    browser.type("uptime-of-mine")
    browser.terminal("no command 'uptime-of-mine'")
    # What it does.
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, f"{rtos} .late rect")) > 3, "a histogram")
    browser.shows(f"{rtos} .quantiles", "half within")
    browser.shows(f"{rtos} .exits", "wfx")
    browser.click(f"{rtos} [data-do=late-limit]")
    browser.shows(f"{rtos} .why", "timer interrupts came more than 50 us late")
    # What is not possible is said in words.
    browser.click(f"{rtos} [data-do=pause]")
    browser.shows(f"{rtos} .state", "paused")
    browser.click(f"{rtos} [data-do=pause]")
    browser.shows(f"{rtos} .refused", "is paused: only a running VM can be paused")
    browser.click(f"{rtos} [data-do=run]")
    browser.shows(f"{rtos} .state", "running")
    assert browser.text(f"{rtos} .refused") == ""
    browser.click(f"{rtos} [data-do=reset]")
    browser.until(lambda: browser.text(".screen:not([hidden]) .xterm-rows").count("RTOS") >= 4, "a second start")
    # A second VM has a console of its own, and the shell is still there.
    browser.click("[role=tab]:first-child")
    browser.type("zvm new -t rtos --name second")
    browser.shows("[data-vm=second] .state", "created")
    browser.type("zvm run second")
    browser.shows("[data-vm=second] .state", "running")
    browser.click("[data-vm=second] .open")
    browser.terminal("rtos>")
    browser.click("[role=tab]:first-child")
    assert browser.fits()
    browser.picture("web-desk.png")
    browser.size(*PHONE)
    browser.until(browser.fits, "a page that fits a phone")
    browser.picture("web-phone.png")
    browser.type("zvm delete -f second")
    browser.until(lambda: not browser.driver.find_elements(By.CSS_SELECTOR, "[data-vm=second]"), "one VM")
    assert browser.driver.get_log("browser") == []


def asked(port, method, path, **headers):
    """(status, body) of a request with these headers and no others."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=BOOT_SECONDS)
    link.putrequest(method, path, skip_host=True)
    for name, value in headers.items():
        link.putheader(name, value)
    link.putheader("Content-Length", "0")
    link.endheaders()
    answer = link.getresponse()
    return answer.status, answer.read().decode()


def test_strangers(page):
    """Another site's page in the user's browser reaches nothing, and other computers neither."""
    port = page[0]
    own, path = f"127.0.0.1:{port}", "/type?terminal=shell"
    assert asked(port, "GET", "/", Host=own)[0] == 200
    assert asked(port, "POST", path, Host=own, Origin=f"http://{own}")[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1"):
        assert asked(port, "GET", "/events", Host=host)[0] == 403
        assert asked(port, "POST", path, Host=host, Origin=f"http://{own}")[0] == 403
    for origin in ("http://evil.example", "null", f"https://{own}", "http://127.0.0.1:1"):
        assert asked(port, "POST", path, Host=own, Origin=origin) == (403, '{"error": "a request of another site"}')
        assert asked(port, "GET", "/events", Host=own, Origin=origin)[0] == 403
    assert asked(port, "POST", path, Host=own)[0] == 403
    assert asked(port, "POST", "/act?do=stop&vm=0", Host=own, Origin=f"http://{own}")[0] == 404
    assert asked(port, "GET", "/../Makefile", Host=own)[0] == 404
    with socket.socket() as link:
        assert link.connect_ex(("127.0.0.2", port)) != 0


def test_end(page):
    """Ctrl-C ends the machine and the page."""
    port, run = page
    run.send_signal(signal.SIGINT)
    assert run.wait(BOOT_SECONDS) == 0
    with socket.socket() as link:
        assert link.connect_ex(("127.0.0.1", port)) != 0
