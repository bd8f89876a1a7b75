"""The languages that replies come in. A table of words is a file of its own."""

from collections.abc import Mapping

from bot.language import ENGLISH, Language

LANGUAGES: Mapping[str, Language] = {each.code: each for each in (ENGLISH,)}


def choose(code: str) -> Language:
    """Return the language for a client's tag such as `de-AT`; English if unknown."""
    return LANGUAGES.get(code.replace("_", "-").partition("-")[0].lower(), ENGLISH)
