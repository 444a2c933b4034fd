// Where the page is: `#view`, or `#kind=id`, with further parts after an ampersand.

import { changed, state } from "./store.js";

const GROUPS = { call: "calls", request: "requests", conference: "conferences", number: "numbers" };

export function read() {
  state.route = parse();
}

/** Whether the address still names what is shown: it changes before its event is heard. */
export function isCurrent() {
  const { view, id } = parse();
  return view === state.route.view && id === state.route.id;
}

function parse() {
  const text = location.hash.slice(1);
  const [head, ...rest] = text.split("&");
  const [name, id = ""] = split(head.split("?")[0]);
  const params = new URLSearchParams(rest.join("&") || head.split("?")[1] || "");
  return { view: GROUPS[name] ?? name, id: decode(id), params, isItem: name in GROUPS };
}

function split(head) {
  const at = head.indexOf("=");
  return at < 0 ? [head, ""] : [head.slice(0, at), head.slice(at + 1)];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const hashOf = (kind, id, more = "") => `#${kind}=${encodeURIComponent(id)}${more}`;

/** Name in the address what is searched for, unless the person has gone elsewhere since the last key. */
export function showQuery(view, text) {
  if (state.route.view !== view || !isCurrent()) return;
  if (text) history.replaceState(null, "", `#${view}?q=${encodeURIComponent(text)}`);
  else if (location.hash.startsWith(`#${view}?`)) history.replaceState(null, "", `#${view}`);
}

/** Go somewhere; the way back leads to where the page was before, unless it only moved along a list. */
export function go(hash, { replace = false } = {}) {
  state.selectedAt = Date.now();
  if (replace) {
    history.replaceState(null, "", hash);
    read();
    changed();
  } else location.hash = hash;
}
