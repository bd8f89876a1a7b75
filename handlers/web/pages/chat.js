// The chat page: what comes in is shown once, in order, without moving what is read.

import { card, keepTimes } from "/card.js";
import { Composer } from "/composer.js";

const NAME = "Flipwatch";
const NEAR = 48;
const TOAST_FOR = 4500;
const FILE_MAX = 256 * 1024;
const RETRY_MIN = 1000;
const RETRY_MAX = 10000;

const scroll = document.getElementById("scroll");
const messages = document.getElementById("messages");
const empty = document.getElementById("empty");
const state = document.getElementById("state");
const pill = document.getElementById("pill");
const toast = document.getElementById("toast");

const shown = new Map();
let lastId = 0;
let backlog = [];
let isReady = false;
let below = 0;
let unseen = 0;
let toastTimer = 0;

// ---------------------------------------------------------------- the list

const isAtBottom = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;

function toBottom() {
  scroll.scrollTop = scroll.scrollHeight;
  below = 0;
  showPill();
}

function showPill() {
  pill.hidden = below === 0;
  if (below > 0) pill.textContent = `${below} new message${below > 1 ? "s" : ""} ↓`;
}

function showTitle() {
  document.title = unseen > 0 ? `(${unseen}) ${NAME}` : NAME;
}

/** Put an element where its id belongs; nearly always that is the end. */
function place(element, id) {
  let before = null;
  for (let node = messages.lastElementChild; node; node = node.previousElementSibling) {
    if (node.dataset.id && Number(node.dataset.id) < id) break;
    if (node.dataset.id) before = node;
  }
  messages.insertBefore(element, before);
}

/** Show an entry unless it is there already; POST answers and events both bring it. */
function add(entry) {
  if (shown.has(entry.id)) return false;
  lastId = Math.max(lastId, entry.id);
  const waiting = entry.ref && messages.querySelector(`.pending[data-ref="${CSS.escape(entry.ref)}"]`);
  const element = card(entry);
  if (waiting) waiting.replaceWith(element);
  else place(element, entry.id);
  shown.set(entry.id, element);
  if (entry.kind === "you") composer.remember(entry.text);
  empty.hidden = true;
  return !waiting;
}

function receive(entry) {
  if (!isReady) {
    backlog.push(entry);
    return;
  }
  const wasAtBottom = isAtBottom();
  if (!add(entry)) return;
  if (wasAtBottom) toBottom();
  else {
    below += 1;
    showPill();
  }
  if (entry.kind === "alert" && (document.hidden || !document.hasFocus())) {
    unseen += 1;
    showTitle();
  }
}

function change(entry) {
  const old = shown.get(entry.id);
  if (!old) return;
  const wasAtBottom = isAtBottom();
  const index = [...old.querySelectorAll(".action")].indexOf(document.activeElement);
  const element = card(entry);
  old.replaceWith(element);
  shown.set(entry.id, element);
  if (index >= 0) (element.querySelectorAll(".action")[index] ?? element.querySelector(".action"))?.focus();
  if (wasAtBottom) toBottom();
}

function say(text) {
  clearTimeout(toastTimer);
  toast.textContent = text;
  toast.classList.toggle("shown", Boolean(text));
  if (text) toastTimer = setTimeout(() => say(""), TOAST_FOR);
}

// ---------------------------------------------------------------- talking

async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("No connection to Flipwatch. Is it still running?");
  }
  // the session is over, or the key is another: the entrance comes instead of the page
  if (answer.status === 401) location.reload();
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error ?? `Flipwatch answered ${answer.status}.`);
  return content;
}

// one line after the other, so that the conversation stays in order
let sending = Promise.resolve();

function send(text, file = undefined) {
  const ref = crypto.getRandomValues(new Uint32Array(2)).join("-").slice(0, 20);
  const own = card({ kind: "you", text: file ? `${text} 📎 ${file.name}` : text, ref }, true);
  messages.append(own);
  empty.hidden = true;
  toBottom();
  sending = sending.then(async () => {
    try {
      const content = await post("/api/chat", file ? { text, ref, file } : { text, ref });
      content.messages.forEach(add);
      toBottom();
    } catch (error) {
      if (own.isConnected) {
        own.remove();
        if (!file) composer.restore(text);
      }
      empty.hidden = !isReady || shown.size > 0;
      say(error.message);
    }
  });
}

