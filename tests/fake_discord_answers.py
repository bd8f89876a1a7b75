"""How interactions are answered in the fake Discord.

Source: docs.discord.com/developers/interactions/receiving-and-responding.
"""

from typing import Any

from fake_discord_call import Answer, ApiError, Call, Invalid, edit, refuse_empty
from fake_discord_interactions import (
    ANSWERS,
    CHOICES,
    DEFERRED,
    DEFERRED_UPDATE,
    MESSAGE,
    UPDATE,
    Interaction,
)
from fake_discord_messages import FLAG_LOADING, Message, pings
from fake_discord_rules import FLAG_EPHEMERAL, Fault


def acknowledge(call: Call) -> Answer:
    opened = call.world.interactions.get(call.params["interaction_token"])
    if opened is None or opened.id != call.params["interaction_id"]:
        raise ApiError(404, 10062, "Unknown interaction")
    if opened.acknowledged_as is not None:
        raise ApiError(400, 40060, "Interaction has already been acknowledged.")
    if opened.is_too_late:
        raise ApiError(404, 10062, "Unknown interaction")
    kind, data = call.body["type"], call.body.get("data") or {}
    if kind not in ANSWERS[opened.kind]:
        text = f"Interactions of type {opened.kind} can't be answered so."
        raise Invalid(Fault(("type",), "INTERACTION_CALLBACK_TYPE_INVALID", text))
    if kind == CHOICES:
        opened.proposals = data.get("choices") or []
    elif kind == MESSAGE:
        refuse_empty(data, call.files)
        opened.original = _answer(call, opened, data)
    elif kind == DEFERRED:
        flags = (data.get("flags") or 0) | FLAG_LOADING
        opened.original = _answer(call, opened, {"flags": flags}, is_shown=False)
    else:
        opened.original = opened.message
    if kind == UPDATE:
        edit(opened.message, data, call.files)
    opened.acknowledged_as = kind
    call.world.touch()
    if call.query.get("with_response", "").lower() not in {"1", "true"}:
        return 204, None
    return 200, _callback(call, opened, kind)


def _answer(
    call: Call, opened: Interaction, body: dict[str, Any], *, is_shown: bool = True
) -> Message:
    message = call.world.post(
        opened.channel, call.world.bot, body, files=call.files, interaction=opened
    )
    if is_shown:
        opened.answers.append(message)
        call.world.touch()
    return message


def _callback(call: Call, opened: Interaction, kind: int) -> dict[str, Any]:
    told: dict[str, Any] = {"id": opened.id, "type": opened.kind}
    answer: dict[str, Any] = {"interaction": told}
    if opened.original is not None:
        told["response_message_id"] = opened.original.id
        told["response_message_loading"] = kind == DEFERRED
        told["response_message_ephemeral"] = opened.original.is_ephemeral
        answer["resource"] = {"type": kind}
        if kind != DEFERRED_UPDATE:
            answer["resource"]["message"] = call.world.show(opened.original)
    return answer


def follow_up(call: Call) -> Answer:
    opened = call.interaction()
    refuse_empty(call.body, call.files)
    if opened.original is not None and opened.original.flags & FLAG_LOADING:
        # the first follow-up after a deferral takes the place of "is thinking"
        return call.show(_fill_original(call, opened))
    if not opened.has_follow_ups_left:
        text = "Maximum number of follow up messages reached"
        raise ApiError(400, 40094, text)
    opened.follow_ups += 1
    return call.show(_answer(call, opened, call.body))


def _fill_original(call: Call, opened: Interaction) -> Message:
    message: Message = opened.original
    was_loading = bool(message.flags & FLAG_LOADING)
    # whether it is ephemeral was decided by the deferral
    flags = (call.body.get("flags") or 0) & ~FLAG_EPHEMERAL
    edit(message, {**call.body, "flags": flags}, call.files)
    if was_loading:
        message.pings = pings(call.world, call.body, is_answer=True)
        opened.answers.append(message)
        call.world.touch()
    return message


def _answered(call: Call) -> tuple[Interaction, Message]:
    opened = call.interaction()
    wanted = call.params.get("message_id", "@original")
    message = opened.original
    if wanted != "@original":
        own = [*opened.answers, opened.original]
        message = next((m for m in own if m is not None and m.id == wanted), None)
    if message is None or message.is_deleted:
        raise ApiError(404, 10008, "Unknown Message")
    return opened, message


def get_answer(call: Call) -> Answer:
    return call.show(_answered(call)[1])


def edit_answer(call: Call) -> Answer:
    opened, message = _answered(call)
    if message is opened.original:
        return call.show(_fill_original(call, opened))
    edit(message, call.body, call.files)
    return call.show(message)


def delete_answer(call: Call) -> Answer:
    _answered(call)[1].delete()
    return 204, None
