// Values as text: strings of clients, numbers, durations, times.

// Control, format, private and unassigned characters, lone surrogates, what has no width, separators but for the blank.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;
const ISOLATE = "\u2068";
const END_OF_ISOLATE = "\u2069";

function escaped(character) {
  const code = character.codePointAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
}

/** A string of a client: characters that cannot be seen, or that reorder others, as escapes. */
export function visible(value) {
  const text = String(value).replace(UNSEEN, escaped);
  return RIGHT_TO_LEFT.test(text) ? ISOLATE + text + END_OF_ISOLATE : text;
}

const NUMBER = new Intl.NumberFormat("en");

export const number = (value) => NUMBER.format(value);

/** "1 license", "450 licenses". */
export function count(value, word, words = `${word}s`) {
  return `${number(value)} ${value === 1 ? word : words}`;
}

const two = (value) => String(value).padStart(2, "0");

/** Seconds of the server's time as H:MM:SS. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

/** A duration with its units, the two largest. */
export function lasted(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${number(Math.floor(hours / 24))} d ${hours % 24} h`;
  if (hours) return `${hours} h ${two(minutes % 60)} min`;
  if (minutes) return `${minutes} min ${two(whole % 60)} s`;
  return `${whole} s`;
}

/** A duration as the server takes it: "1h30m". */
export function unit(seconds) {
  const parts = [];
  for (const [size, name] of [[86400, "d"], [3600, "h"], [60, "m"]]) {
    if (seconds >= size) parts.push(Math.floor(seconds / size) + name);
    seconds %= size;
  }
  if (seconds >= 1 || !parts.length) parts.push(`${Math.floor(seconds)}s`);
  return parts.join("");
}

/** A round duration in words: "5 minutes". */
export function words(seconds) {
  for (const [size, word] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    if (seconds >= size && seconds % size === 0) return count(seconds / size, word);
  }
  return count(Math.round(seconds * 10) / 10, "second");
}

/** The server's wall time at its time `t`, by what /api/server said: "2026-01-01 09:00:12 UTC". */
export function wall(server, t) {
  const date = new Date(Date.parse(`${server.utc.replace(/(\+00:00|Z)$/, "")}Z`) + (t - server.t) * 1000);
  return Number.isNaN(date.getTime()) ? "" : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
