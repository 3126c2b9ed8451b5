// What the operator does: each action asks, says beforehand what will happen, and afterwards what has happened.

import { answering, call, download, Refused } from "./api.js";
import { named } from "./connections.js";
import { $, set } from "./dom.js";
import { ask, attempt, toast } from "./notices.js";
import { clock, count, number, unit, visible, words } from "./text.js";

const MESSAGE = 58; // characters, what NCP 21/1 can fetch
const AT_ONCE = 5000; // connections in one request, whose body may have 64 KiB
const NAMED = 5; // connections that a question names

export class Actions {
  /** `now()` returns {server, connections} as they were last seen; `refresh()` looks again. */
  constructor(now, refresh) {
    this.now = now;
    this.refresh = refresh;
    const buttons = {
      login: () => this.login(), mark: () => this.mark(), "message-all": () => this.message(null), set: () => this.set(),
      advance: () => this.advance(), reset: () => this.reset(), down: () => this.down(),
      "export-connections": () => this.save("connections.csv", (name) => download("/api/connections.csv", name)),
      "export-journal": () => this.save("journal.jsonl", wholeJournal),
    };
    for (const [id, act] of Object.entries(buttons)) $(id).addEventListener("click", act);
  }

  show(server) {
    set($("login"), server.logins ? "Disable login…" : "Enable login");
    set($("listeners"), server.listeners.map(visible).join(", "));
    const kept = server.policy === "ual" ? "stay with their users for 90 days" : `stay taken for ${words(server.keep_cleared)}`;
    set($("cleared"), server.keep_cleared || server.policy === "ual" ? kept : "are free at once");
  }