/** Bring a file: its words are read here, and read as a list by the bot. */
async function bring(chosen) {
  if (chosen.size > FILE_MAX) {
    say(`A file has at most ${FILE_MAX / 1024} kB.`);
    return;
  }
  try {
    send("/import", { name: chosen.name, text: await chosen.text() });
  } catch {
    say("That file can't be read.");
  }
}

async function press(button) {
  const entry = Number(button.closest(".entry").dataset.id);
  const row = button.closest(".actions");
  row.classList.add("busy");
  try {
    const content = await post("/api/press", { entry, action: button.dataset.action });
    if (content.updated) change(content.updated);
    if (content.toast) say(content.toast);
    if (content.messages.length > 0) {
      content.messages.forEach(add);
      toBottom();
    }
  } catch (error) {
    say(error.message);
  } finally {
    row.classList.remove("busy");
  }
}

// ---------------------------------------------------------------- the stream

let source = null;
let retryIn = RETRY_MIN;
let retryTimer = 0;

function showState(name, words) {
  if (state.dataset.state === name) return;
  state.dataset.state = name;
  state.textContent = words;
}

function connect() {
  clearTimeout(retryTimer);
  source?.close();
  backlog = [];
  source = new EventSource(`/api/chat/events?after=${lastId}`);
  source.addEventListener("open", () => {
    retryIn = RETRY_MIN;
    showState("live", "live");
  });
  source.addEventListener("message", (event) => receive(JSON.parse(event.data)));
  source.addEventListener("update", (event) => change(JSON.parse(event.data)));
  source.addEventListener("reset", () => {
    lastId = 0;
    shown.clear();
    messages.replaceChildren();
  });
  source.addEventListener("ready", () => {
    if (isReady) {
      empty.hidden = messages.childElementCount > 0;
      return;
    }
    backlog.forEach(add);
    backlog = [];
    isReady = true;
    messages.setAttribute("aria-busy", "false");
    empty.hidden = messages.childElementCount > 0;
    toBottom();
  });
  source.addEventListener("error", () => {
    showState("waiting", "reconnecting…");
    if (source.readyState !== EventSource.CLOSED) return;
    // after an HTTP error a browser does not try again by itself
    retryTimer = setTimeout(connect, retryIn);
    retryIn = Math.min(retryIn * 2, RETRY_MAX);
  });
}

// ---------------------------------------------------------------- wiring

const composer = new Composer(send);

messages.addEventListener("click", (event) => {
  const button = event.target.closest("button.action");
  if (button) press(button);
});
document.getElementById("suggestions").addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  if (!chip) return;
  composer.remember(chip.textContent);
  send(chip.textContent);
});
document.getElementById("file").addEventListener("change", (event) => {
  const [chosen] = event.target.files;
  if (chosen) bring(chosen);
  event.target.value = "";
});
pill.addEventListener("click", toBottom);
scroll.addEventListener("scroll", () => {
  if (below > 0 && isAtBottom()) toBottom();
}, { passive: true });

// the keyboard of a phone or a turned screen must not hide the last message
let wasAtBottom = true;
scroll.addEventListener("scroll", () => { wasAtBottom = isAtBottom(); }, { passive: true });
new ResizeObserver(() => { if (wasAtBottom) scroll.scrollTop = scroll.scrollHeight; }).observe(scroll);

function seen() {
  if (document.hidden || !document.hasFocus()) return;
  unseen = 0;
  showTitle();
}
document.addEventListener("visibilitychange", seen);
addEventListener("focus", seen);
addEventListener("online", connect);
addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
addEventListener("pagehide", () => source?.close());

keepTimes(messages);
connect();
if (matchMedia("(hover: hover)").matches) composer.focus();
