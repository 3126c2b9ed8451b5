// The operator's page. Data of the server is inserted as text (textContent), never as markup.
"use strict";

const SHOWN = 40; // lines of the journal
const KEPT = 3600; // seconds of the server's time in the picture
const EVERY = 1000; // milliseconds between two polls
const $ = (id) => document.getElementById(id);
const state = { points: [], limit: 0, refused: 0, next: 0, token: sessionStorage.getItem("token"), t: 0 };

function headers(more) {
  return state.token ? { Authorization: `Bearer ${state.token}`, ...more } : { ...more };
}

async function call(path, body) {
  const options = { headers: headers(body === undefined ? {} : { "Content-Type": "application/json" }) };
  if (body !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  const reply = await fetch(path, options);
  if (reply.status === 401) {
    await requestToken();
    return call(path, body);
  }
  const data = await reply.json();
  if (!reply.ok) throw new Error(data.error);
  return data;
}

function requestToken() {
  const dialog = $("ask");
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    state.token = $("token").value;
    sessionStorage.setItem("token", state.token);
    resolve();
  }, { once: true }));
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

function announce(text) { $("announcement").textContent = text; }

// The table. A row is reused until its connection ends, so that the focus stays in place.

const rows = new Map();

function cell(row, name) {
  const made = document.createElement("td");
  made.className = name;
  row.append(made);
  return made;
}

function addRow(serial) {
  const row = document.createElement("tr");
  row.tabIndex = -1;
  row.dataset.serial = serial;
  for (const name of ["number", "user", "from", "since", "idle", "files"]) cell(row, name);
  const button = document.createElement("button");
  button.type = "button";
  button.tabIndex = -1;
  button.textContent = "Clear";
  button.addEventListener("click", () => clear(row));
  cell(row, "act").append(button);
  rows.set(serial, row);
  return row;
}

function set(element, text) { if (element.textContent !== text) element.textContent = text; }

function fill(row, one) {
  const [number, user, from, since, idle, files] = row.children;
  row.connection = one;
  row.classList.toggle("unlicensed", !one.licensed);
  set(number, String(one.connection));
  set(user, `${one.licensed ? "" : "*"}${one.user ?? "NOT-LOGGED-IN"}`);
  set(from, one.station);
  set(since, clock(one.since));
  set(idle, clock(one.idle));
  set(files, String(one.files.length));
  files.title = one.files.join("\n");
  row.setAttribute("aria-label", `Connection ${one.connection}, ${user.textContent}, idle ${idle.textContent}`);
}

function show(connections) {
  const body = $("rows");
  const there = new Set(connections.map((one) => one.serial));
  const focused = document.activeElement?.closest?.("tr");
  let next = null;
  for (const [serial, row] of rows) {
    if (there.has(serial)) continue;
    if (row === focused) next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    rows.delete(serial);
  }
  connections.forEach((one, at) => {
    const row = rows.get(one.serial) ?? addRow(one.serial);
    fill(row, one);
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
  });
  if (next?.isConnected) next.focus();
  if (![...body.children].some((row) => row.tabIndex === 0) && body.firstElementChild) body.firstElementChild.tabIndex = 0;
  set($("count"), connections.length ? `(${connections.length})` : "");
  $("empty").hidden = connections.length > 0;
}

function move(row, to) {
  if (!to) return;
  row.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

$("rows").addEventListener("keydown", (event) => {
  const row = event.target.closest("tr");
  if (event.target !== row) return;
  const to = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling,
    Home: row.parentElement.firstElementChild, End: row.parentElement.lastElementChild };
  if (event.key in to) move(row, to[event.key]);
  else if (event.key === "Enter" || event.key === "Delete") clear(row);
  else return;
  event.preventDefault();
});

$("rows").addEventListener("focusin", (event) => {
  const row = event.target.closest("tr");
  for (const other of $("rows").children) other.tabIndex = other === row ? 0 : -1;
});

function clear(row) {
  const { connection, user } = row.connection;
  $("question").textContent = `Clear connection ${connection}${user ? ` of ${user}` : ""}?`;
  const dialog = $("confirm");
  dialog.returnValue = "no";
  dialog.showModal();
  $("yes").focus();
  dialog.addEventListener("close", async () => {
    row.focus();
    if (dialog.returnValue !== "yes") return;
    try {
      await call(`/api/connections/${connection}/clear`, {});
      announce(`Connection ${connection} is cleared.`);
      await poll();
    } catch (problem) {
      announce(problem.message);
    }
  }, { once: true });
}

