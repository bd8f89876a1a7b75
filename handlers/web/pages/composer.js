// The line at the bottom: history, proposals of assets, sending.

const KEEP = 100;
const WAIT = 120;
const SHOWN = 6;
const ASSET_COMMANDS = /^\/(watch|unwatch|signal|chart|record|simulate|threshold|mute|unmute|preview|broadcast)\s/i;

export class Composer {
  #input = document.getElementById("input");
  #list = document.getElementById("choices");
  #history = [];
  #at = 0;
  #draft = "";
  #picked = -1;
  #asked = 0;
  #timer = 0;

  /** `send` is called with each line typed. */
  constructor(send) {
    this.#input.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      this.#close();
      if (!text) return;
      this.#input.value = "";
      this.remember(text);
      send(text);
    });
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("input", () => this.#onInput());
    this.#input.addEventListener("blur", () => this.#close());
    // a press must not take the focus, and with it the proposals, away
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const item = event.target.closest("li");
      if (item) this.#take(item);
    });
  }

  /** Add a line to what the arrow keys recall. */
  remember(text) {
    this.#history = this.#history.filter((line) => line !== text);
    this.#history.push(text);
    this.#history.splice(0, this.#history.length - KEEP);
    this.#at = this.#history.length;
  }

  /** Give a line back that could not be sent, unless another is being typed. */
  restore(text) {
    if (!this.#input.value) this.#input.value = text;
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  #onKey(event) {
    if (event.isComposing) return;
    const items = [...this.#list.children];
    if (!this.#list.hidden && items.length > 0) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        const from = this.#picked < 0 && step < 0 ? 0 : this.#picked;
        this.#pick(items, (from + step + items.length) % items.length);
        return;
      }
      if (event.key === "Tab" && !event.shiftKey) {
        event.preventDefault();
        this.#take(items[Math.max(this.#picked, 0)]);
        return;
      }
      if (event.key === "Enter" && this.#picked >= 0) {
        event.preventDefault();
        this.#take(items[this.#picked]);
        return;
      }
      if (event.key === "Escape") {
        this.#close();
        return;
      }
    }
    if (event.key === "ArrowUp") this.#recall(event, -1);
    if (event.key === "ArrowDown") this.#recall(event, 1);
  }

  #recall(event, step) {
    const next = this.#at + step;
    if (next < 0 || next > this.#history.length) return;
    event.preventDefault();
    if (this.#at === this.#history.length) this.#draft = this.#input.value;
    this.#at = next;
    this.#input.value = this.#history[next] ?? this.#draft;
    this.#input.setSelectionRange(this.#input.value.length, this.#input.value.length);
    this.#close();
  }

  #onInput() {
    this.#at = this.#history.length;
    clearTimeout(this.#timer);
    const text = this.#input.value;
    const word = text.split(/[\s,]+/).at(-1);
    const isAsset = ASSET_COMMANDS.test(text) || !text.startsWith("/");
    if (!isAsset || !/^[#$]?[\p{L}][\p{L}\d-]*$/u.test(word)) {
      this.#close();
      return;
    }
    this.#timer = setTimeout(() => this.#propose(text, word), WAIT);
  }

  async #propose(text, word) {
    const number = ++this.#asked;
    let choices = [];
    try {
      const answer = await fetch(`/api/complete?q=${encodeURIComponent(word)}`);
      if (answer.ok) choices = (await answer.json()).choices;
    } catch {
      // proposals are a convenience; the line works without them
    }
    if (number !== this.#asked || this.#input.value !== text) return;
    const isDone = choices.length === 1 && choices[0].value.toLowerCase() === word.toLowerCase();
    this.#show(isDone ? [] : choices.slice(0, SHOWN));
  }

  #show(choices) {
    const items = choices.map((choice, i) => {
      const item = document.createElement("li");
      item.id = `choice-${i}`;
      item.setAttribute("role", "option");
      item.textContent = choice.label;
      item.dataset.value = choice.value;
      return item;
    });
    this.#list.replaceChildren(...items);
    this.#picked = -1;
    this.#list.hidden = items.length === 0;
    this.#input.setAttribute("aria-expanded", String(items.length > 0));
    this.#input.removeAttribute("aria-activedescendant");
  }

  #pick(items, index) {
    this.#picked = index;
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === index)));
    this.#input.setAttribute("aria-activedescendant", items[index].id);
    items[index].scrollIntoView({ block: "nearest" });
  }

  #take(item) {
    const word = /[^\s,]*$/;
    this.#input.value = `${this.#input.value.replace(word, () => item.dataset.value)} `;
    this.#close();
    this.focus();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    if (!this.#list.hidden) this.#show([]);
  }
}
