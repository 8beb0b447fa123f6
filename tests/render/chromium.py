"""Headless Chromium, and what a test asks it."""

import json
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

SIZES = {"wide": (1280, 900), "phone": (390, 844)}
LIMIT = 20.0  # seconds that something may take to appear


class Browser:
    """Headless Chromium with one page of ours open."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, size: str = "wide", scheme: str = "light") -> None:
        """Open `page` from disk afresh; what was logged before is forgotten."""
        self.visit(page.as_uri(), size, scheme)

    def visit(self, url: str, size: str = "wide", scheme: str = "light") -> None:
        """Open what is at `url` afresh; what was logged before is forgotten."""
        width, height = SIZES[size]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "phone"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.media(scheme)
        self.driver.get("about:blank")
        self.logged("browser"), self.logged("performance")
        self.driver.get(url)

    def media(self, scheme: str, kind: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})

    def logged(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return found

    def requests(self) -> list[str]:
        """Return what was asked for over any network, since the page was opened."""
        messages = (json.loads(entry["message"])["message"] for entry in self.logged("performance"))
        sent = (each["params"] for each in messages if each["method"] == "Network.requestWillBeSent")
        return [each["request"]["url"] for each in sent if not each["request"]["url"].startswith(("file:", "data:"))]

    def script(self, text: str, *given: object) -> Any:
        return self.driver.execute_script(text, *given)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        """Click what may be under something sticky."""
        self.script("arguments[0].click()", self.one(selector))

    def text(self, selector: str) -> str:
        """Return the text of the only element that fits, once there is one."""
        return str(self.wait(lambda: self.script("return document.querySelector(arguments[0])?.textContent", selector)))

    def wait(self, what: Any) -> Any:
        return WebDriverWait(self.driver, LIMIT, 0.02).until(lambda _: what())

    def search(self, words: str, *keys: str) -> None:
        box = self.one("#search input")
        box.clear()
        box.send_keys(words, *keys)
