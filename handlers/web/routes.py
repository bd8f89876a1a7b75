"""The HTTP routes: chat page, chat API, health and metrics."""

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import StreamingResponse

from bot.errors import StoreError
from bot.model import JsonDict
from bot.ports import Desk, Hook, PictureShelf
from handlers.web import commands, pictures, probes, reading, render, stream
from handlers.web.access import COOKIE as ACCESS_COOKIE
from handlers.web.access import SESSION_AGE, Access, Door, address_of, too_many
from handlers.web.guard import Guard
from handlers.web.inbox import EntryKind, Inboxes
from handlers.web.probes import Probes

logger = logging.getLogger(__name__)

COOKIE = "flipwatch_inbox"
#: 400 days, the longest that browsers keep a cookie
COOKIE_AGE = 400 * 24 * 3600
QUERY_MAX = 100
#: by suffix; `mimetypes` asks the machine, and some say that scripts are plain text
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
#: seconds a command may take before the page is told to try again
DESK_TIMEOUT = 30.0

#: what the page that asks for the key is made of
_ENTRANCE = frozenset({"/chat.css", "/favicon.svg", "/login.css", "/login.js"})
_PAGES = Path(__file__).parent / "pages"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class _Visitor:
    """The inbox a request is about, and whether the cookie must be set."""

    inbox: str
    is_new: bool


