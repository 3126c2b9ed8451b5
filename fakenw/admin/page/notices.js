// What the page says and asks: toasts (announced to screen readers), dialogs, the words behind "?".

import { $, el } from "./dom.js";

const SHOWN = 8000; // milliseconds of a toast; one about a failure stays until it is closed
const MOST = 5;

/** Say what has happened. */
export function toast(text, kind = "done") {
  const close = el("button", { type: "button", class: "close", "aria-label": "Close this notice" }, "×");
  const made = el("div", { class: `toast ${kind}` }, el("p", {}, text), close);
  close.addEventListener("click", () => made.remove());
  const region = $(kind === "failed" ? "alerts" : "notices");
  region.append(made);
  while (region.children.length > MOST) region.firstElementChild.remove();
  if (kind !== "failed") setTimeout(() => made.remove(), SHOWN);
}

/** Carry out an action of the operator's and say how it ended. */
export async function attempt(work, said) {
  try {
    const result = await work();
    toast(typeof said === "function" ? said(result) : said);
    return true;
  } catch (problem) {
    toast(problem.message, "failed");
    return false;
  }
}

/**
 * Ask in a dialog. `fields` are [{name, label, ...properties of the input}], `says` sentences about what will happen.
 * Returns the fields' values, or null where the operator has cancelled.
 */
export function ask({ title, says = [], fields = [], yes, danger = false }) {
  const dialog = $("question");
  $("question-fields").replaceChildren();
  const inputs = fields.map(({ label, note, ...properties }) => {
    const id = `field-${properties.name}`;
    const input = el("input", { type: "text", autocomplete: "off", spellcheck: false, ...properties, id });
    const parts = [el("label", { for: id }, label), input];
    if (note) {
      parts.push(el("p", { class: "note", id: `${id}-note` }, note));
      input.setAttribute("aria-describedby", `${id}-note`);
    }
    $("question-fields").append(el("div", { class: "field" }, ...parts));
    return input;
  });
  $("question-title").textContent = title;
  $("question-says").replaceChildren(...says.map((sentence) => el("li", {}, sentence)));
  $("question-yes").textContent = yes;
  $("question-yes").classList.toggle("danger", danger);
  dialog.returnValue = "no";
  dialog.showModal();
  (inputs[0] ?? $("question-yes")).focus();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    resolve(dialog.returnValue === "yes" ? values : null);
  }, { once: true }));
}

$("question-no").addEventListener("click", () => $("question").close("no"));

// A "?" opens its word by a click, which HTML does, and while the pointer is over it.
for (const button of document.querySelectorAll("button[popovertarget]")) {
  const word = $(button.getAttribute("popovertarget"));
  let hovered = false;
  word.addEventListener("beforetoggle", () => {
    const { left, bottom } = button.getBoundingClientRect();
    word.style.left = `${Math.max(8, Math.min(left - 12, innerWidth - 340))}px`;
    word.style.top = `${bottom + 6}px`;
  });
  button.addEventListener("pointerenter", (event) => {
    if (event.pointerType !== "mouse" || word.matches(":popover-open")) return;
    hovered = true;
    word.showPopover();
  });
  button.addEventListener("pointerleave", () => {
    if (hovered) word.hidePopover();
    hovered = false;
  });
  button.addEventListener("click", (event) => {
    if (!hovered) return;
    hovered = false; // the pointer has opened it, and the click keeps it open
    event.preventDefault();
  });
}
