// One entry of the inbox as an element: own line, reply or alert.

import { drawIcons } from "/icons.js";

const MINUTE = 60;
const RELATIVE_STEPS = [[60, "second"], [60, "minute"], [24, "hour"], [365, "day"], [Infinity, "year"]];

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

function isToday(moment) {
  return moment.toDateString() === new Date().toDateString();
}

function inDays(moment) {
  const isThisYear = moment.getFullYear() === new Date().getFullYear();
  return (isThisYear ? day : dayAndYear).format(moment);
}

function fromNow(moment) {
  let amount = (moment - Date.now()) / 1000;
  for (const [size, unit] of RELATIVE_STEPS) {
    if (Math.abs(amount) < size) return relative.format(Math.round(amount), unit);
    amount /= size;
  }
  return inDays(moment);
}

function inWords(moment, style) {
  if (style === "R") return fromNow(moment);
  if (style === "D") return inDays(moment);
  if (style === "t" && isToday(moment)) return clock.format(moment);
  if (style === "T" && isToday(moment)) return seconds.format(moment);
  return `${inDays(moment)}, ${clock.format(moment)}`;
}

/** Show every moment below a node on the reader's own clock. */
export function tellTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const words = inWords(moment, element.dataset.style ?? "t");
    if (element.textContent !== words) element.textContent = words;
    element.title = full.format(moment);
  }
}

function button(choice) {
  const isLink = typeof choice.url === "string";
  const element = document.createElement(isLink ? "a" : "button");
  element.className = "action";
  element.textContent = choice.label;
  if (isLink) {
    // the server lets no other scheme through; looked at once more where it counts
    if (/^https?:\/\//i.test(choice.url)) element.href = choice.url;
    element.target = "_blank";
    element.rel = "noopener noreferrer";
  } else {
    element.type = "button";
    element.dataset.action = choice.action;
  }
  return element;
}

/** A file as a link that saves it; its text never becomes part of the page. */
function download(file) {
  const element = document.createElement("a");
  element.className = "action";
  element.textContent = `💾 ${file.name}`;
  element.download = file.name;
  // octet-stream: a browser saves it and shows it nowhere
  element.href = URL.createObjectURL(new Blob([file.text], { type: "application/octet-stream" }));
  return element;
}

function meta(entry) {
  const element = document.createElement("p");
  element.className = "meta";
  if (entry.kind === "alert") {
    element.append(entry.is_silent ? "🔕" : "🔔", entry.is_silent ? " Silent alert · " : " Alert · ");
  }
  const time = document.createElement("time");
  time.dateTime = entry.at;
  time.dataset.style = "t";
  element.append(time);
  return element;
}

/** The picture of an entry in the page's look; without one the words stand alone. */
function picture(entry) {
  const frame = document.createElement("picture");
  frame.className = "picture";
  const dark = document.createElement("source");
  dark.media = "(prefers-color-scheme: dark)";
  dark.srcset = `/api/picture/${entry.id}?look=dark`;
  const image = document.createElement("img");
  image.alt = entry.title ?? "";
  // its room is kept free, so that nothing jumps when it comes
  image.width = 1080;
  image.height = 1080;
  image.decoding = "async";
  image.addEventListener("error", () => frame.remove());
  image.src = `/api/picture/${entry.id}?look=light`;
  frame.append(dark, image);
  return frame;
}

/** Build an entry; `isPending` while the server has not said yes. */
export function card(entry, isPending = false) {
  const element = document.createElement("article");
  element.className = "entry";
  element.dataset.kind = entry.kind;
  if (entry.id) element.dataset.id = entry.id;
  if (entry.ref) element.dataset.ref = entry.ref;
  element.classList.toggle("pending", isPending);
  if (entry.kind === "you") {
    const words = document.createElement("p");
    words.className = "body";
    words.textContent = entry.text;
    element.append(words);
    element.title = entry.at ? full.format(new Date(entry.at)) : "";
    return element;
  }
  element.dataset.tone = entry.tone ?? "plain";
  const content = document.createElement("template");
  content.innerHTML = (entry.html ?? "") + (entry.note ?? "");
  element.append(meta(entry), content.content);
  if (entry.picture && entry.id) element.append(picture(entry));
  const rows = (entry.buttons ?? []).filter((row) => row.length > 0);
  if (rows.length > 0 || entry.file) {
    const group = document.createElement("div");
    group.className = "actions";
    if (entry.file) {
      const line = document.createElement("div");
      line.className = "row";
      line.append(download(entry.file));
      group.append(line);
    }
    for (const row of rows) {
      const line = document.createElement("div");
      line.className = "row";
      line.append(...row.map(button));
      group.append(line);
    }
    element.append(group);
  }
  tellTimes(element);
  drawIcons(element);
  return element;
}

/** Keep relative times true. */
export function keepTimes(root) {
  setInterval(() => tellTimes(root), MINUTE * 1000 / 2);
}
