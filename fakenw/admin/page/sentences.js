// The journal's records as sentences, in the words of `fakenw journal`.

import { clock, count, lasted, visible } from "./text.js";

const CAUSES = {
  login: "at login", request: "because it asked for one", service: "by using a file", create: "by attaching",
  logout: "by logging out", destroy: "by destroying its connection", unlicense: "by asking for it", lost: "its socket closed",
  watchdog: "it did not answer the watchdog", cleared: "an operator cleared it", reinitialize: "the station attached anew",
  "idle-policy": "it was idle", stalled: "it did not read its replies", "bad-signature": "a packet had a bad signature",
  busy: "it repeated a request too often", expired: "the assignment ended", reset: "an operator reset the server",
};

const cause = (r) => CAUSES[r.cause] ?? visible(r.cause);
const subject = (r) => `${r.user == null ? "not logged in" : visible(r.user)} (${r.connection ?? "no connection"})`;

const ACTIONS = {
  clear: (r) => `clears connection ${r.connection}`,
  message: (r) => `leaves ${subject(r)} a message: ${visible(r.text)}`,
  "console-message": (r) => `says: ${visible(r.text)}`,
  "enable-login": () => "enables login",
  "disable-login": () => "disables login",
  "clock-advance": (r) => `advances the clock by ${r.seconds === undefined ? visible(r.text) : lasted(r.seconds)}`,
  set: (r) => `sets ${visible(r.text)}`,
  reset: () => "resets the server",
  down: () => "takes the server down",
};

function acted(r) {
  const action = ACTIONS[r.action]?.(r) ?? [visible(r.action), r.connection, r.text === undefined ? undefined : visible(r.text)]
    .filter((part) => part !== undefined).join(" ");
  return `${r.by === "admin" ? "operator" : visible(r.by)}: ${action}`;
}

function faulty(r) {
  const numbers = [["by", " s"], ["percent", " %"], ["way", ""], ["ncp", ""]].filter(([name]) => r[name] !== undefined);
  const of = r.station == null ? "all stations" : visible(r.station);
  return `${[visible(r.what), ...numbers.map(([name, unit]) => `${visible(r[name])}${unit}`)].join(" ")}, ${of}`;
}

// Event -> [the kind, which has a colour; the sentence].
const SENTENCES = {
  start: ["server", (r) => `the server begins: ${count(r.licenses, "license")}, policy ${visible(r.policy)}`],
  grant: ["grant", (r) => `${subject(r)} took a license ${cause(r)}`],
  release: ["release", (r) => `${r.connection === undefined ? visible(r.unit) : subject(r)}: a license is free again, ${cause(r)}`],
  create: ["quiet", (r) => `${visible(r.station)} attached as connection ${r.connection}`],
  close: ["quiet", (r) => `connection ${r.connection} of ${visible(r.station)} ended: ${cause(r)}`],
  deny: ["deny", (r) => `${r.user == null ? visible(r.station) : subject(r)} was refused: no ${visible(r.what)} is free`],
  login: ["quiet", (r) => `${subject(r)} logged in${r.signed ? ", signed" : ""}`],
  "login-failed": ["deny", (r) => `${subject(r)}: login failed`],
  "bad-signature": ["deny", (r) => `${subject(r)}: ${count(r.packets, "packet")} with a bad signature`],
  open: ["quiet", (r) => `${subject(r)} opened ${visible(r.path)}`],
  shut: ["quiet", (r) => `${subject(r)} closed ${visible(r.path)}`],
  idle: ["idle", (r) => `${subject(r)} has made no request since ${clock(r.since)}, and keeps its license`],
  busy: ["quiet", (r) => `${subject(r)} is active again`],
  watchdog: ["idle", (r) => `${subject(r)} and the watchdog: ${visible(r.what)}`],
  operator: ["operator", acted],
  advanced: ["operator", (r) => `the clock has jumped by ${lasted(Math.round(r.seconds))}`],
  fault: ["operator", (r) => `fault ${r.id} ${r.state === "begin" ? "begins" : "ends"}: ${faulty(r)}`],
  mark: ["mark", (r) => `marked: ${visible(r.text)}`],
  unserved: ["deny", (r) => `out of descriptors: ${count(r.clients, "client")} disconnected at once`],
  unsupported: ["deny", (r) => `${subject(r)} asked for NCP ${visible(r.ncp)}, which the server lacks`],
  stop: ["server", () => "the server has ended in order"],
};

/** [kind, sentence] of a record, null for an event without a sentence. */
export function sentence(record) {
  const found = SENTENCES[record.event];
  return found ? [found[0], found[1](record)] : null;
}
