"""The Bot API's methods as the fake plays them.

Descriptions of errors are those of the real server (github.com/tdlib/telegram-bot-api).
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fake_telegram_people import Channel, Group, Place, User, member_json
from fake_telegram_rules import (
    Limits,
    RefusedError,
    Upload,
    bad_request,
    broken_rule,
    check_choosing,
    check_keyboard,
    read_text,
)
from fake_telegram_world import ANONYMOUS_ADMIN, Chat, Post, World

TEXT_MAX = 4096
CAPTION_MAX = 1024
#: core.telegram.org/bots/api#sendphoto: 10 MB, width and height together 10,000
PHOTO_BYTES_MAX = 10 * 2**20
PHOTO_SIDES_MAX = 10_000
_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
_NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)
Params = Mapping[str, Any]


class Methods:
    """Answers every method but getUpdates, which has to do with connections."""

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits
        self.are_limits_on = True
        self.knows_time_entities = True
        #: seconds after which a press can no longer be answered
        self.callback_lifetime = 60.0
        self.too_many = 0
        #: chat id -> why photos, and nothing else, are refused there
        self.photo_error: dict[int, str] = {}
        #: uploaded photos by file id
        self._photos: dict[str, bytes] = {}
        #: (scope, language) -> commands, a scope written `default` or `chat:123`
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        #: what the bot says about itself: name, description, short_description
        self.profile: dict[tuple[str, str], str] = {}
        self.webhook: dict[str, Any] = {}
        #: when the last post to the webhook failed (Unix time), and how
        self.webhook_error: tuple[int, str] | None = None
        self._table: dict[str, Callable[[Params], Any]] = {
            "getMe": self._get_me,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._get_webhook_info,
            "setMyCommands": self._set_commands,
            "getMyCommands": lambda p: self.commands.get(_scope(p), []),
            "deleteMyCommands": lambda p: [self.commands.pop(_scope(p), None)] != [],
            "sendMessage": self._send_message,
            "sendPhoto": self._send_photo,
            "sendChatAction": self._send_action,
            "sendDocument": self._send_document,
            "getFile": self._get_file,
            "editMessageText": self._edit_text,
            "editMessageCaption": self._edit_caption,
            "editMessageReplyMarkup": self._edit_markup,
            "deleteMessage": self._delete_message,
            "answerCallbackQuery": self._answer_callback,
            "getChat": self._get_chat,
            "getChatMember": self._get_member,
            "getChatAdministrators": self._get_admins,
            "getChatMemberCount": self._count_members,
            "leaveChat": self._leave,
            "logOut": lambda _: True,
            "close": lambda _: True,
        }
        for what in ("name", "description", "short_description"):
            name = "".join(word.title() for word in what.split("_"))
            self._table[f"setMy{name}"] = self._profile_setter(what)
            self._table[f"getMy{name}"] = self._profile_getter(what)

    def call(self, method: str, params: Params) -> Any:
        """Return the result, or raise `RefusedError`."""
        return self._table[method](params)

    # ------------------------------------------------------------ the bot itself

    def _get_me(self, _: Params) -> dict[str, Any]:
        return self._world.bot | {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def _set_webhook(self, params: Params) -> bool:
        url = params["url"]
        if url and not url.startswith("https://"):
            raise broken_rule("bad webhook: An HTTPS URL must be provided for webhook")
        if url and (urlsplit(url).port or 443) not in {443, 80, 88, 8443}:
            raise broken_rule(
                "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"
            )
        self.webhook = dict(params) if url else {}
        return self._delete_pending(params)

    def _delete_webhook(self, params: Params) -> bool:
        self.webhook = {}
        return self._delete_pending(params)

    def _delete_pending(self, params: Params) -> bool:
        if "allowed_updates" in params:
            self._world.allowed_updates = params["allowed_updates"]
        if params.get("drop_pending_updates"):
            self._world.updates.clear()
        self._world.bell.ring()
        return True

    def _get_webhook_info(self, _: Params) -> dict[str, Any]:
        return {
            "url": self.webhook.get("url", ""),
            "has_custom_certificate": "certificate" in self.webhook,
            "pending_update_count": len(self._world.updates),
        } | self._last_webhook_error()

    def _last_webhook_error(self) -> dict[str, Any]:
        if not self.webhook or self.webhook_error is None:
            return {}
        at, message = self.webhook_error
        return {"last_error_date": at, "last_error_message": message}

    def _set_commands(self, params: Params) -> bool:
        language = params.get("language_code", "")
        if language and not (len(language) == 2 and language.islower()):
            raise broken_rule("LANG_CODE_INVALID")
        self.commands[_scope(params)] = params["commands"]
        return True

    def _profile_setter(self, what: str) -> Callable[[Params], bool]:
        def setter(params: Params) -> bool:
            self.profile[what, params.get("language_code", "")] = params.get(what, "")
            return True

        return setter

    def _profile_getter(self, what: str) -> Callable[[Params], dict[str, str]]:
        return lambda p: {
            what: self.profile.get((what, p.get("language_code", "")), "")
        }

    # ------------------------------------------------------------------- posting

    def _send_message(self, params: Params) -> dict[str, Any]:
        text, entities = self._read(params, "text", TEXT_MAX)
        if not text:
            raise broken_rule("message text is empty")
        return self._send(
            params, text=text, html=params["text"], entities=entities
        ).as_json()

    def _send_photo(self, params: Params) -> dict[str, Any]:
        photo = params["photo"]
        if isinstance(photo, Upload):
            self._take_photo(photo)
        elif photo not in self._photos:
            raise bad_request("wrong file identifier/HTTP URL specified")
        text, entities = self._read(params, "caption", CAPTION_MAX)
        if (no := self.photo_error.get(params["chat_id"])) is not None:
            raise bad_request(no)
        image = photo.content if isinstance(photo, Upload) else self._photos[photo]
        post = self._send(
            params,
            text=text,
            html=params.get("caption", ""),
            entities=entities,
            has_photo=True,
            photo=image,
        )
        said = post.as_json()
        self._photos[said["photo"][-1]["file_id"]] = image
        return said

    def _take_photo(self, photo: Upload) -> None:
        """Refuse what the server would (core.telegram.org/bots/api#sendphoto)."""
        if not photo.size:
            raise broken_rule("file must be non-empty")
        if photo.size > PHOTO_BYTES_MAX:
            raise broken_rule("PHOTO_SAVE_FILE_INVALID")
        if not photo.content.startswith(b"\x89PNG\r\n\x1a\n"):
            raise broken_rule("IMAGE_PROCESS_FAILED")
        wide, tall = struct.unpack(">II", photo.content[16:24])
        if wide + tall > PHOTO_SIDES_MAX or max(wide, tall) > 20 * min(wide, tall):
            raise broken_rule("PHOTO_INVALID_DIMENSIONS")

    def _send_document(self, params: Params) -> dict[str, Any]:
        document = params["document"]
        if not isinstance(document, Upload) or not document.size:
            raise broken_rule("file must be non-empty")
        text, entities = self._read(params, "caption", CAPTION_MAX)
        return self._send(
            params,
            text=text,
            html=params.get("caption", ""),
            entities=entities,
            file=(document.name, document.content),
        ).as_json()

    def _get_file(self, params: Params) -> dict[str, Any]:
        content = self._world.file(params["file_id"])
        if content is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        return {
            "file_id": params["file_id"],
            "file_unique_id": params["file_id"],
            "file_size": len(content),
            "file_path": f"documents/{params['file_id']}",
        }

    def _read(
        self, params: Params, name: str, max_length: int
    ) -> tuple[str, list[dict[str, Any]]]:
        check_keyboard(params.get("reply_markup"))
        text, entities = read_text(
            params.get(name, ""),
            params.get("parse_mode"),
            max_length=max_length,
            knows_time=self.knows_time_entities,
        )
        given = params.get("entities" if name == "text" else "caption_entities")
        return text, given or entities

    def _send(self, params: Params, **content: Any) -> Post:
        chat = self._writable(params["chat_id"])
        thread = self._open_thread(chat, params)
        if "keyboard" in (params.get("reply_markup") or {}):
            check_choosing(params["reply_markup"], is_private=isinstance(chat, User))
        reply_to = self._reply_to(chat, params.get("reply_parameters"))
        if self.are_limits_on:
            wait = self._limits.wait_for(chat.id, is_private=isinstance(chat, User))
            if wait:
                self.too_many += 1
                raise RefusedError(
                    429,
                    f"Too Many Requests: retry after {wait}",
                    {"retry_after": wait},
                )
        return chat.deliver(
            markup=params.get("reply_markup"),
            is_silent=params.get("disable_notification", False),
            thread=thread,
            reply_to=reply_to,
            **content,
        )

    def _send_action(self, params: Params) -> bool:
        self._open_thread(self._writable(params["chat_id"]), params)
        return True

    @staticmethod
    def _open_thread(chat: Chat, params: Params) -> int | None:
        thread: int | None = params.get("message_thread_id")
        if thread is None:
            return None
        if not (isinstance(chat, Group) and thread in chat.topics):
            raise bad_request("message thread not found")
        if thread in chat.closed_topics and chat.bot_status != "administrator":
            raise bad_request("TOPIC_CLOSED")
        return thread

    @staticmethod
    def _reply_to(chat: Chat, wanted: Params | None) -> int | None:
        if wanted is None:
            return None
        if wanted["message_id"] in chat.kept:
            return int(wanted["message_id"])
        if wanted.get("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")

    def _own_post(self, params: Params, verb: str) -> Post:
        if "chat_id" not in params or "message_id" not in params:
            raise broken_rule("message identifier is not specified")
        post = self._writable(params["chat_id"]).kept.get(params["message_id"])
        if post is None:
            raise bad_request(f"message to {verb} not found")
        if not post.is_from_bot:
            raise bad_request("message can't be edited")
        return post

    def _edit_text(self, params: Params) -> dict[str, Any]:
        text, entities = self._read(params, "text", TEXT_MAX)
        if not text:
            raise broken_rule("message text is empty")
        post = self._own_post(params, "edit")
        if post.has_photo:
            raise bad_request("there is no text in the message to edit")
        markup = params.get("reply_markup")
        if (post.text, post.entities) == (text, entities) and _same(
            post.markup, markup
        ):
            raise bad_request(_NOT_MODIFIED)
        post.first = post.first or post.seen()
        post.text, post.html, post.entities = text, params["text"], entities
        return self._edited(post, markup)

    def _edit_caption(self, params: Params) -> dict[str, Any]:
        text, entities = self._read(params, "caption", CAPTION_MAX)
        post = self._own_post(params, "edit")
        if not post.has_photo:
            raise bad_request("there is no caption in the message to edit")
        markup = params.get("reply_markup")
        if (post.text, post.entities) == (text, entities) and _same(
            post.markup, markup
        ):
            raise bad_request(_NOT_MODIFIED)
        post.text, post.html = text, params.get("caption", "")
        post.entities = entities
        return self._edited(post, markup)

    def _edit_markup(self, params: Params) -> dict[str, Any]:
        check_keyboard(params.get("reply_markup"))
        post = self._own_post(params, "edit")
        markup = params.get("reply_markup")
        if _same(post.markup, markup):
            raise bad_request(_NOT_MODIFIED)
        return self._edited(post, markup)

    def _edited(self, post: Post, markup: dict[str, Any] | None) -> dict[str, Any]:
        post.markup, post.edited = markup, True
        self._world.changed()
        return post.as_json()

    def _delete_message(self, params: Params) -> bool:
        chat = self._chat(params["chat_id"])
        post = chat.kept.get(params["message_id"])
        if post is None:
            raise bad_request("message to delete not found")
        is_mine = post.is_from_bot or isinstance(chat, User)
        if not is_mine and getattr(chat, "bot_status", "") != "administrator":
            raise bad_request("message can't be deleted")
        del chat.kept[post.message_id]
        self._world.changed()
        return True

    def _answer_callback(self, params: Params) -> bool:
        callback = self._world.callbacks.get(params["callback_query_id"])
        now = self._world.clock()
        if callback is None or now - callback.pressed_at > self.callback_lifetime:
            raise bad_request(_TOO_OLD)
        if url := params.get("url"):
            # only a link to the bot itself with a start payload is let pass
            parts = urlsplit(url)
            is_own = parts.path.strip("/").lower() == self._world.username.lower()
            if parts.netloc != "t.me" or not is_own or not parse_qs(parts.query):
                raise broken_rule("URL_INVALID")
        if callback.answer is None:
            callback.answer = dict(params)
        self._world.bell.ring()
        return True

    # --------------------------------------------------------------------- chats

    def _chat(self, chat_id: int | str) -> Chat:
        if isinstance(chat_id, str):
            for chat in self._world.chats.values():
                if chat.username and chat_id.lower() == f"@{chat.username}".lower():
                    return chat
            raise bad_request("chat not found")
        if chat_id in self._world.moved:
            raise RefusedError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": self._world.moved[chat_id]},
            )
        if chat_id not in self._world.chats:
            raise bad_request("chat not found")
        return self._world.chats[chat_id]

    def _writable(self, chat_id: int | str) -> Chat:
        chat = self._chat(chat_id)
        if isinstance(chat, User):
            if chat.is_deactivated:
                raise RefusedError(403, "Forbidden: user is deactivated")
            if chat.has_blocked:
                raise RefusedError(403, "Forbidden: bot was blocked by the user")
            if not chat.has_started:
                raise RefusedError(
                    403, "Forbidden: bot can't initiate conversation with a user"
                )
        if isinstance(chat, Place):
            self._inside(chat)
            if isinstance(chat, Channel) and chat.bot_status != "administrator":
                raise bad_request("need administrator rights in the channel chat")
            if chat.writing_error:
                raise bad_request(chat.writing_error)
        return chat

    @staticmethod
    def _inside(chat: Place) -> None:
        if chat.is_deleted:
            raise RefusedError(403, "Forbidden: the group chat was deleted")
        kind = f"{chat.type} chat"
        if chat.bot_status == "kicked":
            raise RefusedError(403, f"Forbidden: bot was kicked from the {kind}")
        if chat.bot_status == "left":
            raise RefusedError(403, f"Forbidden: bot is not a member of the {kind}")

    def _place(self, params: Params) -> Place:
        chat = self._chat(params["chat_id"])
        if not isinstance(chat, Place):
            raise bad_request("there are no administrators in the private chat")
        self._inside(chat)
        return chat

    def _get_chat(self, params: Params) -> dict[str, Any]:
        chat = self._chat(params["chat_id"])
        if isinstance(chat, Place):
            self._inside(chat)
        gifts = (
            "unlimited_gifts limited_gifts unique_gifts premium_subscription "
            "gifts_from_channels"
        )
        rights = {}
        if isinstance(chat, Group):
            rights = {"permissions": {"can_send_messages": not chat.writing_error}}
        return (
            chat.as_json()
            | rights
            | {
                "accent_color_id": 0,
                "max_reaction_count": 11,
                "accepted_gift_types": dict.fromkeys(gifts.split(), False),
            }
        )

    def _get_member(self, params: Params) -> dict[str, Any]:
        chat = self._chat(params["chat_id"])
        user_id = params["user_id"]
        is_channel = isinstance(chat, Channel)
        if user_id == self._world.bot["id"]:
            status = chat.bot_status if isinstance(chat, Place) else "member"
            return member_json(self._world.bot, status, is_channel=is_channel)
        if isinstance(chat, Place):
            self._inside(chat)
        if user_id == ANONYMOUS_ADMIN["id"]:
            # the account that hidden admins write as is itself in no group
            return member_json(ANONYMOUS_ADMIN, "left")
        user = self._world.chats.get(user_id)
        if not isinstance(user, User):
            raise bad_request("invalid user_id specified")
        status = chat.status_of(user) if isinstance(chat, Place) else "member"
        return member_json(user.as_user(), status, is_channel=is_channel)

    def _get_admins(self, params: Params) -> list[dict[str, Any]]:
        place = self._place(params)
        is_channel = isinstance(place, Channel)
        admins = [
            member_json(u.as_user(), place.status_of(u), is_channel=is_channel)
            for u in place.admins
        ]
        if place.bot_status == "administrator":
            admins.append(
                member_json(self._world.bot, "administrator", is_channel=is_channel)
            )
        return admins

    def _count_members(self, params: Params) -> int:
        chat = self._chat(params["chat_id"])
        return len(chat.members) + 1 if isinstance(chat, Place) else 2

    def _leave(self, params: Params) -> bool:
        self._place(params).loses_bot()
        return True


def _scope(params: Params) -> tuple[str, str]:
    scope = params.get("scope", {"type": "default"})
    names = [str(scope[k]) for k in ("type", "chat_id", "user_id") if k in scope]
    return ":".join(names), params.get("language_code", "")


def _same(one: Params | None, other: Params | None) -> bool:
    empty: Params = {"inline_keyboard": []}
    return (one or empty) == (other or empty)
