// Elements of the page. Text goes in by textContent only, never as markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`data-` and `aria-` names, `class` and `role` are attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "class" || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Set the text of an element; an unchanged one is not touched, so that a selection in it stays. */
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute, likewise. */
export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element. */
export function svg(tag, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}
