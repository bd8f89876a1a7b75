// The bot's pictographs drawn as line icons: the same on every system, with or without
// a colour emoji font. The character stays in the text for copying and screen readers.

const SHAPES = {
  "👁": "M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12z M9 12a3 3 0 1 0 6 0 3 3 0 1 0-6 0",
  "📋": "M7 4.5H5.5v16h13v-16H17 M9 3h6v3.5H9z M9 11.5h6 M9 15.5h6",
  "❓": "M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0 M9.4 9.6a2.6 2.6 0 1 1 3.7 2.4c-.8.4-1.1.9-1.1 1.8 M12 16.8v.1",
  "⚠": "M12 3.5 22 20.5H2z M12 10v5 M12 17.7v.1",
  "✅": "M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0 M7.8 12.4l3 3 5.6-6.2",
  "❌": "M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0 M8.8 8.8l6.4 6.4 M15.2 8.8l-6.4 6.4",
  "✖": "M6 6l12 12 M18 6 6 18",
  "✋": "M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2z M8 12h8",
  "🔔": "M6 17v-6a6 6 0 0 1 12 0v6l1.5 1.5h-15z M10 21.5h4",
  "🔕": "M8.2 6.4A6 6 0 0 1 18 11v4 M6 10v7l-1.5 1.5H17 M10 21.5h4 M3.5 3.5l17 17",
  "📈": "M4 4v16h16 M7.5 15.5 11 11l3 3 5-6.5",
  "📉": "M4 4v16h16 M7.5 8 11 12.5l3-3 5 6.5",
  "📊": "M5 20v-7 M12 20V4.5 M19 20V9.5",
  "🔍": "M4.5 10.5a6 6 0 1 0 12 0 6 6 0 1 0-12 0 M15 15l5.5 5.5",
  "↩": "M9 5.5 4 10.5l5 5 M4 10.5h10a5 5 0 0 1 0 10h-3",
  "🌙": "M20 14.2A8.2 8.2 0 0 1 9.8 4 8.2 8.2 0 1 0 20 14.2z",
  "👀": "M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12z M9 12a3 3 0 1 0 6 0 3 3 0 1 0-6 0",
  "📣": "M4 9.5v5h3.5l8.5 5v-15l-8.5 5z M19 9.5a4 4 0 0 1 0 5",
  "👋": "M4 5h16v11.5H10L5.5 20v-3.5H4z M8.5 10.7h7",
  "⚡": "M13.5 2.5 5 13.5h6l-1 8 8.5-11h-6z",
  "⚓": "M10 5a2 2 0 1 0 4 0 2 2 0 1 0-4 0 M12 7v14 M4.5 13a7.5 8 0 0 0 15 0 M8.5 11h7",
  "✏": "M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19z",
  "🔁": "M4 11V9.5a3 3 0 0 1 3-3h12 M16 3.5l3 3-3 3 M20 13v1.5a3 3 0 0 1-3 3H5 M8 20.5l-3-3 3-3",
  "🫧": "M4 14a5 5 0 1 0 10 0 5 5 0 1 0-10 0 M14 7a3 3 0 1 0 6 0 3 3 0 1 0-6 0 M16.5 17.5a1.8 1.8 0 1 0 3.6 0 1.8 1.8 0 1 0-3.6 0",
  "📒": "M6 3.5h12.5v17H6z M9.5 3.5v17 M12.5 8.5h3",
  "🔌": "M9 3v5 M15 3v5 M6.5 8h11v3.5a5.5 5.5 0 0 1-11 0z M12 17v4.5",
  "🕒": "M3 12a9 9 0 1 0 18 0 9 9 0 1 0-18 0 M12 7v5l3.5 2",
  "🔑": "M4 8.5a4 4 0 1 0 8 0 4 4 0 1 0-8 0 M11 11.3l8.5 8.5 M16 16.3l2.5-2.5",
};
const DOTS = { "🟢": "bullish", "🔴": "bearish", "⚪": "nothing" };
const KIND_OF = { "⚠": "trouble", "✅": "over" };
const FOUND = new RegExp(`(${Object.keys({ ...SHAPES, ...DOTS }).join("|")})\\uFE0F?`, "gu");
const SVG = "http://www.w3.org/2000/svg";

function picture(character, whole) {
  const icon = document.createElement("span");
  const glyph = document.createElement("span");
  glyph.className = "glyph";
  glyph.textContent = whole;
  icon.append(glyph);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  if (character in DOTS) {
    icon.className = `icon dot ${DOTS[character]}`;
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("cx", "12");
    circle.setAttribute("cy", "12");
    circle.setAttribute("r", character === "⚪" ? "8.5" : "10");
    svg.append(circle);
  } else {
    icon.className = `icon ${KIND_OF[character] ?? ""}`;
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", SHAPES[character]);
    svg.append(path);
  }
  icon.append(svg);
  return icon;
}

/** Draw the pictographs in all text below a node. */
export function drawIcons(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    const pieces = text.data.split(FOUND);
    if (pieces.length === 1) continue;
    const parts = [];
    for (let i = 0; i < pieces.length; i += 2) {
      if (pieces[i]) parts.push(pieces[i]);
      if (i + 1 < pieces.length) parts.push(picture(pieces[i + 1], pieces[i + 1]));
    }
    text.replaceWith(...parts);
  }
}
