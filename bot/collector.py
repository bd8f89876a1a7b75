"""Python's garbage collector, set for a program that sends thousands of messages."""

import gc

#: so many new objects are one look; the default of 700 is two messages' worth
LOOK_AFTER = 10_000


def spare_the_lasting() -> None:
    """Keep the collector from looking at what is there by now, again and again.

    Called once, when all is imported and built. Before it, a third of the time of
    sending went into collections that went through every module and found nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(LOOK_AFTER, *gc.get_threshold()[1:])
