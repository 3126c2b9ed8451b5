// The connections: rows, search, filters, order, what unfolds, and the selection's commands.

import { $, el, mark, set } from "./dom.js";
import { Grid } from "./grid.js";
import { clock, count, lasted, number, visible, wall } from "./text.js";

// The columns behind the checkbox: class, what the phone calls it, what it is sorted by.
const COLUMNS = [
  ["number", "No.", (c) => c.connection],
  ["user", "User", (c) => c.user ?? ""],
  ["address", "Address", (c) => c.station],
  ["license", "License", (c) => (c.licensed ? c.unit ?? "" : "\uffff")],
  ["connected", "Connected for", (c) => -c.created],
  ["idle", "Idle for", (c) => -c.last_request],
  ["requests", "Requests", (c) => c.requests],
  ["files", "Files", (c) => c.files.length],
  ["locks", "Locks", (c) => c.locks],
];
const FIRST_DOWN = new Set(["connected", "idle", "requests", "files", "locks"]); // the largest first
const FILTERS = {
  all: () => true,
  licensed: (c) => c.licensed,
  idle: (c, idleAfter) => c.licensed && c.idle >= idleAfter,
  unlicensed: (c) => !c.licensed,
};
const FIELDS = {
  any: (c) => `${c.connection} ${c.user ?? ""} ${c.station} ${c.unit ?? ""} ${c.files.join(" ")}`,
  user: (c) => c.user ?? "",
  address: (c) => c.station,
  unit: (c) => c.unit ?? "",
  file: (c) => c.files.join(" "),
};

const RESTING = 60; // seconds; rows of connections that work keep their places

/** By default licenses at rest are first, then those in use, then connections without one. */
const rank = (c, idleAfter) => (!c.licensed ? 2 : c.idle < Math.min(RESTING, idleAfter) ? 1 : 0);

/** "JOE (7)", as every sentence names a connection. */
export const named = (c) => `${c.user === null ? "not logged in" : visible(c.user)} (${c.connection})`;

export class Connections extends EventTarget {
  /** Fires `act` with {name, connections} for what the operator wants: clear, message, journal. */
  constructor() {
    super();
    this.all = [];
    this.bySerial = new Map();
    this.server = null;
    this.order = { by: "default", down: false };
    this.filter = "all";
    this.grid = new Grid($("scroller"), $("rows"), {
      make, fill: (row, c, open) => this.#fill(row, c, open), describe: (c) => this.#describe(c),
    });
    this.grid.addEventListener("selection", () => this.#selection());
    this.grid.addEventListener("command", (event) => this.#command(event));
    $("rows").addEventListener("click", (event) => {
      const button = event.target.closest("button[data-act]");
      if (button) this.#act(button.dataset.act, [this.bySerial.get(button.closest("[role=row]").serial)]);
    });
    for (const id of ["clear", "message"]) $(`selected-${id}`).addEventListener("click", () => this.#act(id, this.selected()));
    $("selected-none").addEventListener("click", () => this.grid.select([...this.grid.selected], false));
    $("select-all").addEventListener("change", (event) => {
      this.grid.select(this.grid.items.map((c) => c.serial), event.target.checked);
    });
    for (const id of ["search", "field"]) $(id).addEventListener("input", () => this.#arrange(true));
    for (const button of $("filters").children) {
      button.addEventListener("click", () => {
        this.filter = button.dataset.filter;
        this.#arrange(true);
      });
    }
    for (const button of document.querySelectorAll("#heads button")) {
      button.addEventListener("click", () => this.#sort(button.dataset.by));
    }
    $("order").addEventListener("change", () => this.#sort($("order").value, true));
    this.#sort("default");
  }

  /** The list as the server has it now. */
  show(all, server) {
    Object.assign(this, { all, server });
    this.bySerial = new Map(all.map((c) => [c.serial, c]));
    this.grid.keep((serial) => this.bySerial.has(serial));
    $("connections").classList.toggle("by-user", server.policy === "ual");
    this.#arrange(false);
    $("connections").setAttribute("aria-busy", "false");
  }

  selected() {
    return [...this.grid.selected].map((serial) => this.bySerial.get(serial));
  }

  clear() {
    this.grid.clear();
  }

  #sort(by, chosen = false) {
    const same = this.order.by === by && !chosen;
    if (!same) this.order = { by, down: FIRST_DOWN.has(by) };
    else if (this.order.turned) this.order = { by: "default", down: false };
    else this.order = { by, down: !this.order.down, turned: true };
    $("order").value = this.order.by;
    for (const head of document.querySelectorAll("#heads [data-by]")) {
      const sorted = head.dataset.by !== this.order.by ? "none" : this.order.down ? "descending" : "ascending";
      head.parentElement.setAttribute("aria-sort", sorted);
    }
    this.#arrange(true);
  }

  /** Filter and sort, and show. By default the license held idle for longest is first. */
  #arrange(fromTop) {
    const { by, down } = this.order;
    const wanted = $("search").value.trim().toLowerCase();
    const field = FIELDS[$("field").value];
    const filter = FILTERS[this.filter];
    const idleAfter = this.server?.idle_after;
    const found = this.all.filter((c) => filter(c, idleAfter) && (!wanted || field(c).toLowerCase().includes(wanted)));
    const value = COLUMNS.find(([name]) => name === by)?.[2];
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    if (value) found.sort((a, b) => (down ? -1 : 1) * compare(value(a), value(b)) || a.connection - b.connection);
    else {
      const ranks = new Map(found.map((c) => [c, rank(c, idleAfter)]));
      const byIdle = (a, b) => (ranks.get(a) ? 0 : a.last_request - b.last_request);
      found.sort((a, b) => ranks.get(a) - ranks.get(b) || byIdle(a, b) || a.connection - b.connection);
    }
    $("grid").setAttribute("aria-rowcount", found.length + 1);
    for (const button of $("filters").children) mark(button, "aria-pressed", String(button.dataset.filter === this.filter));
    for (const [name, test] of Object.entries(FILTERS)) {
      set($(`count-${name}`), number(this.all.reduce((sum, c) => sum + test(c, idleAfter), 0)));
    }
    $("empty").hidden = found.length > 0;
    set($("empty"), this.all.length ? "No connection matches. Change the search or the filter." : "No station is connected.");
    set($("order-says"), by === "default" ? "licenses held idle for longest first" : "");
    if (fromTop) $("scroller").scrollTop = 0;
    this.grid.show(found);
    this.#selection();
  }

  #selection() {
    const { selected, items } = this.grid;
    $("bulk").hidden = selected.size === 0;
    set($("selected-count"), `${number(selected.size)} selected`);
    const shown = items.reduce((sum, c) => sum + selected.has(c.serial), 0);
    $("select-all").checked = shown > 0 && shown === items.length;
    $("select-all").indeterminate = shown > 0 && shown < items.length;
  }

  #command(event) {
    const { key, serial } = event.detail;
    const name = { Delete: "clear", m: "message", j: "journal" }[key];
    if (!name) return;
    event.preventDefault();
    const chosen = name !== "journal" && this.grid.selected.has(serial) ? this.selected() : [this.bySerial.get(serial)];
    this.#act(name, chosen);
  }

  #act(name, connections) {
    this.dispatchEvent(new CustomEvent("act", { detail: { name, connections } }));
  }

  #describe(c) {
    const idle = `idle for ${lasted(c.idle)}`;
    const user = c.user === null ? "not logged in" : visible(c.user);
    return `Connection ${c.connection}, ${user}, ${c.licensed ? "licensed" : "no license"}, ${idle}`;
  }

