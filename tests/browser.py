"""Headless Chromium for tests: the fixture `browser`, and what a page is asked.

Without Chromium such tests are skipped with the reason, on CI they fail.
"""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

#: it shall talk to nobody but the server under test
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A fresh Chromium, closed at the end of the test."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "Chromium is not installed (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS
        )
        yield chromium
        await chromium.close()


def listen_to_errors(page: Page) -> list[str]:
    """Collect what the page complains about: console errors, exceptions, requests."""
    errors: list[str] = []
    page.on(
        "console",
        lambda said: errors.append(said.text) if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


async def is_too_wide(page: Page) -> bool:
    """Whether the page, or anything in it that is seen, scrolls sideways."""
    return bool(
        await page.evaluate(
            """() => {
              const root = document.scrollingElement;
              if (root.scrollWidth > root.clientWidth) return true;
              return [...document.querySelectorAll("main, .entry, header, form")]
                .some((e) => e.scrollWidth > e.clientWidth + 1
                  || e.getBoundingClientRect().right > innerWidth + 1);
            }"""
        )
    )
