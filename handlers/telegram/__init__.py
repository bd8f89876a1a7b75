"""Telegram: a face that listens and a sender that delivers, over the Bot API."""

import os

# python-telegram-bot 22 gives RetryAfter.retry_after as a number and warns about it at
# every 429, unless the process opts in to the timedelta of its next major version.
os.environ.setdefault("PTB_TIMEDELTA", "1")