class Routes:
    """Answers every path; knows no life cycle.

    Errors are JSON `{"error": "..."}` in words for the person at the page.
    """

    def __init__(
        self,
        desk: Desk,
        inboxes: Inboxes,
        *,
        probes: Probes,
        default_inbox: str,
        shelf: PictureShelf | None = None,
    ) -> None:
        self._desk = desk
        self._shelf = shelf
        self._inboxes = inboxes
        self._probes = probes
        self._default_inbox = default_inbox
        self._files = _load_files()
        self._access: Access | None = None
        #: what other faces want posted to them; set before `build`
        self.hooks: tuple[Hook, ...] = ()

    def build(self, access: Access | None = None) -> Guard:
        """Build the application; with `access` most of it is for who has the key."""
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        routes: list[tuple[str, str, Callable[..., Awaitable[Response]]]] = [
            ("GET", "/", self.page),
            ("POST", "/api/chat", self.chat),
            ("GET", "/api/chat/events", self.events),
            ("POST", "/api/press", self.press),
            ("GET", "/api/complete", self.complete),
            ("GET", "/api/picture/{entry_id}", self.picture),
            ("GET", "/livez", self.livez),
            ("GET", "/readyz", self.readyz),
            ("GET", "/metrics", self.metrics),
            ("GET", "/{name}", self.static),
        ]
        for method, path, endpoint in routes:
            # HEAD is what uptime monitors ask; a stream has no end to skip to
            is_plain = method == "GET" and endpoint != self.events
            methods = ["GET", "HEAD"] if is_plain else [method]
            app.add_api_route(path, endpoint, methods=methods, response_model=None)
        for hook in self.hooks:
            app.add_api_route(
                hook.path, _hook_endpoint(hook), methods=["POST"], response_model=None
            )
        app.add_exception_handler(StarletteHTTPException, _on_http_error)
        app.add_exception_handler(StoreError, _on_store_error)
        app.add_exception_handler(TimeoutError, _on_timeout)
        app.add_exception_handler(Exception, _on_bug)
        # around everything, so that a crash is answered with the headers as well
        public = frozenset(hook.path for hook in self.hooks)
        if access is None:
            return Guard(app, is_local_only=True, public=public)
        self._access = access
        app.add_api_route("/api/login", self.login, methods=["POST"])
        # what shows nothing, and what checks by itself who asks
        is_open = {*_ENTRANCE, "/livez", "/readyz", "/api/login"}
        door = Door(app, access, open_paths=public | is_open, entrance=self._entrance)
        return Guard(door, is_local_only=False)

    # ---- the entrance

    def _entrance(self) -> Response:
        return Response(self._files["login.html"].content, 401, media_type="text/html")

    async def login(self, request: Request) -> Response:
        """Open the rest to a browser that shows the key."""
        body = await reading.json_body(request)
        access, address = self._access, address_of(request.scope)
        if access is None:
            raise HTTPException(404, "There is nothing here.")
        if wait := access.wait(address):
            return too_many(wait)
        if not access.is_key(str(body.get("key", "")), address):
            logger.warning("wrong access key", extra={"action": "wrong_key"})
            raise HTTPException(403, "That is not the access key.")
        response = JSONResponse({"ok": True})
        response.set_cookie(
            ACCESS_COOKIE,
            access.session(),
            max_age=SESSION_AGE,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    # ---- pages

    async def page(self, request: Request) -> Response:
        """Serve the chat page and name the inbox in a cookie."""
        visitor = await self._visitor(request)
        response = self._file("chat.html", request)
        _remember(request, response, visitor.inbox)
        return response

    async def static(self, name: str, request: Request) -> Response:
        """Serve what belongs to the page."""
        if name not in self._files or name.endswith(".html"):
            raise HTTPException(404, "There is nothing here.")
        return self._file(name, request)

    def _file(self, name: str, request: Request) -> Response:
        file = self._files[name]
        headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)

    # ---- chat

    async def chat(self, request: Request) -> Response:
        """Do what was typed; keep the line and its reply in the inbox."""
        body = await reading.json_body(request, reading.FILE_BODY_MAX)
        text, ref = reading.text_of(body), reading.ref_of(body)
        file = reading.file_of(body)
        visitor = await self._visitor(request)
        nonce = f"you:{ref}" if ref else ""
        shown = f"{text} 📎 {file.name}" if file is not None else text
        typed: JsonDict = {"text": shown, "ref": ref}
        own = await self._inboxes.add(visitor.inbox, EntryKind.YOU, typed, nonce=nonce)
        async with asyncio.timeout(DESK_TIMEOUT):
            message = await commands.say(
                self._desk,
                visitor.inbox,
                text,
                language=reading.language(request),
                file=file,
            )
        messages = [own]
        for part in () if message is None else render.render(message):
            entry = await self._inboxes.add(visitor.inbox, EntryKind.REPLY, part)
            messages.append(entry)
        return self._answer(request, visitor, {"messages": messages})

    async def press(self, request: Request) -> Response:
        """Do what a button says; change the entry it is on."""
        body = await reading.json_body(request)
        entry_id, action = reading.pressed(body)
        visitor = await self._visitor(request)
        entry = await self._inboxes.find(visitor.inbox, entry_id)
        if entry is None:
            raise HTTPException(404, "This message is no longer in your inbox.")
        async with asyncio.timeout(DESK_TIMEOUT):
            reply = await commands.press(
                self._desk,
                visitor.inbox,
                entry_id,
                action,
                language=reading.language(request),
            )
        part: JsonDict = render.render(reply.edited)[0] if reply.edited else {}
        if reply.note is not None and not reply.edited:
            part |= render.note(reply.note)
        if reply.buttons is not None:
            part["buttons"] = render.buttons(reply.buttons)
        updated = None
        if part:
            updated = await self._inboxes.change(visitor.inbox, entry, part)
        messages = []
        if reply.message is not None:
            for new in render.render(reply.message):
                added = await self._inboxes.add(visitor.inbox, EntryKind.REPLY, new)
                messages.append(added)
        answer: JsonDict = {
            "toast": reply.toast,
            "messages": messages,
            "updated": updated,
        }
        return self._answer(request, visitor, answer)

    async def events(self, request: Request) -> Response:
        """Stream the inbox: backlog after `Last-Event-ID` or `?after=`, then live."""
        # a browser that connects again by itself repeats the address it began with
        after = reading.id_of(
            request.headers.get("last-event-id")
            or request.query_params.get("after", "")
        )
        visitor = await self._visitor(request)
        is_reset, after = await stream.backlog(self._inboxes, visitor.inbox, after)
        lines = stream.events(
            self._inboxes, visitor.inbox, after=after, is_reset=is_reset
        )
        response = StreamingResponse(
            lines,
            media_type="text/event-stream",
            # nginx would collect events before it passes them on
            headers={"X-Accel-Buffering": "no"},
        )
        if visitor.is_new:
            _remember(request, response, visitor.inbox)
        return response

    async def complete(self, request: Request) -> Response:
        """Propose assets for the last word typed."""
        typed = render.clean(request.query_params.get("q", ""))
        if len(typed) > QUERY_MAX:
            raise HTTPException(400, f"At most {QUERY_MAX} characters.")
        async with asyncio.timeout(DESK_TIMEOUT):
            choices = await self._desk.complete(typed)
        shown = [{"label": c.label, "value": c.value} for c in choices]
        return JSONResponse({"choices": shown})

    async def picture(self, entry_id: str, request: Request) -> Response:
        """Serve the picture of an entry of one's own inbox, dark or light."""
        visitor = await self._visitor(request)
        entry = await self._inboxes.find(visitor.inbox, reading.id_of(entry_id))
        look = request.query_params.get("look", "")
        ref = pictures.picture_of(entry or {}, look)
        image = None
        if ref is not None and self._shelf is not None:
            image = await self._shelf.picture(ref)
        if image is None:
            raise HTTPException(404, "There is no picture here.")
        # what is named by an entry never changes
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(image, media_type="image/png", headers=headers)

    # ---- probes

    async def livez(self) -> Response:
        """Say that the process is there."""
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        """Say whether everything it depends on works, each by name.

        Without the access key, if there is one, no names and no reasons.
        """
        is_ready, answer = await probes.readiness(self._probes)
        access = self._access
        if access is not None and not access.admits(
            request.headers, address_of(request.scope)
        ):
            answer = {"status": answer["status"]}
        return JSONResponse(answer, 200 if is_ready else 503)

    async def metrics(self) -> Response:
        """Show the metrics in Prometheus' text form."""
        text = await probes.metrics(self._probes)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    # ---- who is asking

    async def _visitor(self, request: Request) -> _Visitor:
        """Read the inbox from the cookie, or make one up.

        With a default inbox, a cookie this store has never heard of counts as none:
        cookies do not tell ports apart, so it may be another Flipwatch's.
        """
        named = request.cookies.get(COOKIE, "")
        default = self._default_inbox
        if not default:
            is_known = _TOKEN.fullmatch(named) is not None
            inbox = named if is_known else secrets.token_urlsafe(16)
            return _Visitor(inbox, is_new=not is_known)
        is_known = _TOKEN.fullmatch(named) is not None and bool(
            await self._inboxes.entries(named, limit=1)
        )
        inbox = named if is_known else default
        return _Visitor(inbox, is_new=inbox != named)

    def _answer(
        self, request: Request, visitor: _Visitor, content: JsonDict
    ) -> Response:
        response = JSONResponse(content)
        if visitor.is_new:
            _remember(request, response, visitor.inbox)
        return response


