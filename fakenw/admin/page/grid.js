// A table of any length of which only the rows in sight are elements. Rows move and are chosen by keyboard or pointer.
//
// One row has the focus of the Tab key (the current one), and stays an element while it is out of sight. A row may be
// unfolded; the height of what it shows then is measured once it is there.

const MARGIN = 8; // rows above and below those in sight
const PAGE = 15; // rows that Page Up and Page Down go

/** Set a length; the browser works for an unchanged one, too. */
function place(element, property, pixels) {
  const value = `${pixels}px`;
  if (element.style[property] !== value) element.style[property] = value;
}

export class Grid extends EventTarget {
  /**
   * `make()` returns a row with its cells; `fill(row, item, unfolded)` writes into it, and returns what unfolds or null.
   * `describe(item)` names a row for screen readers. Fires `selection` and, for keys that are not of movement, `command`.
   */
  constructor(scroller, body, { make, fill, describe }) {
    super();
    Object.assign(this, { scroller, body, make, fill, describe });
    this.items = [];
    this.at = new Map(); // serial -> index
    this.rows = new Map(); // serial -> element
    this.spare = []; // rows that have gone out of sight, to be written anew
    this.selected = new Set();
    this.unfolded = new Map(); // serial -> height of what is unfolded
    this.current = null;
    this.anchor = null;
    scroller.addEventListener("scroll", () => this.draw(false));
    new ResizeObserver(() => this.resize()).observe(scroller);
    body.addEventListener("keydown", (event) => this.#key(event));
    body.addEventListener("click", (event) => this.#click(event));
    body.addEventListener("focusin", (event) => this.#focused(event.target.closest("[role=row]")));
    this.resize();
  }

  /** Show these items, each with a `serial`, in this order. */
  show(items) {
    this.items = items;
    this.at = new Map(items.map((item, index) => [item.serial, index]));
    for (const serial of this.unfolded.keys()) if (!this.at.has(serial)) this.unfolded.delete(serial);
    if (this.current !== null && !this.at.has(this.current)) this.#leave();
    this.draw();
  }

  /** Drop from the selection what `exists` does not know. */
  keep(exists) {
    const before = this.selected.size;
    for (const serial of this.selected) if (!exists(serial)) this.selected.delete(serial);
    if (this.selected.size !== before) this.#chosen();
  }

  clear() {
    this.selected.clear();
    this.unfolded.clear();
    this.current = this.anchor = null;
    this.#chosen();
  }

  plan() {
    this.planned ??= requestAnimationFrame(() => this.draw());
  }

  resize() {
    this.height = parseFloat(getComputedStyle(this.body).getPropertyValue("--row")) || 28;
    this.plan();
  }

  /** Rows that are elements already are written anew only where that is wanted. */
  draw(anew = true) {
    cancelAnimationFrame(this.planned);
    this.planned = null;
    const open = [...this.unfolded].map(([serial, height]) => [this.at.get(serial), height]).sort((a, b) => a[0] - b[0]);
    const top = (index) => open.reduce((sum, [at, height]) => sum + (at < index ? height : 0), index * this.height);
    const { scrollTop, clientHeight } = this.scroller;
    const unfolded = open.reduce((sum, [, height]) => sum + height, 0);
    const first = Math.max(0, Math.floor((scrollTop - unfolded) / this.height) - MARGIN);
    const wanted = [];
    for (let index = first; index < this.items.length; index++) {
      const y = top(index);
      if (y > scrollTop + clientHeight + MARGIN * this.height) break;
      if (y + (this.unfolded.get(this.items[index].serial) ?? 0) > scrollTop - (MARGIN + 1) * this.height) wanted.push(index);
    }
    const current = this.at.get(this.current);
    if (current !== undefined && !wanted.includes(current)) {
      wanted.push(current);
      wanted.sort((a, b) => a - b);
    }
    const tabbed = current ?? wanted[0];
    const serials = new Set(wanted.map((index) => this.items[index].serial));
    for (const [serial, row] of this.rows) {
      if (serials.has(serial)) continue;
      row.remove();
      this.spare.push(row);
      this.rows.delete(serial);
    }
    place(this.body, "height", top(this.items.length));
    let before = null;
    for (const index of wanted) {
      const row = this.#row(index, index === tabbed, anew);
      place(row, "top", top(index));
      const next = before ? before.nextElementSibling : this.body.firstElementChild;
      if (row !== next) this.body.insertBefore(row, next);
      before = row;
    }
    this.spare.length = 0;
    this.#measure();
  }

  focus(serial = this.current) {
    const index = this.at.get(serial) ?? 0;
    if (this.items[index]) this.#go(index, false);
  }

  fold(serial, open = !this.unfolded.has(serial)) {
    if (open) this.unfolded.set(serial, 0);
    else this.unfolded.delete(serial);
    this.draw();
  }

  select(serials, chosen = true) {
    for (const serial of serials) if (chosen) this.selected.add(serial); else this.selected.delete(serial);
    this.#chosen();
    this.draw();
  }

  #row(index, tabbed, anew) {
    const item = this.items[index];
    const known = this.rows.get(item.serial);
    const row = known ?? this.spare.pop() ?? this.make();
    if (row.tabIndex !== (tabbed ? 0 : -1)) row.tabIndex = tabbed ? 0 : -1;
    if (known && !anew) return row;
    row.serial = item.serial;
    this.rows.set(item.serial, row);
    const chosen = this.selected.has(item.serial);
    const detail = this.fill(row, item, this.unfolded.has(item.serial));
    row.setAttribute("aria-rowindex", index + 2);
    row.setAttribute("aria-selected", chosen);
    row.setAttribute("aria-label", this.describe(item));
    row.querySelector("input").checked = chosen;
    if (row.detail !== detail) {
      row.detail?.remove();
      if (detail) row.append(detail);
      row.detail = detail;
    }
    return row;
  }

  #measure() {
    let changed = false;
    for (const [serial, before] of this.unfolded) {
      const height = this.rows.get(serial)?.detail?.offsetHeight ?? before;
      if (Math.abs(height - before) < 1) continue;
      this.unfolded.set(serial, height);
      changed = true;
    }
    if (changed) this.plan();
  }

  /** The current row has gone: the one in its place takes over, with the focus if it had that. */
  #leave() {
    const row = this.rows.get(this.current);
    const focused = row?.contains(document.activeElement);
    const index = Math.min(Number(row?.getAttribute("aria-rowindex") ?? 2) - 2, this.items.length - 1);
    this.current = this.items[index]?.serial ?? null;
    if (!focused) return;
    if (this.current !== null) requestAnimationFrame(() => this.focus());
    else this.scroller.focus();
  }