  async #do(work, said) {
    await attempt(work, said);
    await this.refresh();
  }

  /** Those of the connections that are still there: a number may be another's by now, a serial number never is. */
  async #present(chosen, instance) {
    const { connections } = await call("/api/connections");
    if (answering() !== instance) throw new Error("The server has started anew meanwhile: nothing was done.");
    const there = new Set(connections.map((c) => c.serial));
    return chosen.filter((c) => there.has(c.serial)).map((c) => c.connection);
  }

  async clear(chosen) {
    const { server } = this.now();
    const instance = answering();
    const many = chosen.length > 1;
    const names = chosen.slice(0, NAMED).map(named).join(", ");
    const licenses = new Set(chosen.filter((c) => c.licensed).map((c) => c.unit)).size;
    const files = chosen.reduce((sum, c) => sum + c.files.length, 0);
    const more = chosen.length > NAMED ? ` and ${number(chosen.length - NAMED)} more` : "";
    const says = [`${names}${more} will be cut off at once; the ${many ? "stations are" : "station is"} not asked.`];
    if (!licenses) says.push("No license comes back: none is held.");
    else if (server.policy === "ual") says.push(`${count(licenses, "license")} will stay assigned for 90 days.`);
    else if (server.keep_cleared) says.push(`${count(licenses, "license")} will stay taken for ${words(server.keep_cleared)}.`);
    else says.push(`${count(licenses, "license")} will be free again.`);
    if (files) says.push(`${count(files, "open file")} will be closed.`);
    says.push(`A client that still needs the server has to attach and log in anew.`);
    const title = many ? `Clear ${number(chosen.length)} connections?` : `Clear connection ${chosen[0].connection}?`;
    if (!await ask({ title, says, yes: many ? `Clear ${number(chosen.length)}` : "Clear", danger: true })) return;
    await this.#do(async () => {
      const numbers = await this.#present(chosen, instance);
      for (let at = 0; at < numbers.length; at += AT_ONCE) {
        await call("/api/connections/clear", { connections: numbers.slice(at, at + AT_ONCE) });
      }
      return numbers;
    }, (numbers) => {
      const gone = chosen.length - numbers.length;
      let said = `Connection ${numbers[0]} is cleared.`;
      if (!numbers.length) said = "Nothing was cleared.";
      else if (many) said = `${count(numbers.length, "connection is", "connections are")} cleared.`;
      return said + (gone ? ` ${count(gone, "connection")} had ended before.` : "");
    });
  }

  /** Leave a message: for some connections, or for all (null). */
  async message(chosen) {
    const instance = answering();
    let to = "all connections";
    if (chosen !== null) to = chosen.length === 1 ? named(chosen[0]) : `${number(chosen.length)} connections`;
    const title = `A message to ${to}`;
    const says = ["It is left at the server until the station fetches it. A station has room for one message."];
    const note = `At most ${MESSAGE} characters.`;
    const fields = [{ name: "text", label: "Text", required: true, maxLength: MESSAGE, note }];
    const given = await ask({ title, says, fields, yes: "Send" });
    if (!given) return;
    await this.#do(async () => {
      const numbers = chosen === null ? [] : await this.#present(chosen, instance);
      const paths = chosen === null ? ["/api/message"] : numbers.map((one) => `/api/connections/${one}/message`);
      const sum = { left: 0, not_logged_in: 0, not_accepting: 0, has_one: 0 };
      for (const path of paths) {
        const result = await call(path, { text: given.text });
        for (const name of Object.keys(sum)) sum[name] += result[name];
      }
      return sum;
    }, (sum) => {
      const said = [`${count(sum.left, "message")} left`];
      if (sum.not_logged_in) said.push(`${number(sum.not_logged_in)} not logged in`);
      if (sum.not_accepting) said.push(`${number(sum.not_accepting)} accept none`);
      if (sum.has_one) said.push(`${number(sum.has_one)} have one already`);
      return `${said.join(", ")}.`;
    });
  }

  async login() {
    const enabled = !this.now().server.logins;
    const says = ["New logins will be refused.", "Connections that are logged in go on, and keep their licenses."];
    if (!enabled && !await ask({ title: "Disable login?", says, yes: "Disable login" })) return;
    await this.#do(() => call("/api/login", { enabled }), enabled ? "Login is enabled." : "Login is disabled.");
  }

  async mark() {
    const says = [
      "The journal gets a line: the licenses held now are no longer needed.",
      "harness assert --since-mark and harness check go by it. Nothing else changes.",
    ];
    const fields = [{ name: "text", label: "What is done", value: "the work is done", required: true, maxLength: 200 }];
    const given = await ask({ title: "Mark", says, fields, yes: "Mark" });
    if (given) await this.#do(() => call("/api/mark", { text: given.text }), `Marked: ${visible(given.text)}.`);
  }

  async set() {
    const { server } = this.now();
    const before = {
      licenses: String(server.licenses), watchdog: server.watchdog,
      clear_idle: server.clear_idle === null ? "never" : unit(server.clear_idle),
    };
    const fields = [
      { name: "licenses", label: "Licenses", type: "number", min: server.held, max: 65534, note: `${number(server.held)} or more: so many are held.` },
      { name: "watchdog", label: "Watchdog", note: "First delay, delay between, number of its questions; or off. NetWare has 296.6,59.3,10." },
      { name: "clear_idle", label: "Clear idle connections after", note: "30m, 2h, 1d, or never." },
    ].map((field) => ({ ...field, required: true, value: before[field.name] }));
    const given = await ask({ title: "SET parameters", says: ["Changes hold until the server ends."], fields, yes: "Set" });
    if (!given) return;
    const changed = Object.entries(given).map(([name, value]) => [name, value.trim()])
      .filter(([name, value]) => value !== before[name]);
    if (!changed.length) {
      toast("Nothing was changed.");
      return;
    }
    const values = { licenses: Number, watchdog: String, clear_idle: (text) => (text.toLowerCase() === "never" ? null : text) };
    const changes = Object.fromEntries(changed.map(([name, value]) => [name, values[name](value)]));
    const said = changed.map(([name, value]) => `${name} = ${visible(value)}`).join(", ");
    await this.#do(() => call("/api/set", changes), `Set ${said}.`);
  }

  async advance() {
    const says = [
      "The server's clock runs ahead; each deadline on the way is met in its order: watchdog, idle connections, waits.",
      "A client that lives is asked by the watchdog in real time, so it is not cleared. The clock cannot be set back.",
    ];
    const fields = [{ name: "seconds", label: "By", required: true, value: "10m", note: "30s, 10m, 1h30m, 3d" }];
    const given = await ask({ title: "Advance the clock", says, fields, yes: "Advance" });
    if (!given) return;
    toast(`The clock runs ahead by ${visible(given.seconds)}.`);
    await this.#do(() => call("/api/clock/advance", { seconds: given.seconds }), (server) => `The clock stands at ${clock(server.t)}.`);
  }

  async reset() {
    const { server, connections } = this.now();
    const says = [
      `${count(connections.length, "connection")} will end, and ${count(server.held, "license")} will be free again.`,
      "Login is enabled, the peak begins anew, and a server that is down answers again. The journal goes on.",
    ];
    if (!await ask({ title: "Reset the server?", says, yes: "Reset", danger: true })) return;
    await this.#do(() => call("/api/reset", { force: true }), "The server is reset.");
  }

  async down() {
    const { connections, server } = this.now();
    const says = [
      `Every request of the ${count(connections.length, "connection")} will be answered with "server down".`,
      `Nothing is released: ${count(server.held, "license")} will stay held. Only a reset or a new start brings the server back.`,
    ];
    if (!await ask({ title: "Take the server down?", says, yes: "Down", danger: true })) return;
    await this.#do(() => call("/api/down", {}), "The server is down.");
  }

  async save(what, work) {
    const name = `${this.now().server.name.replace(/[^A-Za-z0-9_-]/g, "_")}-${what}`;
    await attempt(() => work(name), `${name} is saved.`);
  }
}

/** All lines that the server has: the oldest ones may be in its file only. */
async function wholeJournal(name) {
  try {
    await download("/api/journal?from=0", name);
  } catch (problem) {
    if (!(problem instanceof Refused) || problem.status !== 410) throw problem;
    await download(`/api/journal?from=${problem.data.oldest}`, name);
  }
}
