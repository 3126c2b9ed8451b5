// The operator's page: what it knows of the server, and the two loops that follow it.

import { answers, call, follow, read, Refused, Restarted, unfollow, Unreachable } from "./api.js";
import { Actions } from "./actions.js";
import { Chart } from "./chart.js";
import { Connections } from "./connections.js";
import { $ } from "./dom.js";
import { Headline } from "./headline.js";
import { Journal } from "./journal.js";
import { toast } from "./notices.js";
import { lasted, visible } from "./text.js";

const EVERY = 1000; // milliseconds between two looks at the server
const SHARE = 10; // a look at the connections that takes long is followed by a pause of so many times as long
const AFTER_FAILURE = [500, 1000, 2000]; // milliseconds before the next try

const HIDDEN = 5000; // milliseconds between two looks while the page is in the background
const FRESH = { connections: [], refused: 0, counted: 0, next: 0, gap: false, ahead: 0, running: null };
// `counted`: refusals of records before this number are in `refused`; `gap`: records are missing before `next`;
// `ahead`: seconds by which the clock was advanced; `running`: those by which it is being advanced.
const seen = { ...FRESH, server: null };
const headline = new Headline();
const connections = new Connections();
const journal = new Journal();
const chart = new Chart();
const actions = new Actions(() => seen, () => look(true).catch(() => {}));
let reached = false; // the last look had an answer
let failures = 0;
let failedAt = null;
let listAgain = 0; // when the list of connections is due
let looking = null;

connections.addEventListener("act", ({ detail: { name, connections: chosen } }) => {
  if (name === "clear") actions.clear(chosen);
  else if (name === "message") actions.message(chosen);
  else {
    journal.follow(chosen[0]);
    showPane("journal");
  }
});

function show() {
  const { server } = seen;
  if (!server) return;
  headline.show(server, seen.connections, seen.refused);
  const ahead = lasted(Math.round(seen.ahead));
  headline.banner("running", seen.running === null ? "" : `The clock runs ahead by ${lasted(seen.running)}.`);
  headline.banner("advanced", seen.ahead ? `The clock was advanced by ${ahead}: the server's times are ahead of the room's.` : "");
  journal.server = chart.server = server;
  connections.show(seen.connections, server);
  actions.show(server);
  chart.plan();
}

/** Look at the server, and at its connections where these are due or wanted. Two looks at the same time are one. */
function look(wanted = false) {
  if (looking && wanted) return looking.catch(() => {}).then(() => look(true));
  looking ??= (async () => {
    const began = performance.now();
    const due = wanted || began >= listAgain;
    const [server, table] = await Promise.all([call("/api/server"), due ? call("/api/connections") : null]);
    const ended = performance.now();
    if (table) listAgain = ended + (ended - began) * SHARE;
    Object.assign(seen, { server, connections: table?.connections ?? seen.connections });
    for (const c of seen.connections) c.idle = Math.max(0, server.t - c.last_request);
    show();
  })().finally(() => { looking = null; });
  return looking;
}

function startAnew() {
  Object.assign(seen, FRESH);
  listAgain = 0;
  failedAt = null;
  journal.clear();
  chart.clear();
  connections.clear();
  toast("The server has started anew: its journal, its times and its connections begin again.", "news");
}

answers.addEventListener("instance", startAnew);

/** The stream begins. Where records are missing, only the metrics know how many clients were refused. */
async function began({ next }) {
  headline.banner("unfollowed", "");
  if (!seen.gap) return;
  const denials = (await read("/metrics")).matchAll(/^fakenw_denials_total\{[^}]*\} (\S+)$/gm);
  seen.refused = [...denials].reduce((sum, [, value]) => sum + Number(value), 0);
  Object.assign(seen, { counted: next, gap: false });
}

function received(batch) {
  const records = batch.map(([, record]) => record);
  for (const [number, record] of batch) {
    if (record.event === "deny" && number >= seen.counted) seen.refused += 1;
    else if (record.event === "operator" && record.action === "clock-advance") seen.running = record.seconds;
    else if (record.event === "advanced") {
      seen.ahead += record.seconds;
      seen.running = null;
    }
  }
  seen.next = batch[batch.length - 1][0] + 1;
  journal.add(records);
  chart.add(records);
}

function lost(reason) {
  failures += 1;
  reached = false;
  failedAt ??= new Date();
  document.body.classList.add("stale");
  const at = failedAt.toTimeString().slice(0, 8);
  const numbers = seen.server ? " What stands here is of then." : "";
  const what = reason ? `The server is not shown since ${at}: ${reason}` : `The server has not answered since ${at}`;
  headline.banner("lost", `${what}; trying again.${numbers}`);
}

function found() {
  if (failedAt !== null) toast(`The server answers again, after ${lasted((Date.now() - failedAt) / 1000)}.`, "news");
  reached = true;
  failures = 0;
  failedAt = null;
  document.body.classList.remove("stale");
  headline.banner("lost", "");
}

const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function watch() {
  for (;;) {
    const began = performance.now();
    try {
      await look();
      found();
    } catch (problem) {
      if (problem instanceof Restarted) continue; // what it has answered is of another journal
      if (!(problem instanceof Refused || problem instanceof Unreachable)) reportError(problem); // a defect of the page
      lost(problem instanceof Unreachable ? "" : visible(problem.message));
    }
    if (!reached) await rest(AFTER_FAILURE[Math.min(failures, AFTER_FAILURE.length) - 1]);
    else await rest(document.hidden ? HIDDEN : Math.max(EVERY - (performance.now() - began), EVERY / 10));
  }
}

/** Follow the journal; not in the background, where the stream would take one of the few connections of the browser. */
async function listen() {
  for (;;) {
    let pause = EVERY / 10;
    try {
      if (reached && !document.hidden) await follow(seen.next, began, received);
    } catch (problem) {
      if (problem.status === 410) Object.assign(seen, { next: problem.data.oldest, gap: true });
      else if (problem instanceof Refused && problem.status !== 409) {
        headline.banner("unfollowed", `The journal is not followed: ${visible(problem.message)}`);
        pause = HIDDEN;
      } else if (!(problem instanceof Unreachable || problem instanceof Refused || problem instanceof Restarted)) {
        reportError(problem);
      }
    }
    await rest(pause);
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) unfollow();
  else look().then(found, () => {});
});

// On a phone one part is shown at a time.
function showPane(name) {
  document.body.dataset.pane = name;
  for (const tab of $("tabs").children) tab.setAttribute("aria-pressed", tab.dataset.pane === name);
}

for (const tab of $("tabs").children) tab.addEventListener("click", () => showPane(tab.dataset.pane));
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey) return;
  if (event.target.matches("input, select") || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  $("search").focus();
});

watch();
listen();
