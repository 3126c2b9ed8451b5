// A little comfort: everything is there without it.
"use strict";
const main = document.querySelector("main");
const runs = [...document.querySelectorAll("details.run")];
if (runs.length > 1) {
  const button = document.createElement("button");
  const any = () => runs.some((run) => !run.open);
  const name = () => { button.textContent = any() ? "open all runs" : "close all runs"; };
  button.addEventListener("click", () => { const open = any(); runs.forEach((run) => { run.open = open; }); name(); });
  runs.forEach((run) => run.addEventListener("toggle", name));
  name();
  main.insertBefore(button, runs[0]);
}
const follow = () => {
  const run = location.hash && document.getElementById(location.hash.slice(1));
  if (run) { run.open = true; run.scrollIntoView(); }
};
addEventListener("hashchange", follow);
follow();
