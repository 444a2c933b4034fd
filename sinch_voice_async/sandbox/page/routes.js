// Where the page is: `#view`, or `#kind=id`, with further parts after an ampersand.

import { changed, state } from "./store.js";

const GROUPS = { call: "calls", request: "requests", conference: "conferences", number: "numbers" };

export function read() {
  const text = location.hash.slice(1);
  const [head, ...rest] = text.split("&");
  const [name, id = ""] = split(head.split("?")[0]);
  const params = new URLSearchParams(rest.join("&") || head.split("?")[1] || "");
  state.route = { view: GROUPS[name] ?? name, id: decode(id), params, isItem: name in GROUPS };
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

/** Go somewhere; the way back leads to where the page was before, unless it only moved along a list. */
export function go(hash, { replace = false } = {}) {
  state.selectedAt = Date.now();
  if (replace) {
    history.replaceState(null, "", hash);
    read();
    changed();
  } else location.hash = hash;
}
