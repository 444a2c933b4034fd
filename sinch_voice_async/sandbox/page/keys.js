// The keyboard: everything that the mouse does. Keys are off in text fields.

import * as callsView from "./calls.js";
import * as conferencesView from "./conferences.js";
import { help, newCall } from "./dialogs.js";
import * as phone from "./phone.js";
import * as requestsView from "./requests.js";
import { go, hashOf } from "./routes.js";
import { copy, state } from "./store.js";
import { link } from "./ui.js";

const STEPS = { calls: callsView.step, requests: requestsView.step, conferences: conferencesView.step };
const GOES = { c: "calls", r: "requests", f: "conferences", n: "numbers", s: "settings" };
const KINDS = { calls: "call", requests: "request", conferences: "conference" };
let goes = 0;

const typing = (target) => target.matches?.("input:not([type=checkbox]), textarea, select");

export function keydown(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const form = event.target.closest?.("form") ?? document.querySelector("dialog form");
    if (form) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape") escape(event);
  else if (!typing(event.target) && !state.dialog) plain(event);
}

function escape(event) {
  if (state.dialog) return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) menu.open = false;
  else if (typing(event.target)) event.target.blur();
  else if (state.route.id) go(`#${state.route.view}`);
}

function plain(event) {
  const { view, id } = state.route;
  const { key } = event;
  if (event.target.closest?.(".phone") && /^[0-9*#]$/.test(key)) return act(event, () => phone.press(key));
  if (Date.now() - goes < 1_200 && GOES[key]) {
    goes = 0;
    return act(event, () => go(`#${GOES[key]}`));
  }
  const does = {
    "/": () => document.querySelector("main input[type=search]")?.focus(),
    j: () => STEPS[view || "calls"]?.(1), k: () => STEPS[view || "calls"]?.(-1),
    g: () => { goes = Date.now(); }, n: () => newCall(), "?": help,
    a: () => phone.answer(), d: () => phone.hangUp(),
    c: () => id && KINDS[view] && copy(link(hashOf(KINDS[view], id)), "the link"),
    r: () => view === "requests" && requestsView.resendSelected(),
    ".": () => view === "requests" && requestsView.pause(),
  }[key];
  return does && act(event, does);
}

function act(event, does) {
  event.preventDefault();
  does();
}

