"""`flipwatch` at another time: `python program_at.py 2025-06-03T07:59:30+00:00 run`.

The program is the real one; only the clock that `App` hands to its parts is set back,
and runs on as usual. The beats keep the machine's own time, as APScheduler does.
"""

import sys
from datetime import datetime

from bot import app
from bot.cli import main
from bot.schedule import Schedule

if __name__ == "__main__":
    began = datetime.fromisoformat(sys.argv.pop(1))
    ahead = app.utc_now() - began
    # the one place where the clock comes from
    app.App.__init__.__kwdefaults__["now"] = lambda: app.utc_now() - ahead
    app.Schedule = lambda _now: Schedule()
    sys.exit(main())
