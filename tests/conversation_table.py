"""Every command, with good, odd and bad input, and what is answered.

The suite plays it through the real process on all three platforms, and the manual
(`docs/commands.md`) is printed from it. The market it is played in: BTC bullish at 83,
ETH bearish at 38, SOL bullish at 71; two assets are called PEPE; some are ai or defi.
"""

from conversation import TYPED, Press, Say, Section, Turn, bad, good, odd

BULLISH_BTC = "🟢 BTC bullish · 83…"

SECTIONS: tuple[Section, ...] = (
    Section(
        command="start",
        about="Begin, or come back after a block. Links to the bot lead here.",
        usage=("/start",),
        steps=(
            good(
                "/start",
                "👋 I write when a crypto signal flips",
                "Type /watch BTC ETH, or only the symbols: BTC",
            ),
            odd("/start please", "👋 I write when a crypto signal flips", on=TYPED),
            odd("/start watch_BTC", "👁 Watching BTC", BULLISH_BTC, on=TYPED),
            odd("/start watch_NOSUCH", "❌ Nothing new is watched", on=TYPED),
        ),
    ),
    Section(
        command="help",
        about="What I do, and every command with an example.",
        usage=("/help",),
        steps=(
            good(
                "/help",
                "❔ I write when a crypto signal flips",
                "…/watch BTC ETH 80 50…",
                "Information, not financial advice.",
            ),
            odd("/HELP", "❔ I write when a crypto signal flips", on=TYPED),
            bad(
                "/halp",
                "✋ I don't know /halp",
                "Did you mean /help? Nothing was changed.",
                on=TYPED,
            ),
            bad(
                "/zzz",
                "✋ I don't know /zzz",
                "All commands: /help. Nothing was changed.",
                on=TYPED,
            ),
            bad(
                "good morning",
                "✋ I understand commands and symbols",
                "For example BTC ETH, or /help. Nothing was changed.",
                on=TYPED,
            ),
            odd(
                "wach BTC",
                "✋ A command begins with /",
                "Did you mean /watch BTC? Nothing was changed.",
                on=TYPED,
            ),
        ),
    ),
    Section(
        command="watch",
        about=(
            "Hear when something flips or passes a line. In a private chat the symbols"
            " alone do the same. Lines are grades; a condition that no longer holds"
            " does not keep the end of a signal from you."
        ),
        usage=(
            "/watch BTC ETH",
            "/watch BTC 80 50",
            "/watch #ai bullish grade>=80 mcap<1b volume>5m",
            "/watch top100",
            "/watch all urgent",
        ),
        steps=(
            good(
                "/watch BTC ETH",
                "👁 Watching BTC, ETH…",
                BULLISH_BTC,
                "🔴 ETH bearish · 38…",
            ),
            good("sol", "👁 Watching SOL…", "🟢 SOL bullish · 71…", on=TYPED),
            good(
                "/watch BTC 80 50",
                "👁 Watching BTC…",
                "I write when",
                "• its grade passes 80 or 50, either way",
            ),
            good("/watch #ai grade>=80", "👁 Watching ai grade>=80…"),
            odd("/watch btc,  $eth BTC", "👁 Watching BTC, ETH…"),
            odd("/watch PEPE", "❓ Which PEPE?", "1. Pepe · market cap $4.1b…"),
        ),
    ),
    Section(
        command="watch",
        about="What can't be watched says why, and changes nothing:",
        steps=(
            bad(
                "/watch BTCC",
                "❌ Nothing new is watched",
                "❌ BTCC: not known. Did you mean BTC?",
            ),
            bad(
                "/watch #ai bullish grad>=80",
                "✋ I don't know the word “grad”",
                "#ai bullish ▸grad◂ >=80",
                "Did you mean grade>=80? Nothing was changed.",
            ),
            bad(
                "/watch BTC bullish bearish",
                "✋ Not “bullish” and “bearish” at once",
                "BTC bullish ▸bearish◂",
            ),
            bad(
                "/watch BTC 800",
                "✋ A grade goes from 0 to 100",
                "BTC ▸800◂",
                "Did you mean 80? Nothing was changed.",
            ),
            bad("/watch #nosuch", "❌ Nothing new is watched", "…no asset has this…"),
            bad("/watch", "✋ What shall I watch?…", on=TYPED),
        ),
    ),
    Section(
        command="unwatch",
        about=(
            "Hear no more of it. Where only a broader watch covers an asset, it is"
            " taken out of that one."
        ),
        usage=("/unwatch BTC", "/unwatch #ai", "/unwatch all"),
        steps=(
            good("/watch BTC ETH top10", "👁 Watching…"),
            good("/unwatch BTC", "✖ No longer watching BTC"),
            odd("/unwatch SOL", "✖ No longer watching SOL", "SOL stays out of…"),
            good("/unwatch all", "❓ Remove all…", "Nothing was changed yet."),
            bad("/unwatch NOSUCH", "✋ Nothing to remove", "NOSUCH was not on your…"),
            bad("/unwatch", "✋ Unwatch what?", on=TYPED),
        ),
    ),
    Section(
        command="watchlist",
        about="What you watch: signal, grade, since when, price and lines.",
        usage=("/watchlist",),
        steps=(
            odd("/watchlist", "📋 Your watchlist is empty"),
            good("/watch BTC ETH", "👁 Watching BTC, ETH…"),
            good("/watchlist", "📋 Your 2 assets · 1 ▲ 1 ▼", "🟢▲ BTC 83…"),
            odd("/watchlist 99", "📋 Your 2 assets · 1 ▲ 1 ▼", on=TYPED),
            bad("/watchlst", "✋ I don't know /watchlst", "…/watchlist?…", on=TYPED),
        ),
    ),
    Section(
        command="signal",
        about="How an asset stands now: signal, grade, since when and at what price.",
        usage=("/signal BTC",),
        steps=(
            good(
                "/signal BTC", "🟢 BTC (Bitcoin) bullish · grade 83", "Price $97,120…"
            ),
            odd("/signal $eth", "🔴 ETH (Ethereum) bearish · grade 38"),
            odd("/signal bitcoin", "🟢 BTC (Bitcoin) bullish · grade 83"),
            bad("/signal BTCC", "✋ I don't know “BTCC”", "Did you mean BTC?"),
            bad("/signal etherum", "✋ I don't know “etherum”", "Did you mean ETH?"),
        ),
    ),
    Section(
        command="flips",
        about=(
            "What has turned in the last days, newest first: the grade before and"
            " after, how long ago, and what the price has done since. Three days"
            " unless you say otherwise."
        ),
        usage=("/flips", "/flips 3d bullish #ai", "/flips 2w BTC ETH"),
        steps=(
            good("/flips", "⚡ No flips in 3 days", "I have seen none at all so far."),
            good("/flips 36h bullish #ai", "⚡ No flips in 1 day", "#ai 36h bullish"),
            odd("/flips BTC ETH 2w", "⚡ No flips in 14 days", "BTC ETH 2w"),
            bad("/flips 7", "✋ A bare 7 says too little here", "…Did you mean 7d?"),
            bad("/flips NOSUCH", "✋ I don't know “NOSUCH”"),
            bad("/flips flipped<3d", "✋ Flips need no “flipped”", "▸flipped<3d◂"),
        ),
    ),
    Section(
        command="top",
        about="The highest grades: ten, or as many as you say.",
        usage=("/top", "/top 10 #ai", "/top 30 bullish mcap<1b"),
        steps=(
            good("/top 2 bullish", "📶 Top 2 by grade", "…grade…price", "▲ BTC 83…"),
            odd("/top 1 #layer-1 bearish", "📶 Top 1 by grade", "▼ ETH 38…"),
            bad(
                "/top 500", "✋ A list has 1 to 100 rows", "▸500◂", "Did you mean 100?"
            ),
            bad(
                "/top ai",
                "✋ /top lists many assets, not one",
                "▸ai◂",
                "A category is #ai; one asset is /signal AI.",
            ),
            bad("/top #nosuch", "✋ #nosuch: no asset has this category.…"),
        ),
    ),
    Section(
        command="screen",
        about="What meets your conditions now. `flipped<3d` is when it last turned.",
        usage=("/screen grade>80 flipped<3d mcap<1b", "/screen #ai bearish"),
        steps=(
            good("/screen grade>80", "🔎 1 asset matches", "grade>80", "▲ BTC 83…"),
            good("/screen grade>99 flipped<3d", "🔎 Nothing matches now"),
            odd("/screen GRADE => 80 bullish", "🔎 1 asset matches", "grade>=80…"),
            bad("/screen 80", "✋ A bare 80 says too little here", "▸80◂"),
            bad(
                "/screen flipped<3", "✋ “flipped” needs a time, such as 36h, 3d or 2w"
            ),
            bad(
                "/screen grade>80 grade<60",
                "✋ No grade is both",
                "grade>80 ▸grade<60◂",
            ),
            bad("/screen", "✋ What shall I look for?", on=TYPED),
        ),
    ),
    Section(
        command="market",
        about="How much of the market is bullish, its biggest movers, BTC and ETH.",
        usage=("/market",),
        steps=(
            good("/market", "📊 Market …% bullish", "BTC 🟢▲ 83 · ETH 🔴▼ 38"),
            odd("/market today", "📊 Market …% bullish", on=TYPED),
            bad("/markt", "✋ I don't know /markt", "Did you mean /market?…", on=TYPED),
        ),
    ),
    Section(
        command="record",
        about="What the engine's past signals were worth, against holding.",
        usage=("/record BTC",),
        steps=(
            good("/record BTC", "📒 BTC: 0 signals so far, too few to say"),
            odd("/record $eth", "📒 ETH: 0 signals so far, too few to say"),
            bad("/record NOSUCH", "✋ I don't know “NOSUCH”"),
        ),
    ),
    Section(
        command="chart",
        about="A picture: the price with its flips, the grade below.",
        usage=("/chart BTC", "/chart BTC 90d"),
        steps=(
            good("/chart BTC", "🟢 BTC bullish · grade 83", "No flip in 90d"),
            odd("/chart $eth 90d", "🔴 ETH bearish · grade 38"),
            bad("/chart NOSUCH", "✋ I don't know “NOSUCH”"),
        ),
    ),
    Section(
        command="simulate",
        about="What a watch would have sent in the last days, and its worst day.",
        usage=("/simulate BTC grade>=80",),
        steps=(
            good("/simulate BTC", "🧪 BTC: too little history yet"),
            odd("/simulate #ai grade>=80", "🧪 …too little history yet"),
            bad("/simulate BTC grad>=80", "✋ I don't know the word “grad”"),
        ),
    ),
    Section(
        command="threshold",
        about="Lines a grade may cross: for one asset, or for all your watches.",
        usage=("/threshold BTC 80 50", "/threshold 80 50", "/threshold off"),
        steps=(
            good(
                "/threshold BTC 80 50",
                "📏 Lines for BTC: 80 · 50",
                "I write when the grade passes one, either way.",
            ),
            odd("/threshold off", "📏 No lines for watches without their own"),
            bad("/threshold BTC high", "✋ “high” is not a grade"),
            bad("/threshold BTC 101", "✋ A grade goes from 0 to 100"),
        ),
    ),
    Section(
        command="mute",
        about="Hold alerts of one asset or of all; then what changed comes as one.",
        usage=("/mute 24h", "/mute BTC 7d", "/mute BTC until flip"),
        steps=(
            good("/mute 24h", "🔕 Everything muted until …"),
            good("/mute BTC 1h", "🔕 BTC muted until …"),
            odd("/mute ETH until flip", "🔕 ETH muted until the next flip"),
            bad("/mute BTC ETH 1h", "✋ One asset at a time, please"),
            bad("/mute BTC forever", "✋ “forever” is not a length of time"),
            bad("/mute NOSUCH", "✋ I don't know “…”"),
        ),
    ),
    Section(
        command="unmute",
        about="Let alerts through again.",
        usage=("/unmute", "/unmute BTC"),
        steps=(
            odd("/unmute", "🔔 Nothing was muted"),
            good("/mute BTC 1h", "🔕 BTC muted until …"),
            good("/unmute BTC", "🔔 BTC is heard again"),
            bad("/unmute NOSUCH", "✋ I don't know “NOSUCH”"),
        ),
    ),
    Section(
        command="settings",
        about="Everything you chose, with a button for each.",
        usage=("/settings",),
        steps=(
            good(
                "/settings",
                "⚙️ Your settings",
                "I write at once, at any hour.",
                "🌙 Quiet hours: off",
            ),
            odd("/settings all", "⚙️ Your settings", on=TYPED),
            Press(label="Quiet", reply=("🌙 No quiet hours",)),
        ),
    ),
    Section(
        command="quiet",
        about=(
            "Hours in which nothing comes, on your own clock; what changed comes as one"
            " summary when they end. A watch with `urgent` comes at once."
        ),
        usage=("/quiet 22:00-07:00", "/quiet off"),
        steps=(
            good(
                "/quiet 22:00-07:00",
                "🌙 Quiet 22:00–07:00 · UTC",
                "What happens in between comes at 07:00 as one summary.",
            ),
            odd("/quiet 22-7", "🌙 Quiet 22:00–07:00 · UTC"),
            good("/quiet off", "🌙 No quiet hours"),
            bad("/quiet never", "✋ I can't read these quiet hours", "▸never◂"),
        ),
    ),
    Section(
        command="timezone",
        about="Your clock, by the name of a place.",
        usage=("/timezone Lisbon", "/timezone Europe/Berlin"),
        steps=(
            odd("/timezone", "🌍 What time is it where you are?"),
            good("/timezone Berlin", "🌍 Your clock: Berlin, now …"),
            good("/timezone Europe/Berlin", "🌍 Your clock: Berlin, now …"),
            bad("/timezone Atlantis", "✋ I don't know the place “Atlantis”"),
        ),
    ),
    Section(
        command="digest",
        about="One summary at a time of your choice, in place of single alerts.",
        usage=("/digest daily 08:00", "/digest weekly fri 18:00", "/digest off"),
        steps=(
            odd("/digest", "🗞 No digest: alerts come one by one"),
            good("/digest daily 08:00", "🗞 Digest daily at 08:00 · UTC"),
            good("/digest weekly fri 18:00", "🗞 Digest weekly, Fri 18:00 · UTC"),
            good("/digest off", "🗞 No digest: alerts come one by one"),
            bad("/digest hourly", "✋ I can't read this digest", "▸hourly◂"),
        ),
    ),
    Section(
        command="pace",
        about="How soon a flip is believed.",
        usage=("/pace calm", "/pace normal", "/pace fast"),
        steps=(
            odd("/pace", "🎚 Pace: normal"),
            good("/pace calm", "🎚 Pace: calm", "• calm: I wait until two…"),
            bad("/pace turbo", "✋ There is no pace “turbo”"),
        ),
    ),
    Section(
        command="sound",
        about="Which messages ring, come without a sound, or do not come.",
        usage=("/sound lines on", "/sound flips silent"),
        steps=(
            odd("/sound", "🔔 What rings", "• flips: ring", "• lines: silent"),
            good("/sound lines on", "🔔 What rings", "• lines: ring"),
            odd("/sound silent", "🔔 What rings", "• flips: silent"),
            bad("/sound doorbell on", "✋ I can't read this sound", "…▸doorbell◂ on"),
        ),
    ),
    Section(
        command="budget",
        about="How many messages a day are fine; over it I say what would help.",
        usage=("/budget 3", "/budget off"),
        steps=(
            odd("/budget", "🧮 No limit on messages a day"),
            good("/budget 3", "🧮 3 messages a day are fine"),
            good("/budget off", "🧮 No limit on messages a day"),
            bad("/budget 1000", "✋ A number of messages from 1 to 50, please"),
        ),
    ),
    Section(
        command="signoflife",
        about="A silent line after a week without any message.",
        usage=("/signoflife off", "/signoflife on"),
        steps=(
            good("/signoflife off", "🫧 Sign of life: off"),
            good("/signoflife on", "🫧 Sign of life: on"),
            bad("/signoflife maybe", "✋ On or off, please"),
        ),
    ),
    Section(
        command="language",
        about="The language of alerts and replies; commands are the same words.",
        usage=("/language", "/language en"),
        steps=(
            odd("/language", "🗣 …English…"),
            good("/language en", "🗣 Language: English"),
            bad("/language klingon", "✋ I don't speak “klingon” yet"),
        ),
    ),
    Section(
        command="link",
        about="One watchlist for your chats on several platforms, by a one-time code.",
        usage=("/link", "/link CODE"),
        steps=(
            good("/link", "🔗 Your code: …", "/link …", "It works once, for 10…"),
            bad("/link me up", "✋ That is no code of mine now"),
            bad("/link XXXX", "✋ That is no code of mine now"),
        ),
    ),
    Section(
        command="unlink",
        about="A watchlist of its own for this chat again.",
        usage=("/unlink",),
        steps=(odd("/unlink", "✂ This chat is not linked"),),
    ),
    Section(
        command="export",
        about="Everything you told me, as a file.",
        usage=("/export", "/export csv"),
        steps=(
            odd("/export", "📦 Nothing to take along yet"),
            good("/watch BTC ETH", "👁 Watching BTC, ETH…"),
            good("/export", "📦 Your 2 watches, as a file"),
            good("/export list", "📦 Your 2 watches, as a file"),
            bad("/export pdf", "✋ There are json, csv and list", "/export ▸pdf◂"),
        ),
    ),
    Section(
        command="import",
        about="A file of /export, or a list of symbols.",
        usage=("/import BTC ETH SOL 80",),
        steps=(
            odd("/import", "📥 Send me a file, or a list"),
            good("/import BTC ETH", "📥 2 watches taken over"),
            odd("/import BTC NOSUCH", "📥 1 watch taken over"),
            bad("/import [1", "✋ That is not whole JSON"),
        ),
    ),
    Section(
        command="forgetme",
        about="Erases everything about you; asks first.",
        usage=("/forgetme",),
        steps=(
            good(
                "/forgetme",
                "🗑 Erase everything about you?",
                "Nothing was changed yet.",
            ),
        ),
    ),
    Section(
        command="preview",
        about="A sample alert here and now, as it would look.",
        usage=("/preview",),
        steps=(
            good("/preview", "…SAMPLE…"),
            odd("/preview ETH", "SAMPLE · 🔴 ETH turned bearish…", on=TYPED),
            bad("/preview NOSUCH", "✋ I don't know “NOSUCH”", on=TYPED),
        ),
    ),
    Section(
        command="status",
        about="Whether I work: the last grades, what waits, what is in trouble.",
        usage=("/status",),
        steps=(
            good("/status", "✅ All is well", "Engine: 127.0.0.1…", "Last grades…"),
            odd("/status now", "✅ All is well", on=TYPED),
            bad(
                "/statsu", "✋ I don't know /statsu", "Did you mean /status?…", on=TYPED
            ),
        ),
    ),
    Section(
        command="broadcast",
        about="What a group, channel or topic gets; its admins type it there.",
        usage=("/broadcast", "/broadcast top100 grade>=80", "/broadcast show"),
        steps=(
            odd("/broadcast", "📣 Which group or channel?…", on=("telegram",)),
            odd(
                "/broadcast",
                "📣 Type /broadcast in the group or channel",
                on=("discord", "web"),
            ),
        ),
    ),
    Section(
        command="broadcast",
        about="In a group, by an admin.",
        where="group",
        steps=(
            good("/broadcast", "📣 What shall this … get?", "• top100 · …"),
            good("/broadcast top100", "📣 This … gets: top100"),
            good("/broadcast show", "📣 This … gets: top100"),
            bad("/broadcast grad>=80", "✋ I don't know the word “grad”"),
            good("/broadcast off", "📣 This … gets nothing any more"),
        ),
    ),
    Section(
        command="broadcast",
        about="In a group, by a member.",
        where="group",
        is_admin=False,
        steps=(
            bad("/broadcast top100", "✋ Only admins can change what this … gets"),
            odd("/broadcast show", "📣 This … gets nothing"),
        ),
    ),
    Section(
        command="pictures",
        about="Whether alerts bring their picture along.",
        usage=("/pictures on", "/pictures off"),
        steps=(
            good("/pictures on", "🖼 Pictures: with alerts"),
            odd("/pictures", "🖼 Pictures: with alerts"),
            bad("/pictures maybe", "✋ On or off, please"),
        ),
    ),
    Section(
        command="believe",
        about=(
            "For operators: grades that were held back as implausible are so, and"
            " count."
        ),
        usage=("/believe",),
        is_operator=True,
        on=TYPED,
        steps=(good("/believe", "👌 Nothing is held"),),
    ),
    Section(
        command="believe",
        about="To others:",
        on=TYPED,
        steps=(bad("/believe", "🔒 Only operators can say that"),),
    ),
    Section(
        command="claim",
        about="Become an operator, by the code that was printed at the first start.",
        usage=("/claim CODE",),
        steps=(
            bad("/claim 12345", "✋ That is not the code"),
            good("/claim {code}", "🔑 You are an operator now"),
            odd("/claim {code}", "🔑 You are an operator already"),
        ),
    ),
    Section(
        command="admin",
        about=(
            "For operators, in the private chat: those in `app.operators`, and whoever"
            " typed the code of the first start. Figures, dead letters and pauses:"
        ),
        usage=(
            "/admin stats",
            "/admin budget",
            "/admin dead replay all",
            "/admin pause telegram",
        ),
        is_operator=True,
        steps=(
            good("/admin", "🛠 … recipient…", "/admin stats…"),
            good("/admin stats", "📊 … recipient…", "…of … watcher…", "Deliveries: …"),
            good("/admin budget", "💳 … this month", "A poll takes …"),
            good("/admin dead", "✅ No dead letters"),
            good("/admin dead replay all", "✉️ 0 dead letters sent on their way again"),
            bad("/admin dead bury 1", "✋ /admin dead knows no “bury”"),
            good("/admin pause polls", "⏸ Polls paused"),
            good("/admin resume polls", "▶️ Polls go on"),
            bad("/admin pause everything", "✋ “everything” can't be paused"),
        ),
    ),
    Section(
        command="admin",
        about="Who uses the bot, and who may:",
        usage=(
            "/admin users",
            "/admin block telegram:123456789",
            "/admin allow telegram:123456789",
            "/admin invite 5 30d",
        ),
        is_operator=True,
        steps=(
            good("/admin users", "👥 … recipient…"),
            good("/admin block web:nobody", "⛔ web:nobody is blocked"),
            good("/admin unblock web:nobody", "✅ web:nobody is let in again"),
            odd("/admin unblock web:nobody", "⛔ web:nobody was not blocked"),
            bad("/admin block nobody", "✋ Whom to block?"),
            Say(
                text="/admin invite 5 30d",
                reply=("🎟 An invite: …", "Lets in 5 of them until …"),
                keep=r"/start (\w{12})",
            ),
            good("/admin invites", "🎟 1 open invite", "{found} · used 0 of 5…"),
            good("/admin invite drop {found}", "🎟 That invite lets nobody in any more"),
            bad("/admin invite forever", "✋ I don't understand “forever”"),
        ),
    ),
    Section(
        command="admin",
        about=(
            "A word to everybody: seen first, sent after all alerts and without a"
            " sound, to each private chat once."
        ),
        usage=("/admin announce Your words", "/admin announce cancel 1"),
        is_operator=True,
        steps=(
            good(
                "/admin announce Maintenance tonight",
                "📣 Maintenance tonight",
                "To … private chat…",
                "Nothing was sent yet.",
            ),
            Press(label="Cancel", reply=("📣 Cancelled · 0 have it",)),
            good("/admin announce", "📣 Nothing is being announced"),
            bad("/admin shutdown", "✋ /admin knows no “shutdown”", "Known are stats…"),
        ),
    ),
    Section(
        command="admin",
        about="To everybody else it does not exist.",
        steps=(
            bad(
                "/admin stats",
                "✋ I don't know /admin",
                "All commands: /help. Nothing was changed.",
            ),
        ),
    ),
    Section(
        command="why",
        about=(
            "What became of an event here: seen, matched, held, sent and how late, or"
            " why not. Bare it is the last alert in this chat."
        ),
        usage=("/why", "/why BTC"),
        steps=(
            odd(
                "/why", "🔍 I have sent you no alert yet", "For one asset type /why BTC"
            ),
            odd("/why ETH", "🔍 ETH has not flipped since I watch"),
            bad("/why NOSUCH", "✋ I don't know “NOSUCH”"),
        ),
    ),
    Section(
        command="why",
        about="Once something has happened:",
        steps=(
            good("/watch SOL ETH", "👁 Watching SOL, ETH…"),
            Turn(symbol="SOL", alert=("🔴 SOL turned bearish · grade 71",)),
            good(
                "/why",
                "🔍 SOL bearish, …",
                "… seen, engine time …",
                "… matched your watch SOL",
                "… sent, …",
            ),
            good("/why SOL", "🔍 SOL bearish, …"),
            good("/flips", "⚡ 1 flip in 3 days · 0 ▲ 1 ▼", "▼ SOL 71→71…"),
            good("/screen flipped<3d", "🔎 1 asset matches", "flipped<3d", "▼ SOL 71…"),
        ),
    ),
)