// The chart

function draw() {
  const { points, limit } = state;
  if (!points.length) return;
  const to = Math.max(state.t, points[points.length - 1].t, 1);
  const from = Math.max(0, to - KEPT);
  while (points.length > 1 && points[1].t < from) points.shift();
  const top = Math.max(limit, ...points.map((point) => point.held), 1) * 1.1;
  const x = (t) => ((Math.max(t, from) - from) / (to - from || 1)) * 600;
  const y = (held) => 118 - (held / top) * 114;
  let path = `M${x(points[0].t)} ${y(points[0].held)}`;
  for (const point of points.slice(1)) path += `H${x(point.t)}V${y(point.held)}`;
  path += "H600";
  $("line").setAttribute("d", path);
  $("area").setAttribute("d", `${path}V120H${x(points[0].t)}Z`);
  $("ceiling").setAttribute("d", `M0 ${y(limit)}H600`);
  set($("from"), clock(from));
  set($("to"), clock(to));
}

// The journal

const SENTENCES = {
  grant: (r) => `${subject(r)} took a license`,
  release: (r) => `${subject(r)}: a license is free again (${r.cause})`,
  create: (r) => `${r.station} attached as connection ${r.connection}`,
  close: (r) => `connection ${r.connection} of ${r.station} ended (${r.cause})`,
  deny: (r) => `${r.station} was refused: no ${r.what}`,
  open: (r) => `${subject(r)} opened ${r.path}`,
  idle: (r) => `${subject(r)} has made no request since ${clock(r.since)}`,
  watchdog: (r) => `${subject(r)} and the watchdog: ${r.what}`,
  operator: (r) => `${r.by}: ${r.action} ${r.connection ?? ""} ${r.text ?? ""}`,
  mark: (r) => `marked: ${r.text}`,
  "login-failed": (r) => `${subject(r)}: login failed`,
};

function subject(record) { return `${record.user ?? "connection"} (${record.connection ?? record.unit})`; }

function received(record) {
  if (typeof record.held === "number") {
    state.points.push({ t: record.t, held: record.held });
    state.limit = record.limit;
  }
  if (record.event === "deny") state.refused += 1;
  set($("refused"), String(state.refused));
  const sentence = SENTENCES[record.event];
  if (!sentence) return;
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = clock(record.t);
  item.append(time, sentence(record));
  $("journal").prepend(item);
  while ($("journal").children.length > SHOWN) $("journal").lastElementChild.remove();
}

async function follow() {
  const reply = await fetch(`/api/journal?from=${state.next}`, { headers: headers({ Accept: "text/event-stream" }) });
  if (reply.status === 410) state.next = (await reply.json()).oldest ?? 0;
  if (!reply.ok) throw new Error(`${reply.status}`);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = /^data: (.*)$/m.exec(part);
      if (!data || part.startsWith("event: ")) continue;
      state.next = Number(/^id: (\d+)$/m.exec(part)[1]) + 1;
      received(JSON.parse(data[1]));
    }
    draw();
  }
}

// Polling

async function poll() {
  const [server, table] = await Promise.all([call("/api/server"), call("/api/connections")]);
  state.t = server.t;
  state.limit = server.limit;
  document.title = `${server.name} – ${server.held} of ${server.limit}`;
  set($("name"), server.name);
  set($("about"), `NetWare ${server.release}, policy ${server.policy}, up ${clock(server.t)}${server.down ? ", DOWN" : ""}`);
  for (const name of ["held", "limit", "peak"]) set($(name), String(server[name]));
  set($("login"), server.logins ? "Close login" : "Open login");
  $("login").dataset.open = server.logins;
  show(table.connections);
  draw();
}

async function repeat(work, every) {
  for (;;) {
    try {
      await work();
      set($("link"), "");
      $("link").className = "";
    } catch {
      set($("link"), "The server does not answer; trying again.");
      $("link").className = "lost";
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

$("login").addEventListener("click", async () => {
  const open = $("login").dataset.open !== "true";
  await call("/api/login", { enabled: open }).then(poll, (problem) => announce(problem.message));
  announce(open ? "Login is open." : "Login is closed.");
});
$("mark").addEventListener("click", () => call("/api/mark", { text: "from the page" }).then(
  () => announce("Marked."), (problem) => announce(problem.message)));

repeat(poll, EVERY);
repeat(follow, EVERY);
