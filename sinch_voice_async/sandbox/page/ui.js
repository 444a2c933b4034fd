// Parts that several views are made of.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { changed, copy } from "./store.js";
import { go } from "./routes.js";

export const button = (label, act, { kind = "", ic = null, ...members } = {}) =>
  h("button", { type: "button", class: `btn ${kind}`, onclick: act, ...members }, ic && icon(ic), label);

export const pill = (tone, text, title) => h("span", { class: `pill ${tone}`, title }, h("span", { class: "dot" }), text);
export const facts = (entries) =>
  h("dl", { class: "facts" }, entries.filter(Boolean).map(([name, value, title]) => h("div", { key: name }, h("dt", {}, name), h("dd", { title }, value))));
export const copier = (label, text, what, members = {}) => button(label, () => copy(typeof text === "function" ? text() : text, what), { kind: "quiet", ic: "copy", ...members });
export const link = (hash) => `${location.origin}${location.pathname}${hash}`;
export const empty = (title, text, ...more) => h("div", { class: "empty" }, h("b", {}, title), text && h("p", {}, text), more);
export const back = (view, label) => h("a", { class: "back btn quiet", href: `#${view}` }, icon("back"), label);

/** A switch that is on or off. */
export const toggle = (label, on, act, members = {}) =>
  h("button", { type: "button", class: "switch", role: "switch", "aria-checked": String(Boolean(on)), "aria-label": label, onclick: act, ...members });

const ROW = 58;
const AROUND = 6;
const places = new Map();

/** A list with a search, filters, and rows of which only those in sight exist. */
export function list({ name, title, total, placeholder, query, search, chips = [], chip = "", choose, items, nameOf, row, none, foot, action, more, added = 0, selected }) {
  return h("section", { class: "list", "aria-label": title, key: `list ${name}` },
    h("header", {},
      h("h1", {}, title, total !== undefined && h("small", { class: "num" }, total), action),
      h("div", { class: "search", role: "search" }, icon("find"),
        h("input", { type: "search", placeholder, "aria-label": `Search ${title.toLowerCase()}`, value: query, id: `search-${name}`, autocomplete: "off", spellcheck: "false", oninput: (event) => search(event.target.value) }),
        h("kbd", { "aria-hidden": "true" }, "/")),
      chips.length > 0 && h("div", { class: "chips", role: "group", "aria-label": "Filter" }, chips.map(([value, label]) =>
        h("button", { type: "button", class: "chip", "aria-pressed": String(chip === value), onclick: () => choose(value) }, label)))),
    rows(name, items, nameOf, row, none, more, added, selected),
    h("div", { class: "foot" }, foot));
}

function rows(name, items, nameOf, row, none, more, added, selected) {
  const place = places.get(name) ?? { top: 0, height: 900, added };
  places.set(name, place);
  // What came on top must not move what is looked at further down.
  const shift = (added - place.added) * ROW;
  place.added = added;
  if (shift && place.node?.scrollTop > 0) place.wanted = place.top = place.node.scrollTop + shift;
  const first = Math.max(0, Math.floor(place.top / ROW) - AROUND);
  const last = Math.min(items.length, Math.ceil((place.top + place.height) / ROW) + AROUND);
  if (more && last > items.length - 100) queueMicrotask(more);
  const shown = items.slice(first, last);
  return h("div", {
    class: "rows", key: `rows ${name}`,
    onscroll: place.onscroll ??= (event) => { place.top = event.target.scrollTop; changed(); },
    ref: (node) => {
      place.node = node;
      if (node.clientHeight && node.clientHeight !== place.height) { place.height = node.clientHeight; changed(); }
      if (place.wanted !== undefined) { node.scrollTop = place.wanted; place.wanted = undefined; }
    },
  }, items.length === 0 ? none : h("ul", { class: "space", role: "list", "--rows": items.length },
    shown.map((item, index) => h("li", { key: nameOf(item), "--at": first + index, "aria-setsize": items.length, "aria-posinset": first + index + 1 }, row(item, nameOf(item) === selected)))));
}

