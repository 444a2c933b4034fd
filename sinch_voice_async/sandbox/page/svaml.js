// The SVAML workbench: an editor with completion and faults, the menus as a picture, and a try on the test phone.

import * as api from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { connect, phone } from "./phone.js";
import { go, hashOf } from "./routes.js";
import { attempt, changed, state, toast } from "./store.js";
import { button, colour, field, pill } from "./ui.js";

const FIRST = {
  instructions: [{ name: "say", text: "Welcome to the sandbox.", locale: "en-GB" }],
  action: {
    name: "runMenu", barge: true,
    menus: [{ id: "main", mainPrompt: "#tts[Press 1 for opening hours, or 2 for more.]", options: [{ dtmf: "1", action: "return(hours)" }, { dtmf: "2", action: "menu(more)" }] },
      { id: "more", mainPrompt: "#tts[Press 1 to leave a message.]", options: [{ dtmf: "1", action: "return(message)" }] }],
  },
};
const EVENTS = [["ice", "ICE: an incoming call"], ["ace", "ACE: a call is answered"], ["pie", "PIE: keys were pressed"], ["dice", "DiCE: a call is over"], ["call", "PATCH: a call goes on"]];
const it = { text: localStorage.getItem("sandbox.svaml") || JSON.stringify(FIRST, null, 2), event: "ice", faults: [], menus: { nodes: [], edges: [] }, schema: null, choices: [], choice: 0, prefix: "", answers: {}, checked: "", area: null };
let checks = 0;

export async function load() {
  it.schema ??= await api.svamlSchema();
  it.answers = (await api.answers()).answers;
  const wanted = state.route.params.get("event");
  if (wanted && EVENTS.some(([name]) => name === wanted)) it.event = wanted;
  await check();
}

async function check() {
  const asked = (checks += 1);
  const found = await api.checkSvaml(it.text, it.event);
  if (asked !== checks) return;
  Object.assign(it, { faults: found.faults, menus: found.menus, checked: it.text });
  changed();
}

let soon = 0;
function edited(text) {
  it.text = text;
  localStorage.setItem("sandbox.svaml", text);
  clearTimeout(soon);
  soon = setTimeout(() => attempt(check), 200);
  changed();
}

const steps = () => {
  const { instructions, action } = it.schema?.properties ?? {};
  return [...(instructions?.items.oneOf ?? []), ...(action?.oneOf ?? [])];
};

/** What may stand at a place of the text: after `"name": "`, a step; at the begin of a member, the step's members. */
function complete(area) {
  const before = area.value.slice(0, area.selectionStart);
  const nameOf = /"name"\s*:\s*"(\w*)$/.exec(before);
  const member = /[{,]\s*"(\w*)$/.exec(before);
  const allowed = steps().filter((each) => each["x-events"].includes(it.event));
  let found = [];
  if (nameOf) found = allowed.map((each) => ({ text: each.properties.name.const, about: each.description }));
  else if (member) {
    const step = [...before.matchAll(/"name"\s*:\s*"(\w+)"/g)].at(-1)?.[1]?.toLowerCase();
    const shape = steps().find((each) => each.properties.name.const.toLowerCase() === step);
    const members = { ...(shape?.properties ?? { instructions: {}, action: {}, name: {} }), ...(step === "runmenu" ? { ...shape.properties.menus.items.properties, ...shape.properties.menus.items.properties.options.items.properties } : {}) };
    found = Object.entries(members).map(([text, each]) => ({ text, about: each.description ?? "" }));
  }
  it.prefix = (nameOf ?? member)?.[1] ?? "";
  it.choices = found.filter((each) => each.text.toLowerCase().startsWith(it.prefix.toLowerCase()) && each.text !== it.prefix).slice(0, 8);
  it.choice = 0;
}

function accept(area) {
  const chosen = it.choices[it.choice];
  area.setRangeText(chosen.text.slice(it.prefix.length) + (area.value[area.selectionEnd] === '"' ? "" : '"'), area.selectionStart, area.selectionEnd, "end");
  it.choices = [];
  edited(area.value);
}

function keys(event) {
  const area = event.target;
  if (it.choices.length) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) it.choice = (it.choice + by + it.choices.length) % it.choices.length;
    if (event.key === "Escape") it.choices = [];
    if (event.key === "Enter") accept(area);
    if (by || ["Escape", "Enter"].includes(event.key)) {
      event.preventDefault();
      event.stopPropagation();
      return changed();
    }
  }
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    complete(area);
    return changed();
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.stopPropagation();
    return attempt(tryIt);
  }
  return undefined;
}