def _hook_endpoint(hook: Hook) -> Callable[[Request], Awaitable[Response]]:
    async def post(request: Request) -> Response:
        # who may not post is refused before anything is read
        if not hook.allows(request.headers):
            raise HTTPException(403, "You may not post here.")
        body = await reading.body(request, hook.max_bytes)
        return Response(status_code=await hook.take(body))

    return post


def _remember(request: Request, response: Response, inbox: str) -> None:
    response.set_cookie(
        COOKIE,
        inbox,
        max_age=COOKIE_AGE,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def _load_files() -> dict[str, _File]:
    """Read the page's files once: they are few and small."""
    files = {}
    for path in sorted(p for p in _PAGES.iterdir() if p.suffix in MEDIA_TYPES):
        content = path.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        files[path.name] = _File(content, MEDIA_TYPES[path.suffix], etag)
    return files


# ---- errors in words


async def _on_http_error(_request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    detail = str(getattr(error, "detail", ""))
    headers = getattr(error, "headers", None)
    return JSONResponse({"error": detail}, status, headers=headers)


async def _on_store_error(_request: Request, error: Exception) -> Response:
    logger.error("web request failed in the store", extra={"error": str(error)})
    return JSONResponse(
        {"error": "The database does not answer now. Try again in a moment."}, 503
    )


async def _on_timeout(request: Request, _error: Exception) -> Response:
    logger.error("web request timed out", extra={"path": request.url.path})
    return JSONResponse({"error": "That took too long. Try again."}, 504)


async def _on_bug(_request: Request, _error: Exception) -> Response:
    # the traceback is logged by uvicorn, to which the error goes on
    return JSONResponse({"error": "Something went wrong here. It is logged."}, 500)
