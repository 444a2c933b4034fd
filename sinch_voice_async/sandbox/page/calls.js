// The list of calls, and everything about the one that is selected.

import * as api from "./api.js";
import { newCall } from "./dialogs.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { go, hashOf, isCurrent, showQuery } from "./routes.js";
import { attempt, calls, changed, copy, now, state, toast } from "./store.js";
import { back, button, code, copier, empty, facts, link, list, move, pill, rewind, tabs } from "./ui.js";
import { EVENTS, bytes, count, ended, kind, minutes, number, other, outcome, plain, seconds, time } from "./words.js";
import { ask } from "./dialogs.js";
import { recording } from "./player.js";

const nameOf = (call) => call.callId;
const FILTERS = [["", "All"], ["live", "Live"], ["failed", "Failed"], ["completed", "Completed"]];
const TONES = { ok: "c-live", ring: "c-ring", bad: "c-bad", done: "c-done" };
let searches = 0;
let loading = "";

/** Search from now on for this text in these calls, a moment after the last key. */
export function search(text, filter = calls.filter.state ?? "", wait = 150) {
  calls.query = text;
  calls.filter = { state: filter };
  rewind("calls");
  changed();
  clearTimeout(searches);
  searches = setTimeout(() => {
    showQuery("calls", text);
    attempt(() => calls.search(text, { state: filter }));
  }, wait);
}

export const step = (by) => move("calls", calls.items, nameOf, selectedId(), by, (id) => hashOf("call", id));

/** The call that is looked at: the one of the address; on a wide screen without one, the newest. */
export const selectedId = () => {
  if (state.route.view !== "calls") return "";
  return state.route.id || (innerWidth > 760 && calls.items[0]?.callId) || "";
};

const offered = new Set();

