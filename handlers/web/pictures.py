"""Which picture an entry of an inbox shows."""

from dataclasses import replace

from bot.model import JsonDict
from bot.pictures import Look, PictureRef


def picture_of(entry: JsonDict, look: str = "") -> PictureRef | None:
    """Return the picture that an entry names, in the look the page asks for.

    None if it names none that we understand; an unknown look is as good as none.
    """
    document = entry.get("picture")
    if document is None:
        return None
    try:
        ref = PictureRef.from_json(document)
    except ValueError:
        return None
    return replace(ref, look=Look(look)) if look in set(Look) else ref
