// The server's API: requests, the stream of the journal, downloads; and which start of the server answers.

import { $ } from "./dom.js";

let token = sessionStorage.getItem("token");
let instance = null;
let asking = null;
let stream = null; // stops the stream of the journal

/** The instance of the server that has answered last. */
export const answering = () => instance;

/** Fires `instance` when another start of the server answers than before. */
export const answers = new EventTarget();

/** The server refused a request; `status` is that of HTTP, `data` the answer. */
export class Refused extends Error {
  constructor(status, data) {
    super(data.error);
    Object.assign(this, { status, data });
  }
}

/** Nothing answers, or the stream was ended. */
export class Unreachable extends Error {}

/** Another start of the server has answered: what the page shows is of the one before. */
export class Restarted extends Error {}

function noticed(reply) {
  const now = reply.headers.get("X-Instance");
  if (now === null || now === instance) return;
  const before = instance;
  instance = now;
  if (before === null) return;
  unfollow();
  answers.dispatchEvent(new Event("instance"));
  throw new Restarted("The server has started anew.");
}

/** End the stream of the journal; `follow` can go on later. */
export function unfollow() {
  stream?.abort();
}

async function accepted(reply) {
  noticed(reply);
  if (!reply.ok) throw new Refused(reply.status, await reply.json().catch(unreachable));
  return reply;
}

function unreachable() {
  throw new Unreachable("The server does not answer.");
}

async function request(path, options = {}) {
  for (;;) {
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const reply = await fetch(path, { ...options, headers }).catch(unreachable);
    if (reply.status === 401) await requestToken();
    else return reply;
  }
}

function requestToken() {
  asking ??= new Promise((resolve) => {
    const dialog = $("ask");
    dialog.showModal();
    dialog.addEventListener("close", () => {
      token = $("token").value;
      sessionStorage.setItem("token", token);
      asking = null;
      resolve();
    }, { once: true });
  });
  return asking;
}

/** GET a path, or POST the body to it. Raises Refused, Restarted and Unreachable. */
export async function call(path, body) {
  const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return (await accepted(await request(path, body === undefined ? {} : post))).json().catch(unreachable);
}

/** What a path returns, as text. */
export async function read(path) {
  return (await accepted(await request(path))).text().catch(unreachable);
}

/** Keep what a path returns as a file of the operator's. */
export async function download(path, name) {
  const reply = await accepted(await request(path));
  const url = URL.createObjectURL(await reply.blob().catch(unreachable));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * Follow the journal from a record's number on, until the stream ends. `began` gets the stream's first event: the
 * numbers of the first record that is stored and of the next one; `told` gets each batch, a list of [number, record].
 * Raises Refused with the status 410 and the `oldest` number where the record is no longer stored.
 */
export async function follow(from, began, told) {
  const path = `/api/journal?from=${from}${instance ? `&instance=${instance}` : ""}`;
  stream = new AbortController();
  const reply = await accepted(await request(path, { headers: { Accept: "text/event-stream" }, signal: stream.signal }));
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read().catch(unreachable);
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    const batch = [];
    for (const event of events) {
      const [, name, id, data] = /^(?:event: (\w+)\n|id: (\d+)\n)data: (.*)$/.exec(event) ?? [];
      if (name === "server") await began(JSON.parse(data));
      else if (id) batch.push([Number(id), JSON.parse(data)]);
    }
    if (batch.length) told(batch);
  }
}