/** Select a call that begins to ring for a person, unless something was selected a moment ago. Each is offered once. */
export function selectRinging(list) {
  const ringing = list.filter((call) => call.waits && !offered.has(call.callId)).at(-1);
  for (const call of list) if (call.waits) offered.add(call.callId);
  const idle = Date.now() - state.selectedAt > 10_000 || !state.route.id;
  const here = state.route.view === "calls" && isCurrent() && innerWidth > 760 && !state.dialog;
  if (ringing && idle && here) {
    history.replaceState(null, "", hashOf("call", ringing.callId));
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

/** Load the call that is looked at. */
export async function load(id) {
  // The list comes first: where every call is known, one that is not in the list is gone.
  if (!calls.loaded) return undefined;
  if (!calls.isSearch && !calls.next && !calls.byId.has(id)) {
    state.call = { missing: true, callId: id };
    return changed();
  }
  try {
    const call = await api.call(id);
    if (selectedId() === id) state.call = call;
  } catch (error) {
    if (selectedId() === id && !(error instanceof api.Gone)) state.call = { missing: true, callId: id };
  }
  return changed();
}

function row(call, isSelected) {
  const { word, tone } = outcome(call);
  const isLive = call.status !== "FINAL";
  const lasts = minutes(now() - (call.answeredAt ?? call.placedAt));
  return h("a", { class: "row", href: hashOf("call", call.callId), "aria-current": String(isSelected), onclick: selected },
    h("span", { class: TONES[tone] }, icon(call.dialledIn ? "in" : "out")),
    h("b", { class: "num" }, number(other(call))),
    h("span", { class: `right num ${isLive ? TONES[tone] : "plain"}` }, isLive ? `${word} ${lasts}` : time(call.date)),
    h("span", { class: "sub" },
      tone === "bad" ? [h("em", { class: "c-bad" }, word), " · "] : tone === "done" ? h("span", { class: "num" }, `${minutes(call.duration)} · `) : null,
      words(call, word)));
}

const selected = () => { state.selectedAt = Date.now(); };

/** The last words of a call, or what there is to say instead. */
function words(call, word) {
  if (word === "Callback failed") return call.failure;
  if (call.waits) return "Rings on a phone that a person answers";
  if (call.conferenceId) return `In conference ${call.conferenceId}`;
  if (call.said) return plain(call.said);
  if (call.status === "FINAL" && call.result === "BUSY") return "The line was busy";
  return kind(call);
}

function confirmClear() {
  const { query } = calls;
  ask(`Clear ${count(calls.count)} ${calls.count === 1 ? "call" : "calls"}?`, "Calls that go on stay, and so do recordings.", "Clear", () => api.clearCalls({ q: query, state: calls.filter.state }));
}

export function view() {
  const { items, query, filter } = calls;
  const none = calls.isSearch
    ? empty("No call matches", query ? `No call matches “${query}”.` : "No call is in this state.", button("Clear the search", () => search("", "", 0)))
    : empty("No calls yet", "Place one from your program, or here.", button("New call", newCall, { kind: "main" }));
  const shown = `${count(items.length)} of ${count(calls.isSearch ? calls.count : Math.max(calls.total, items.length))} shown`;
  return [
    list({
      name: "calls", title: "Calls", total: count(calls.total), placeholder: "Number, text, id, or kind:tts", query, search: (text) => search(text),
      chips: FILTERS, chip: filter.state ?? "", choose: (value) => search(query, value, 0),
      items, nameOf, row, none: calls.loaded ? none : empty("Loading…"), selected: selectedId(), added: calls.added,
      foot: [h("span", {}, shown), items.length > 0 && button("Clear", confirmClear, { kind: "quiet small" })],
      action: button("New call", newCall, { ic: "plus", "aria-keyshortcuts": "n" }), more: () => attempt(() => calls.more()),
    }),
    detail(),
  ];
}

function detail() {
  const id = selectedId();
  const call = state.call;
  if (calls.loaded && id && call?.callId !== id && loading !== id) {
    loading = id;
    load(id).finally(() => { loading = ""; });
  }
  if (!id) return h("section", { class: "detail", "aria-label": "Call", key: "none" }, empty("No call selected", "Calls appear here as they are placed."));
  if (call?.missing && call.callId === id) return h("section", { class: "detail", "aria-label": "Call", key: "none" }, back("calls", "Calls"), empty("This call is gone", "It was cleared, or it is from before the sandbox was started."));
  if (call?.callId !== id) return h("section", { class: "detail", "aria-label": "Call", key: id }, back("calls", "Calls"), empty("Loading…"));
  return whole(call);
}

function whole(call) {
  const { word, tone } = outcome(call);
  const isLive = call.status !== "FINAL";
  const chosen = state.route.params.get("tab") || (state.route.params.get("event") ? "events" : "transcript");
  const callbacks = call.timeline.filter((entry) => entry.kind === "answer");
  return h("article", { class: "detail", "aria-label": "Call", key: call.callId },
    back("calls", "Calls"),
    h("div", { class: "head" },
      h("h1", { class: "num", tabindex: "-1" }, number(other(call))), pill(tone === "done" ? "none" : tone, word),
      h("div", { class: "acts" },
        button("Copy link", () => copy(link(hashOf("call", call.callId)), "the link"), { kind: "quiet", ic: "link" }),
        copier("Copy id", call.callId, "the call id"),
        isLive ? button("Hang up", () => attempt(() => api.putDown(call.callId)), { kind: "stop" }) : button("Call again", () => again(call), { ic: "again" }))),
    facts([
      [call.dialledIn ? "To" : "From", number(call.dialledIn ? call.to : call.from || "no number")],
      ["Kind", kind(call)], ["Placed", time(call.date), call.date],
      call.ringSeconds !== null && ["Rang", seconds(call.ringSeconds)],
      call.answeredAt === null ? !isLive && ["Talked", "never"] : ["Talked", minutes(isLive ? now() - call.answeredAt : call.duration)],
      ["Cost", `${call.debit.toFixed(4)} USD`],
      !isLive && ["Ended", ended(call.reason), call.reason],
      call.conferenceId && ["Conference", h("a", { href: hashOf("conference", call.conferenceId) }, call.conferenceId)],
      call.custom && ["Custom", call.custom, call.custom],
    ]),
    problem(call),
    lanes(call),
    tabs("Call", [
      ["transcript", "Transcript", 0, () => transcript(call)],
      ["events", "Events", call.timeline.length, () => events(call)],
      ["callbacks", "Callbacks", callbacks.length, () => callbackRows(callbacks)],
      ["svaml", "SVAML", 0, () => svaml(call)],
      ["request", "Request", 0, () => requestTab(call)],
    ], chosen, (tab) => go(hashOf("call", call.callId, `&tab=${tab}`), { replace: true })),
    call.recordings.map((key) => recording(key)));
}

async function again(call) {
  await attempt(async () => {
    const placed = call.dialledIn ? await api.dialIn(call.from, call.to, call.parties[0]?.kind) : await api.callout(call.request);
    toast("Placed again");
    go(hashOf("call", placed.callId));
  });
}

/** What went wrong with a call, and what to do. */
function problem(call) {
  if (call.timeline.some((entry) => entry.kind === "note" && entry.text.startsWith("no callback URL"))) {
    return h("div", { class: "verdict info", key: "problem" }, icon("info"), h("b", {}, "No application answers this call: no callback URL is set."),
      h("p", {}, h("a", { class: "btn", href: "#settings" }, "Set it"), " ", h("a", { class: "btn", href: "#svaml" }, "Answer from this page")));
  }
  const failed = call.timeline.find((entry) => entry.kind === "answer" && entry.data.error);
  const illegal = call.timeline.find((entry) => entry.text === "illegal SVAML");
  if (failed) {
    return h("div", { class: "verdict", key: "problem" }, icon("no"), h("b", {}, `The ${EVENTS[failed.text] ?? failed.text} callback failed: ${failed.data.error}.`),
      h("p", {}, failed.requestId && h("a", { href: hashOf("request", failed.requestId) }, "See the request and why")));
  }
  if (illegal) return h("div", { class: "verdict", key: "problem" }, icon("no"), h("b", {}, "The SVAML of the application was not valid."), h("p", {}, String(illegal.data.error)));
  return null;
}

/** The call as lanes over its time. */
function lanes(call) {
  const end = call.endedAt ?? now();
  const length = Math.max(0.5, end - call.placedAt);
  const at = (moment) => Math.min(1, Math.max(0, (moment - call.placedAt) / length)).toFixed(4);
  const part = (tone, from, until, text) => h("span", { class: `seg ${tone}`, title: text, "--a": at(from), "--w": Math.max(0, at(until) - at(from)).toFixed(4) }, text);
  const lane = (label, marks) => marks.length > 0 && h("div", { class: "lane", key: label }, label, h("div", { class: "track" }, marks));
  const states = call.timeline.filter((entry) => entry.kind === "state");
  const of = (name) => states.find((entry) => entry.text === name)?.at;
  const rings = of("ringing");
  const answered = call.answeredAt;
  const heard = call.transcript.map((each, index) => part("say", each.at, Math.min(each.at + each.seconds, call.transcript[index + 1]?.at ?? end, end), plain(each.text) || each.file));
  const keys = call.timeline.filter((entry) => entry.kind === "keys").map((entry) => h("span", { class: "key", "--a": at(entry.at) }, entry.text));
  const ticks = call.timeline.filter((entry) => entry.kind === "answer").map((entry) => h("span", { class: `tick ${entry.data.error ? "c-bad" : "c-ok"}`, "--a": at(entry.at), title: entry.data.error || "" }, EVENTS[entry.text] ?? entry.text));
  const between = (begin, stop) => call.timeline.filter((entry) => begin(entry)).map((entry) => [entry.at, call.timeline.find((later) => later.at > entry.at && stop(later))?.at ?? end]);
  const records = between((entry) => /^startRecording$/i.test(entry.text), (entry) => /^stopRecording$/i.test(entry.text));
  const sits = between((entry) => entry.kind === "state" && entry.text === "conference", (entry) => entry.kind === "state");
  const streams = between((entry) => entry.kind === "state" && entry.text === "stream", (entry) => entry.kind === "state" && entry.text === "final");
  const { levels } = call;
  const shape = (heights) => levels && heights.length > 0 && h("svg", { class: "levels", viewBox: `0 0 ${heights.length} 2`, preserveAspectRatio: "none", "--a": at(levels.at), "--w": Math.max(0, at(levels.at + heights.length * levels.every) - at(levels.at)).toFixed(4) }, h("path", { d: outline(heights) }));
  const says = [rings !== undefined && `rings for ${seconds((answered ?? end) - rings)}`, answered !== null && `talks for ${seconds(end - answered)}`, `${heard.length} prompts`, keys.length && `keys ${keys.map((each) => each.children[0]).join("")}`, `${ticks.length} callbacks`].filter(Boolean).join(", ");
  return h("div", { class: "card lanes", role: "img", "aria-label": `Timeline: ${says}`, key: "lanes" },
    lane("Call", [
      rings !== undefined && part("ring", rings, answered ?? end, `Ringing ${seconds((answered ?? end) - rings)}`),
      answered !== null && part("talk", answered, end, `Talking ${seconds(end - answered)}`),
    ].filter(Boolean)),
    lane("Prompts", heard), lane("Keys", keys), lane("Callbacks", ticks),
    lane("Recording", records.map(([from, until]) => part("rec", from, until, `Recording ${seconds(until - from)}`))),
    lane("Conference", sits.map(([from, until]) => part("talk", from, until, call.conferenceId || "Conference"))),
    lane("Stream", streams.map(([from, until]) => part("say", from, until, `Stream ${seconds(until - from)}`))),
    lane("Caller", [shape(levels?.caller ?? [])].filter(Boolean)), lane("Server", [shape(levels?.server ?? [])].filter(Boolean)),
    h("div", { class: "axis num", key: "axis" }, axis(length).map((mark) => h("span", { "--a": (mark / length).toFixed(4), key: mark }, mark === length ? seconds(mark) : `${mark} s`))));
}

/** How loud a stream was, as a shape around the middle of its lane; speech is seldom louder than a third. */
function outline(heights) {
  const high = heights.map((height) => Math.max(0.06, Math.min(1, height * 2.5)));
  const above = high.map((each, x) => `${x} ${(1 - each).toFixed(2)} ${x + 1} ${(1 - each).toFixed(2)}`);
  const below = high.map((each, x) => `${x + 1} ${(1 + each).toFixed(2)} ${x} ${(1 + each).toFixed(2)}`).reverse();
  return `M${[...above, ...below].join(" ")}Z`;
}

/** Round seconds along a time, and its end; none so near the end that the two would overlap on a phone. */
function axis(length) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600].find((each) => length / each <= 5) ?? length;
  const marks = [];
  for (let mark = 0; mark < length - step * 0.8; mark += step) marks.push(Number(mark.toFixed(2)));
  return [...marks, length];
}

