// The journal beside the connections: it follows, can be paused, and shows one connection only where asked.

import { $, el, set } from "./dom.js";
import { sentence } from "./sentences.js";
import { clock, number, wall } from "./text.js";

const KEPT = 20_000; // sentences that can be searched; all of the journal can be saved
const SHOWN = 200; // lines on the page, and more each time that earlier ones are asked for

export class Journal {
  constructor() {
    this.lines = []; // {record, kind, text}
    this.only = null; // the connection whose lines are shown
    this.server = null;
    this.paused = false;
    this.waiting = 0; // lines that have come while it was paused
    this.shown = SHOWN;
    $("journal-search").addEventListener("input", () => this.#refill());
    $("journal-only").addEventListener("click", () => this.follow(null));
    $("journal-pause").addEventListener("click", () => this.#pause(!this.paused));
    $("journal-earlier").addEventListener("click", () => {
      this.shown += SHOWN;
      const { scrollHeight } = $("journal-scroller");
      this.#refill(false);
      $("journal-scroller").scrollTop += $("journal-scroller").scrollHeight - scrollHeight;
    });
    $("journal-scroller").addEventListener("scroll", () => {
      const at = $("journal-scroller");
      const end = at.scrollTop + at.clientHeight >= at.scrollHeight - 30;
      if (this.paused && this.byScroll && end) this.#pause(false);
      else if (!this.paused && !end && at.scrollTop < this.scrolled) this.#pause(true, true);
      this.scrolled = at.scrollTop;
    });
    new ResizeObserver(() => this.#toEnd()).observe($("journal-scroller"));
  }

  /** More records of the server. */
  add(records) {
    const added = [];
    for (const record of records) {
      const [kind, text] = sentence(record) ?? [];
      if (text !== undefined) added.push({ record, kind, text });
    }
    this.lines.push(...added);
    if (this.lines.length > KEPT) this.lines.splice(0, this.lines.length - KEPT);
    const found = added.filter((line) => this.#matches(line));
    if (!found.length) return;
    if (this.paused) {
      this.waiting += found.length;
      this.#say();
      return;
    }
    const list = $("journal");
    list.append(...found.slice(-this.shown).map((line) => this.#item(line)));
    while (list.children.length > this.shown) list.firstElementChild.remove();
    this.#toEnd();
    this.#say();
  }

  /** Show the lines of one connection, {connection, serial}; null: all. */
  follow(only) {
    this.only = only;
    $("journal-only").hidden = only === null;
    if (only) {
      set($("journal-only-number"), `connection ${only.connection}`);
      $("journal-search").value = "";
    }
    this.#pause(false);
    this.#refill();
  }

  /** Another server's journal begins. */
  clear() {
    this.lines = [];
    this.follow(null);
  }

  #matches({ record, text }) {
    if (this.only) {
      const { connection, serial } = this.only;
      const clears = record.event === "operator" && record.connection === connection; // of the administration: no serial
      if (record.serial !== serial && !clears) return false;
    }
    const wanted = $("journal-search").value.trim().toLowerCase();
    return !wanted || `${record.event} ${text}`.toLowerCase().includes(wanted);
  }

  #item({ record, kind, text }) {
    const time = el("time", {}, clock(record.t));
    if (this.server) time.title = wall(this.server, record.t);
    return el("li", { class: kind }, time, el("span", {}, text));
  }

  #refill(toEnd = true) {
    const found = this.lines.filter((line) => this.#matches(line));
    $("journal").replaceChildren(...found.slice(-this.shown).map((line) => this.#item(line)));
    $("journal-earlier").hidden = found.length <= this.shown;
    this.waiting = 0;
    if (toEnd) this.#toEnd();
    this.#say();
  }

  #pause(paused, byScroll = false) {
    if (paused === this.paused) return;
    this.paused = paused;
    this.byScroll = byScroll;
    $("journal-pause").setAttribute("aria-pressed", paused);
    if (!paused) {
      this.shown = SHOWN;
      this.#refill();
    }
    this.#say();
  }

  #toEnd() {
    if (this.paused) return;
    const at = $("journal-scroller");
    at.scrollTop = at.scrollHeight;
    this.scrolled = at.scrollTop;
  }

  #say() {
    const waiting = this.waiting ? `, ${number(this.waiting)} new` : "";
    set($("journal-state"), this.paused ? `paused${waiting}` : "following");
    set($("journal-pause"), this.paused ? "Follow" : "Pause");
    $("journal-empty").hidden = $("journal").children.length > 0;
    set($("journal-empty"), this.lines.length ? "No line matches." : "No line yet.");
    if ($("journal").children.length >= this.shown) $("journal-earlier").hidden = false;
  }
}