/** The line of a fault: where the last name of its path stands, as far as it can be told. */
function lineOf(fault) {
  if (fault.line) return fault.line;
  const parts = fault.path.match(/[A-Za-z]\w*|\d+/g) ?? [];
  let from = 0;
  for (const part of parts) {
    if (/^\d+$/.test(part)) {
      for (let skip = 0; skip < Number(part); skip += 1) from = Math.max(from, it.text.indexOf("{", from + 1));
      continue;
    }
    const at = it.text.toLowerCase().indexOf(`"${part.toLowerCase()}"`, from);
    if (at >= 0) from = at;
  }
  return it.text.slice(0, from).split("\n").length;
}

function editor() {
  const lines = it.text.split("\n").length;
  const marked = new Map(it.faults.map((fault) => [lineOf(fault), fault.severity]));
  return h("div", { class: "editor", key: "editor" },
    h("div", { class: "gutter", "aria-hidden": "true", ref: (node) => { it.gutter = node; } }, Array.from({ length: Math.min(lines, 2_000) }, (_, line) => h("span", { key: line, class: marked.get(line + 1) ?? null }, String(line + 1)))),
    h("div", { class: "paper" },
      h("pre", { class: "code under", "aria-hidden": "true", own: true, ref: (node) => {
        it.under = node;
        if (node.shown === it.text) return;
        node.shown = it.text;
        node.replaceChildren(document.createTextNode(`${it.text}\n`));
        colour(node);
      } }),
      h("textarea", {
        id: "svaml-text", class: "mono", spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-label": "SVAML", "aria-autocomplete": "list", "aria-controls": it.choices.length ? "choices" : null,
        "aria-activedescendant": it.choices.length ? `choice-${it.choice}` : null, "aria-invalid": String(it.faults.some((fault) => fault.severity === "error")), value: it.text,
        oninput: (event) => { edited(event.target.value); complete(event.target); }, onkeydown: keys, onblur: () => { it.choices = []; changed(); }, ref: (node) => { it.area = node; },
        onscroll: (event) => { it.under.scrollTop = it.gutter.scrollTop = event.target.scrollTop; it.under.scrollLeft = event.target.scrollLeft; },
      }),
      it.choices.length > 0 && h("ul", { class: "choices", role: "listbox", id: "choices", "aria-label": "Completions" }, it.choices.map((each, place) =>
        h("li", { key: each.text, id: `choice-${place}`, role: "option", "aria-selected": String(place === it.choice), onmousedown: (event) => { event.preventDefault(); it.choice = place; accept(it.area); it.area.focus(); } }, h("b", {}, each.text), h("small", {}, each.about))))));
}

const WIDE = 122;
const STEP = 150;

