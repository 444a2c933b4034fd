// The list of calls, newest first, and everything about the one that was chosen.

import { at, element, minutes, plain } from "./elements.js";
import * as exchange from "./exchange.js";

const MOST = 200;
const DETAILED = new Set(["callback", "answer", "instruction", "action", "managed"]);

const rows = new Map();
let chosen = null;
let shown = { timeline: 0, transcript: 0 };

/** Take note of calls that changed. */
export function follow(calls) {
  for (const call of calls) row(call);
  while (rows.size > MOST) forget(rows.keys().next().value);
  at("none").hidden = rows.size > 0;
  if (calls.some((call) => call.callId === chosen)) refresh();
}

/** Forget every call, for the state from now on comes anew. */
export function clear() {
  for (const callId of [...rows.keys()]) forget(callId);
  if (!chosen) return;
  chosen = null;
  at("call-title").textContent = "One call";
  at("detail").replaceChildren(element("p", { className: "hint" }, "The exchange forgot every call."));
}

function forget(callId) {
  rows.get(callId).remove();
  rows.delete(callId);
}

function row(call) {
  if (!rows.has(call.callId)) {
    const button = element("button", { type: "button" });
    button.addEventListener("click", () => choose(call.callId));
    const item = element("li", {}, button);
    rows.set(call.callId, item);
    at("list").prepend(item);
  }
  const button = rows.get(call.callId).firstChild;
  button.dataset.state = mood(call);
  button.setAttribute("aria-current", String(call.callId === chosen));
  button.replaceChildren(
    element("b", {}, call.to || "somebody"),
    element("span", {}, call.dialledIn ? `from ${call.from}` : call.method.replace("Callout", " callout")),
    element("em", {}, summary(call)),
  );
}

/** How a call is doing, in the words that the style sheet colours. */
function mood(call) {
  if (call.status !== "FINAL") return call.result === "ANSWERED" ? "talking" : "ringing";
  return call.result === "ANSWERED" ? "over" : "failed";
}

function summary(call) {
  if (call.status !== "FINAL") return call.result === "ANSWERED" ? "answered" : "ringing";
  return call.result === "ANSWERED" ? minutes(call.duration) : call.result.toLowerCase();
}

async function choose(callId) {
  rows.get(chosen)?.firstChild.setAttribute("aria-current", "false");
  rows.get(callId)?.firstChild.setAttribute("aria-current", "true");
  chosen = callId;
  shown = { timeline: 0, transcript: 0 };
  at("detail").replaceChildren(
    element("dl", { id: "facts" }),
    element("h3", {}, "What was said"),
    element("ol", { id: "transcript" }),
    element("h3", {}, "Timeline"),
    element("ol", { id: "timeline" }),
    element("details", {}, element("summary", {}, "The request"), element("pre", { id: "request" })),
  );
  await refresh();
  at("call").focus();
}

async function refresh() {
  const call = await exchange.call(chosen).catch(() => null);
  // Meanwhile it may have been forgotten, or another one chosen.
  if (!call || call.callId !== chosen) return;
  at("call-title").textContent = call.to || "One call";
  facts(call);
  at("request").textContent = JSON.stringify(call.request, null, 2);
  at("transcript").append(...call.transcript.slice(shown.transcript).map((each) => said(each)));
  at("timeline").append(...call.timeline.slice(shown.timeline).map((each) => happened(each, call.placedAt)));
  // Answers may overtake each other: what is shown never shrinks.
  shown.timeline = Math.max(shown.timeline, call.timeline.length);
  shown.transcript = Math.max(shown.transcript, call.transcript.length);
}

function facts(call) {
  const members = {
    From: call.from || "–", Status: call.status, Result: call.result, Reason: call.reason,
    Duration: minutes(call.duration), Cost: `${call.debit.toFixed(4)} USD`, Custom: call.custom || "–", Id: call.callId,
  };
  at("facts").replaceChildren(
    ...Object.entries(members).map(([name, value]) => element("div", { className: name }, element("dt", {}, name), element("dd", {}, value))),
  );
}

function said(entry) {
  const source = plain(entry.text) || `♪ ${entry.file}`;
  return element("li", { lang: entry.locale || "" }, source, entry.locale ? element("small", {}, entry.locale) : null);
}

function happened(entry, since) {
  const { endpoint, error, status, url } = entry.data;
  const where = element("small", {}, String(endpoint || error || status || url || ""));
  const data = DETAILED.has(entry.kind)
    ? element("details", {}, element("summary", {}, entry.text, " ", where), element("pre", {}, JSON.stringify(entry.data, null, 2)))
    : element("p", {}, plain(entry.text), " ", where);
  const item = element("li", {}, element("time", {}, `${(entry.at - since).toFixed(1)} s`), element("b", {}, entry.kind), data);
  item.dataset.kind = entry.data.error ? "error" : entry.kind;
  return item;
}
