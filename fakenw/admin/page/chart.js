// Licenses held over time: axes, the limit, refusals, marks and jumps of the clock.

import { $, set, svg } from "./dom.js";
import { clock, lasted, number, visible } from "./text.js";

const LEFT = 50;
const RIGHT = 12;
const TOP = 18;
const BOTTOM = 20;
const NOTES = 100; // marks and jumps in the picture, the last ones
const WORDED = 3; // marks that have their words beside them, where there are no more
const LONGEST = 40; // characters of these
const MOST = 4000; // points; beyond that neighbours become one
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** A step of 1, 2 or 5 times a power of ten, so that there are at most `most` of them. */
function nice(range, most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(range / most, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => range / step <= most);
}

export class Chart {
  constructor() {
    this.server = null;
    this.seconds = Infinity; // that the chart goes back
    this.clear();
    new ResizeObserver(() => this.plan()).observe($("chart"));
    for (const button of $("ranges").children) {
      button.addEventListener("click", () => {
        this.seconds = Number(button.dataset.seconds) || Infinity;
        for (const other of $("ranges").children) other.setAttribute("aria-pressed", other === button);
        this.plan();
      });
    }
    $("chart").addEventListener("pointermove", (event) => this.#point(event.offsetX));
    $("chart").addEventListener("pointerleave", () => this.#point(null));
  }

  clear() {
    this.grain = 0.25; // seconds of a point
    this.points = []; // {t, held, most, limit, refused}: at the end of the grain, and the most within
    this.notes = []; // {t, kind, text}: marks and jumps of the clock
    this.plan();
  }

  add(records) {
    for (const record of records) {
      if (typeof record.held !== "number") continue;
      const refused = record.event === "deny" ? 1 : 0;
      const last = this.points[this.points.length - 1];
      if (last && record.t < last.t + this.grain) {
        last.held = record.held;
        last.most = Math.max(last.most, record.held);
        last.limit = record.limit;
        last.refused += refused;
      } else {
        this.points.push({ t: record.t, held: record.held, most: record.held, limit: record.limit, refused });
      }
      if (record.event === "mark") this.notes.push({ t: record.t, kind: "mark", text: visible(record.text) });
      if (record.event === "advanced") {
        this.notes.push({ t: record.t, kind: "jump", text: `clock advanced by ${lasted(Math.round(record.seconds))}` });
      }
    }
    if (this.points.length > MOST) this.#thin();
    this.plan();
  }

  plan() {
    this.planned ??= requestAnimationFrame(() => {
      this.planned = null;
      this.#draw();
    });
  }

  #thin() {
    const thinned = [];
    this.grain *= 2;
    for (const point of this.points) {
      const last = thinned[thinned.length - 1];
      if (last && point.t < last.t + this.grain) {
        const both = { t: last.t, most: Math.max(last.most, point.most), refused: last.refused + point.refused };
        Object.assign(last, point, both);
      } else thinned.push(point);
    }
    this.points = thinned;
  }

  #draw() {
    const picture = $("chart");
    const { clientWidth: width, clientHeight: height } = picture;
    if (!width || !this.server || !this.points.length) {
      $("plot").replaceChildren();
      return;
    }
    const to = Math.max(this.server.t, this.points[this.points.length - 1].t, 1);
    const from = Math.max(this.points[0].t, to - this.seconds, 0);
    const first = Math.max(0, this.points.findLastIndex((point) => point.t <= from));
    const points = this.points.slice(first);
    const top = Math.max(...points.map((point) => Math.max(point.most, point.limit)), 1) * 1.08;
    const x = (t) => LEFT + ((Math.max(t, from) - from) / (to - from || 1)) * (width - LEFT - RIGHT);
    const y = (value) => height - BOTTOM - (value / top) * (height - TOP - BOTTOM);
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    Object.assign(this, { x, y, from, to, width, height });
    const parts = [...this.#axes(top), ...this.#curves(points), ...this.#refusals(points), ...this.#notes()];
    $("plot").replaceChildren(...parts);
    $("key-jump").hidden = !this.notes.some((note) => note.kind === "jump" && note.t >= from);
    const refused = points.reduce((sum, point) => sum + (point.t >= from ? point.refused : 0), 0);
    const most = Math.max(...points.map((point) => point.most));
    const { held, limit } = this.server;
    set($("chart-title"), `Licenses held from ${clock(from)} to ${clock(to)} on the server's clock: ${number(held)} of `
      + `${number(limit)} now, at most ${number(most)}; ${number(refused)} refused.`);
  }

  #axes(top) {
    const { x, y, from, to, width, height } = this;
    const parts = [];
    const step = nice(top, 4);
    for (let value = 0; value <= top; value += step) {
      parts.push(svg("path", { class: "grid-line", d: `M${LEFT} ${Math.round(y(value)) + 0.5}H${width - RIGHT}` }));
      parts.push(svg("text", { class: "label", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)));
    }
    const span = to - from;
    const wanted = STEPS.find((one) => span / one <= Math.max(2, (width - LEFT) / 90)) ?? 86400 * Math.ceil(span / 86400 / 8);
    for (let t = Math.ceil(from / wanted) * wanted; t <= to; t += wanted) {
      parts.push(svg("path", { class: "tick", d: `M${Math.round(x(t)) + 0.5} ${height - BOTTOM}v4` }));
      if (x(t) > width - 30) continue;
      parts.push(svg("text", { class: "label", x: x(t), y: height - 4, "text-anchor": "middle" }, clock(t)));
    }
    return parts;
  }

