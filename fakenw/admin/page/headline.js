// The first line: how the licenses stand, in a sentence with the colour of the state; and banners for what is unusual.

import { $, el, mark, set } from "./dom.js";
import { count, lasted, number, visible, wall, words } from "./text.js";

/** How many units connections hold, and of how many of these each connection has been idle for `idleAfter` seconds. */
function heldUnits(connections, idleAfter) {
  const idle = new Map();
  for (const c of connections) {
    if (c.licensed) idle.set(c.unit, (idle.get(c.unit) ?? true) && c.idle >= idleAfter);
  }
  let found = 0;
  for (const all of idle.values()) found += all;
  return { idle: found, used: idle.size };
}

/** {state, text} of the sentence. */
function sentence(server, connections, refused) {
  const { idle, used } = heldUnits(connections, server.idle_after);
  const full = server.held >= server.limit;
  const parts = [`${number(server.held)} of ${count(server.limit, "license")} out${full ? ": FULL" : ""}`];
  parts.push(refused ? `${number(refused)} refused` : "none refused");
  parts.push(`${idle ? number(idle) : "none"} held idle for over ${words(server.idle_after)}`);
  if (server.policy === "ual" && server.held > used) parts.push(`${number(server.held - used)} assigned to users without a connection`);
  const state = full ? "full" : idle || server.held >= server.limit * 0.9 ? "busy" : "calm";
  return { state, text: parts.join(", ") };
}

export class Headline {
  constructor() {
    this.shown = {};
  }

  show(server, connections, refused) {
    const { state, text } = sentence(server, connections, refused);
    set($("sentence"), text);
    mark($("headline"), "data-state", server.down ? "down" : state);
    document.title = `${server.held}/${server.limit}${state === "full" ? " FULL" : ""} ${visible(server.name)}`;
    set($("name"), visible(server.name));
    const speed = server.speed === 1 ? "" : `, at ${server.speed} times the speed`;
    set($("about"), `NetWare ${visible(server.release)}, up ${lasted(server.t)}${speed}`);
    set($("policy"), visible(server.policy));
    set($("wall"), wall(server, server.t));
    set($("peak"), `peak ${number(server.peak)}`);
    this.banner("down", server.down ? "The server is DOWN: it refuses every request and releases nothing." : "");
    const closed = "Login is disabled: new logins are refused, connections that are logged in go on.";
    this.banner("login", server.logins || server.down ? "" : closed);
  }

  /** Show or, with an empty text, remove the banner of a kind. */
  banner(kind, text) {
    if (this.shown[kind] === text) return;
    this.shown[kind] = text;
    const found = $(`banner-${kind}`);
    if (!text) found?.remove();
    else if (found) found.textContent = text;
    else $("banners").append(el("p", { id: `banner-${kind}`, class: `banner ${kind}` }, text));
  }
}