const since = (call, at) => h("time", {}, seconds(Math.max(0, at - call.placedAt)));

function transcript(call) {
  const marks = call.timeline.flatMap((entry) => mark(call, entry));
  const said = call.transcript.map((each, index) => [each.at, 1, h("li", { key: `said ${index}` }, since(call, each.at),
    h("div", { class: "bubble", lang: /^[a-z]{2,3}(-\w+)*$/i.test(each.locale) ? each.locale : null }, plain(each.text) || `♪ ${each.file}`, each.locale && h("small", {}, each.locale)))]);
  const all = [...marks, ...said].sort((one, two) => one[0] - two[0] || one[1] - two[1]).map(([, , item]) => item);
  return all.length ? h("ol", { class: "talk-list" }, all) : h("p", { class: "soft" }, call.status === "FINAL" ? "Nothing was said." : "Nothing was said yet.");
}

function mark(call, entry) {
  const item = (text, ...more) => [[entry.at, 0, h("li", { key: entry.id }, since(call, entry.at), h("div", { class: "mark" }, text, more))]];
  if (entry.kind === "keys") return item("Pressed", h("span", { class: "key" }, entry.text));
  if (entry.kind !== "state") return [];
  if (entry.text === "answered") return item(call.ringSeconds ? `Answered after ${seconds(call.ringSeconds)}` : "Answered");
  if (entry.text === "conference") return item(`Joined the conference ${call.conferenceId}`);
  if (entry.text === "connected") return item(`Connected with ${number(entry.data.endpoint ?? "")}`);
  if (entry.text === "final") return item(`Ended ${ended(call.reason)}`);
  return [];
}