/** The menus as boxes and arrows; three columns of them fit beside the editor. */
function picture() {
  const { nodes, edges } = it.menus;
  if (!nodes.length) return h("p", { class: "soft" }, "No menus in this document.");
  const depth = new Map([[nodes[0].id, 0]]);
  for (let pass = 0; pass < nodes.length; pass += 1) for (const edge of edges) if (depth.has(edge.from) && !depth.has(edge.to)) depth.set(edge.to, depth.get(edge.from) + 1);
  const columns = new Map();
  const at = new Map();
  for (const node of nodes) {
    const column = depth.get(node.id) ?? 0;
    const row = columns.get(column) ?? 0;
    columns.set(column, row + 1);
    at.set(node.id, { x: 4 + column * STEP, y: 12 + row * 74 });
  }
  const width = 8 + (columns.size - 1) * STEP + WIDE;
  const height = 12 + Math.max(...columns.values()) * 74;
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const words = `Menus: ${edges.map((edge) => `${edge.from}, key ${edge.key}, leads to ${edge.to}`).join("; ") || nodes.map((node) => node.id).join(", ")}`;
  return h("div", { class: "picture", tabindex: "0", role: "region", "aria-label": "Picture of the menus" }, h("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": words },
    edges.map((edge, place) => {
      const from = at.get(edge.from);
      const to = at.get(edge.to);
      if (!from || !to) return null;
      const back = to.x <= from.x;
      const y = from.y + 14 + (edges.filter((each, before) => before < place && each.from === edge.from).length % 3) * 16;
      const curve = back ? `M${from.x + 61} ${from.y + 54}C${from.x + 61} ${from.y + 86},${to.x + 61} ${to.y + 86},${to.x + 61} ${to.y + 56}` : `M${from.x + WIDE} ${y}C${from.x + WIDE + 16} ${y},${to.x - 16} ${to.y + 27},${to.x - 3} ${to.y + 27}`;
      return h("g", { key: `edge ${place}`, class: "edge" }, h("path", { d: curve }), h("text", { x: back ? from.x + 67 : from.x + WIDE + 3, y: back ? from.y + 68 : y - 4 }, edge.key));
    }),
    nodes.map((node) => h("g", { key: `node ${node.id}`, class: `node ${node.kind}` }, h("rect", { x: at.get(node.id).x, y: at.get(node.id).y, width: WIDE, height: 54, rx: 9 }),
      h("text", { x: at.get(node.id).x + 11, y: at.get(node.id).y + 23, class: "name" }, cut(node.id, 15)), h("text", { x: at.get(node.id).x + 11, y: at.get(node.id).y + 41 }, cut(node.kind === "menu" ? node.text.replace(/^#\w+\[|\]$/g, "") : "to the application", 19))))));
}

const hasErrors = () => it.faults.some((fault) => fault.severity === "error");

async function tryIt() {
  await check();
  if (hasErrors()) return toast("Mend the faults first.");
  const svaml = JSON.parse(it.text);
  if (!phone.connected) await connect(true);
  if (it.event === "ice") {
    await api.setAnswer("ice", { svaml, when: "always", times: 1 });
    const call = await api.dialIn("+46105551200", "+46105551201");
    return go(hashOf("call", call.callId));
  }
  if (it.event === "ace") {
    await api.setAnswer("ace", { svaml, when: "always", times: 1 });
    const ice = JSON.stringify({ action: { name: "connectPstn", number: phone.own, cli: "+46105551200" } });
    const call = await api.callout({ method: "customCallout", customCallout: { ice, enableAce: true, enableDice: true, enablePie: true } });
    return go(hashOf("call", call.callId));
  }
  return toast("ICE and ACE can be tried: they begin a call.");
}

const answer = (when) => attempt(async () => {
  await check();
  if (hasErrors()) return toast("Mend the faults first.");
  await api.setAnswer(it.event, { svaml: JSON.parse(it.text), when });
  it.answers = (await api.answers()).answers;
  return toast(`${it.event.toUpperCase()} is answered from this page until you clear it`);
});

export function view() {
  const errors = it.faults.filter((fault) => fault.severity === "error").length;
  const answered = Object.entries(it.answers);
  const canAnswer = ["ice", "ace", "pie"].includes(it.event);
  return h("div", { class: "wide-view broad", key: "svaml" },
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "SVAML"), it.checked && (errors ? pill("bad", `${errors} ${errors === 1 ? "fault" : "faults"}`) : pill("ok", "Valid")),
      h("div", { class: "acts" }, button("Format", () => attempt(() => { edited(JSON.stringify(JSON.parse(it.text), null, 2)); }), { kind: "quiet" }), button("Try it on the test phone", () => attempt(tryIt), { kind: "main", ic: "phone", "aria-keyshortcuts": "Control+Enter" }))),
    h("div", { class: "bench" },
      h("div", {}, field("It answers", h("select", { id: "svaml-event", onchange: (event) => { it.event = event.target.value; attempt(check); } }, EVENTS.map(([name, label]) => h("option", { value: name, selected: name === it.event }, label)))), editor(),
        h("p", { class: "faint" }, "Ctrl-Space completes, Ctrl-Enter tries.")),
      h("div", {}, h("h2", {}, "Faults"), h("div", { role: "status" }, it.faults.length ? h("ul", { class: "plain faults" }, it.faults.map((fault, place) => h("li", { key: place, class: `fault ${fault.severity}` }, icon(fault.severity === "error" ? "no" : "info"), h("span", {}, h("code", {}, fault.path || "document"), " ", fault.message, h("small", {}, ` line ${lineOf(fault)}`))))) : h("p", { class: "soft" }, "None: the platform accepts this document here.")),
        h("h2", {}, "Menus"), picture(),
        canAnswer && h("div", {}, h("h2", {}, "Answer for the application"), h("p", { class: "soft" }, "Use this document when your application does not answer, or in its place."),
          h("div", { class: "two" }, button("When it does not answer", () => answer("noAnswer")), button("Always", () => answer("always"), { kind: "quiet" }))),
        answered.length > 0 && h("ul", { class: "plain" }, answered.map(([event, each]) => h("li", { key: event, class: "setting" }, h("span", {}, `${event.toUpperCase()} is answered from this page${each.when === "always" ? "" : " when the application does not answer"}${each.times ? `, ${each.times} left` : ""}.`),
          button("Clear", () => attempt(() => api.clearAnswer(event).then(load)), { kind: "quiet" })))))));
}