  #go(index, extend) {
    const serial = this.items[index].serial;
    this.current = serial;
    this.draw();
    const row = this.rows.get(serial);
    row.focus({ preventScroll: true });
    const y = row.offsetTop;
    const { scrollTop, clientHeight } = this.scroller;
    if (y < scrollTop) this.scroller.scrollTop = y;
    else if (y + this.height > scrollTop + clientHeight) this.scroller.scrollTop = y + this.height - clientHeight;
    if (extend) this.#extend(index);
    else this.anchor = serial;
  }

  #extend(index) {
    const from = this.at.get(this.anchor) ?? index;
    const [low, high] = from < index ? [from, index] : [index, from];
    this.select(this.items.slice(low, high + 1).map((item) => item.serial));
  }

  #focused(row) {
    if (!row || row.serial === this.current) return;
    this.current = row.serial;
    for (const other of this.rows.values()) other.tabIndex = other === row ? 0 : -1;
  }

  #chosen() {
    this.dispatchEvent(new Event("selection"));
  }

  #click(event) {
    const row = event.target.closest("[role=row]");
    if (!row || event.target.closest(".detail")) return;
    if (event.target.matches("input")) {
      if (event.shiftKey) this.#extend(this.at.get(row.serial));
      else this.select([row.serial], event.target.checked);
      this.anchor = row.serial;
    } else if (!getSelection().toString()) this.fold(row.serial); // a click, not the end of copying text
  }

  #key(event) {
    const row = event.target.closest("[role=row]");
    if (!row || event.target.matches(".detail *")) return;
    const index = this.at.get(row.serial);
    const last = this.items.length - 1;
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + PAGE, PageUp: index - PAGE, Home: 0, End: last };
    if (event.key in to) this.#go(Math.max(0, Math.min(last, to[event.key])), event.shiftKey);
    else if (event.target !== row) return;
    else if (event.key === " ") this.select([row.serial], !this.selected.has(row.serial));
    else if (event.key === "Enter") this.fold(row.serial);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.select(this.items.map((item) => item.serial));
    else if (event.key === "Escape") this.select([...this.selected], false);
    else if (!event.ctrlKey && !event.metaKey && !event.altKey) {
      const command = new CustomEvent("command", { detail: { key: event.key, serial: row.serial }, cancelable: true });
      if (this.dispatchEvent(command)) return;
    } else return;
    event.preventDefault();
  }
}