/** Show a list from its top again, for it has other rows. */
export function rewind(name) {
  const place = places.get(name);
  if (place) place.wanted = place.top = 0;
}

/** Bring a row of a list into sight. */
export function reveal(name, index) {
  const place = places.get(name);
  if (!place?.node) return;
  const top = index * ROW;
  if (top < place.node.scrollTop) place.node.scrollTop = top;
  else if (top + ROW > place.node.scrollTop + place.node.clientHeight) place.node.scrollTop = top + ROW - place.node.clientHeight;
  place.top = place.node.scrollTop;
}

/** Move the selection by one row. */
export function move(name, items, nameOf, selected, by, route) {
  const at = items.findIndex((item) => nameOf(item) === selected);
  const next = Math.max(0, Math.min(items.length - 1, at < 0 ? 0 : at + by));
  if (!items[next]) return;
  reveal(name, next);
  go(route(nameOf(items[next])));
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\b\d[\d.eE+-]*\b/g;
const COLOURED = 65_536;
const names = ["json-key", "json-text", "json-value"];
const highlights = typeof Highlight === "function" && CSS.highlights ? names.map((name) => [name, new Highlight()]) : [];
for (const [name, highlight] of highlights) CSS.highlights.set(name, highlight);

/** JSON as one text node, coloured without a line of markup; of a long one, the beginning is coloured. */
export function colour(node) {
  for (const range of node.ranges ?? []) for (const [, highlight] of highlights) highlight.delete(range);
  node.ranges = [];
  const text = node.firstChild;
  if (!text || !highlights.length) return;
  for (const found of text.data.slice(0, COLOURED).matchAll(TOKEN)) {
    const range = new StaticRange({ startContainer: text, startOffset: found.index, endContainer: text, endOffset: found.index + (found[1] ?? found[0]).length });
    node.ranges.push(range);
    highlights[found[2] ? 0 : found[1] ? 1 : 2][1].add(range);
  }
}

/** Show JSON or text. `label` names it for screen readers. */
export function code(value, label, key) {
  const text = typeof value === "string" ? pretty(value) : JSON.stringify(value, null, 2);
  return h("pre", {
    class: "code", tabindex: "0", role: "region", "aria-label": label, own: true, key,
    ref: (node) => {
      if (node.shown === text) return;
      node.shown = text;
      node.replaceChildren(document.createTextNode(text));
      colour(node);
    },
  });
}

/** A text as indented JSON if it is JSON of a bearable size. */
export function pretty(text) {
  if (text.length > 200_000) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** A group of tabs with their panel. */
export function tabs(name, wanted, chosen, choose) {
  const at = wanted.findIndex(([id]) => id === chosen);
  const active = wanted[Math.max(0, at)];
  const onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = wanted[(Math.max(0, at) + by + wanted.length) % wanted.length];
    choose(next[0]);
    requestAnimationFrame(() => document.getElementById(`tab-${next[0]}`)?.focus());
  };
  return [
    h("div", { class: "tabs", role: "tablist", "aria-label": name, key: "tabs", onkeydown }, wanted.map(([id, label, count]) =>
      h("button", { type: "button", role: "tab", id: `tab-${id}`, key: id, "aria-controls": "panel", "aria-selected": String(id === active[0]), tabindex: id === active[0] ? "0" : "-1", onclick: () => choose(id) },
        label, count > 0 && h("small", {}, ` ${count}`)))),
    h("div", { role: "tabpanel", id: "panel", key: `panel ${active[0]}`, "aria-labelledby": `tab-${active[0]}` }, active[3]()),
  ];
}

/** A labelled field with its note and what is wrong with it. */
export const field = (label, control, { note, wrong, id } = {}) =>
  h("label", { class: "field", key: id ?? label }, h("span", {}, label), control, note && h("small", {}, note), h("span", { class: "err", role: "alert" }, wrong || null));