function events(call) {
  const wanted = Number(state.route.params.get("event"));
  return h("ol", { class: "events" }, call.timeline.map((entry) => {
    const { endpoint, error, status, url, reason } = entry.data;
    const about = String(error || url || endpoint || reason || "");
    const shows = ["instruction", "action", "managed", "callback", "answer", "note"].includes(entry.kind) && Object.keys(entry.data).length > 0;
    return h("li", { key: entry.id, id: `event-${entry.id}`, class: entry.id === wanted ? "wanted" : null, ref: entry.id === wanted ? (node) => once(node) : null },
      since(call, entry.at), h("b", { class: "soft" }, entry.kind),
      shows
        ? h("details", {}, h("summary", {}, EVENTS[entry.text] ?? entry.text, about && h("small", {}, ` ${about}`)), code(entry.data, `${entry.kind} ${entry.text}`))
        : h("span", {}, plain(entry.text), about && h("small", {}, ` ${about}`)),
      entry.requestId
        ? h("a", { href: hashOf("request", entry.requestId), class: error ? "c-bad" : null }, status ? String(status) : "no answer")
        : h("a", { class: "faint", href: hashOf("call", call.callId, `&event=${entry.id}`), "aria-label": `Link to event ${entry.id}` }, "#"));
  }));
}

