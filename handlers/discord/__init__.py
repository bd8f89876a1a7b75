"""Discord: slash commands, buttons and alerts."""

import warnings

# discord.py's voice part imports the standard library's audioop, which Python 3.11 and
# 3.12 call deprecated. We use no voice; whoever starts the bot needs no such warning.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    import discord as _discord

_discord.VoiceClient.warn_nacl = False
_discord.VoiceClient.warn_dave = False