  #fill(row, c, open) {
    const { number: no, user, name, waits, address, license, connected, idle, requests, files, opened, locks, fold } = row.cells;
    row.classList.toggle("idle-holder", FILTERS.idle(c, this.server.idle_after));
    row.classList.toggle("unlicensed", !c.licensed);
    set(no, String(c.connection));
    set(name, c.user === null ? "not logged in" : visible(c.user));
    user.classList.toggle("nobody", c.user === null);
    waits.hidden = !c.message;
    set(address, visible(c.station));
    set(license, c.licensed ? (c.unit?.startsWith("user:") ? visible(c.unit.slice(5)) : "held") : "none");
    set(connected, lasted(this.server.t - c.created));
    set(idle, lasted(c.idle) + (c.silent ? ", silent" : ""));
    set(requests, number(c.requests));
    set(opened, String(c.files.length));
    set(locks, String(c.locks));
    files.classList.toggle("zero", !c.files.length);
    locks.classList.toggle("zero", !c.locks);
    if (name.title !== name.textContent) name.title = name.textContent;
    if (address.title !== address.textContent) address.title = address.textContent;
    connected.title = `since ${wall(this.server, c.created)}, ${clock(c.created)} on the server's clock`;
    idle.title = `last request at ${wall(this.server, c.last_request)}, ${clock(c.last_request)} on the server's clock`
      + (c.silent ? "; the watchdog's question has no answer" : "");
    mark(fold, "aria-expanded", String(open));
    mark(fold, "aria-label", `${count(c.files.length, "open file")} of connection ${c.connection}`);
    mark(row.querySelector("input"), "aria-label", `Select connection ${c.connection}`);
    return open ? this.#detail(row, c) : null;
  }

  #detail(row, c) {
    const facts = [
      c.licensed ? `Holds the license ${visible(c.unit)}.` : "Holds no license (MONITOR shows an asterisk).",
      `Attached ${wall(this.server, c.created)}${c.user === null ? "" : `, logged in ${wall(this.server, c.since)}`}.`,
      c.files.length ? `${count(c.files.length, "open file")}:` : "No open file.",
    ];
    const said = JSON.stringify([facts, c.files]);
    if (row.detail?.said === said) return row.detail;
    const button = (act, text, style = "") => el("button", { type: "button", "data-act": act, class: style }, text);
    const made = el("div", { role: "gridcell", class: "detail", "aria-colspan": COLUMNS.length + 1 },
      el("p", {}, facts.join(" ")),
      el("ul", {}, ...c.files.map((path) => el("li", {}, visible(path)))),
      el("p", { class: "acts" }, button("journal", "Its journal"), button("message", "Message…"),
        button("clear", "Clear…", "danger")));
    made.said = said;
    return made;
  }
}

function make() {
  const row = el("div", { role: "row", class: "row" });
  const box = el("input", { type: "checkbox", tabIndex: -1 });
  row.append(el("div", { role: "gridcell", class: "box" }, box));
  row.cells = {};
  for (const [name, label] of COLUMNS) {
    const cell = el("div", { role: "gridcell", class: `cell ${name}`, "data-label": label });
    row.cells[name] = cell;
    row.append(cell);
  }
  const { user, files } = row.cells;
  row.cells.name = el("span", {});
  const waits = { class: "waits", role: "img", "aria-label": "a message waits", title: "A message waits for this station." };
  row.cells.waits = el("span", waits, "✉");
  user.append(row.cells.name, row.cells.waits);
  row.cells.fold = el("button", { type: "button", class: "fold", tabIndex: -1, "aria-expanded": "false" });
  row.cells.opened = el("span", {});
  row.cells.fold.append(row.cells.opened);
  files.append(row.cells.fold);
  return row;
}