function once(node) {
  if (node.seen) return;
  node.seen = true;
  node.scrollIntoView({ block: "center" });
}

function callbackRows(entries) {
  if (!entries.length) return h("p", { class: "soft" }, "No callback was sent. Set a callback URL in Settings.");
  return h("ul", { class: "plain" }, entries.map((entry) => h("li", { key: entry.id }, h("a", { class: "row", href: entry.requestId ? hashOf("request", entry.requestId) : null },
    h("span", { class: entry.data.error ? "c-bad" : "c-done" }, icon("out")), h("b", {}, `${EVENTS[entry.text] ?? entry.text} ${entry.data.url ?? ""}`),
    h("span", { class: `right num ${entry.data.error ? "c-bad" : "c-ok"}` }, entry.data.status ? String(entry.data.status) : "no answer"),
    h("span", { class: "sub" }, entry.data.error ?? (entry.data.body ? "answered with SVAML" : "no SVAML in the answer"))))));
}

function svaml(call) {
  const steps = [];
  for (const event of ["ice", "ace", "pie", "dice"]) {
    const inline = call.request?.customCallout?.[event];
    if (typeof inline === "string" && inline.trim().startsWith("{")) steps.push([`${EVENTS[event]}, in the callout`, inline, []]);
  }
  for (const entry of call.timeline) {
    if (entry.kind === "answer" && entry.data.body) steps.push([`${EVENTS[entry.text] ?? entry.text}, answered by the application`, entry.data.body, entry.svamlFaults ?? []]);
    if (entry.kind === "note" && entry.data.svaml) steps.push([entry.text, entry.data.svaml, []]);
    if (entry.kind === "managed") steps.push([`Sent by PATCH for ${entry.text}`, entry.data.svaml, []]);
  }
  if (!steps.length) return h("p", { class: "soft" }, "No SVAML ran in this call.");
  return steps.map(([title, document, faults], index) => h("section", { key: index }, h("h2", {}, title),
    faults.map((fault) => h("p", { class: "fault", key: fault.path }, h("code", {}, fault.path || "document"), " ", fault.message)), code(document, title)));
}

function requestTab(call) {
  if (call.dialledIn) return h("p", { class: "soft" }, `${number(call.from)} dialled ${number(call.to)}. No request placed this call.`);
  const placed = call.timeline.length ? h("p", { class: "soft" }, h("a", { href: `#requests?q=${encodeURIComponent(`call:${call.callId}`)}` }, "All requests about this call")) : null;
  return [placed, code(call.request, "Request"), h("p", { class: "faint" }, bytes(JSON.stringify(call.request).length))];
}