  #curves(points) {
    const { x, y, width } = this;
    let held = `M${x(points[0].t)} ${y(points[0].held)}`;
    let limit = `M${LEFT} ${y(points[0].limit)}`;
    for (let index = 1; index < points.length; index++) {
      const point = points[index];
      const peak = point.most > point.held ? `V${y(point.most).toFixed(1)}` : "";
      held += `H${x(point.t).toFixed(1)}${peak}V${y(point.held).toFixed(1)}`;
      if (point.limit !== points[index - 1].limit) limit += `H${x(point.t)}V${y(point.limit)}`;
    }
    const last = points[points.length - 1];
    held += `H${width - RIGHT}`;
    return [
      svg("path", { class: "area", d: `${held}V${y(0)}H${x(points[0].t)}Z` }),
      svg("path", { class: "line", d: held }),
      svg("path", { class: "limit", d: `${limit}H${width - RIGHT}` }),
      svg("text", { class: "limit-label", x: width - RIGHT - 2, y: y(last.limit) - 4, "text-anchor": "end" }, `limit ${number(last.limit)}`),
    ];
  }

  #refusals(points) {
    const bins = new Map();
    for (const { t, refused } of points) {
      if (!refused || t < this.from) continue;
      const bin = Math.round(this.x(t) / 3) * 3;
      bins.set(bin, (bins.get(bin) ?? 0) + refused);
    }
    const most = Math.max(...bins.values());
    return [...bins].map(([bin, refused]) => {
      const height = 6 + 24 * (refused / most);
      const bar = svg("rect", { class: "refused", x: bin - 1, width: 2, y: this.y(0) - height, height });
      bar.append(svg("title", {}, `${number(refused)} refused`));
      return bar;
    });
  }

  #notes() {
    const shown = this.notes.filter((note) => note.t >= this.from).slice(-NOTES);
    const few = shown.filter((note) => note.kind === "mark").length <= WORDED;
    const parts = [];
    let before = -Infinity; // x of the jump before: a picture has no room for two at one place
    for (const note of shown) {
      const x = Math.round(this.x(note.t)) + 0.5;
      if (note.kind === "jump" && x < before + 9) continue;
      const group = svg("g", { class: note.kind });
      group.append(svg("title", {}, `${note.text}, at ${clock(note.t)}`));
      if (note.kind === "jump") {
        before = x;
        group.append(svg("path", { d: `M${x} ${this.y(0) - 4}l7 4l-7 4z` }));
      } else {
        const flag = svg("path", { class: "flag", d: `M${x} ${TOP - 12}l7 4l-7 4z` });
        group.append(svg("path", { d: `M${x} ${TOP - 12}V${this.y(0)}` }), flag);
        const place = x < this.width * 0.6 ? { x: x + 11, "text-anchor": "start" } : { x: x - 5, "text-anchor": "end" };
        if (few) group.append(svg("text", { ...place, y: TOP - 4 }, note.text.slice(0, LONGEST)));
      }
      parts.push(group);
    }
    return parts;
  }

  /** Say the values under the pointer. */
  #point(at) {
    const inside = at !== null && this.x && at >= LEFT && at <= this.width - RIGHT;
    $("cross").setAttribute("d", inside ? `M${at} ${TOP}V${this.y(0)}` : "");
    if (!inside) {
      set($("chart-says"), "");
      return;
    }
    const t = this.from + ((at - LEFT) / (this.width - LEFT - RIGHT)) * (this.to - this.from);
    const point = this.points.findLast((one) => one.t <= t) ?? this.points[0];
    const near = this.notes.filter((note) => Math.abs(this.x(note.t) - at) < 5).map((note) => `; ${note.text}`);
    const refused = point.refused ? `, ${number(point.refused)} refused` : "";
    set($("chart-says"), `${clock(t)}: ${number(point.held)} of ${number(point.limit)}${refused}${near.join("")}`);
  }
}
