// The log of requests, and the inspector: what was sent, what came back, and why a signature was refused.

import * as api from "./api.js";
import { ask, close, show } from "./dialogs.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { go, hashOf, showQuery } from "./routes.js";
import { attempt, changed, copy, requests, state, toast } from "./store.js";
import { back, button, code, copier, empty, facts, field, link, list, move, pill, rewind } from "./ui.js";
import { EVENTS, bytes, count, time, took } from "./words.js";

const nameOf = (entry) => entry.id;
const FILTERS = [["", "All"], ["direction:api", "API"], ["direction:callback", "Callbacks"], ["failed:yes", "Failed"]];
const filter = { chip: "", text: "" };
let searches = 0;

export function search(text, chip = filter.chip, wait = 150) {
  Object.assign(filter, { text, chip });
  rewind("requests");
  changed();
  clearTimeout(searches);
  searches = setTimeout(() => {
    showQuery("requests", text);
    attempt(() => requests.search([chip, text].filter(Boolean).join(" "), {}));
  }, wait);
}

export const step = (by) => move("requests", requests.items, nameOf, selectedId(), by, (id) => hashOf("request", id));
const selectedId = () => (state.route.view === "requests" ? state.route.id : "");

export function pause() {
  requests.paused = !requests.paused;
  if (!requests.paused) attempt(() => requests.reload());
  changed();
}

/** Load the request that is looked at, and find out what is wrong with its signature. */
export async function load(id) {
  try {
    const entry = await api.request(id);
    if (state.route.id !== id) return;
    state.request = entry;
    changed();
    if (entry.direction === "api" && entry.signature.verdict === "invalid" && entry.signature.scheme === "application") {
      const found = await api.explain(id);
      if (state.request?.id === id) state.request = { ...state.request, explained: found };
    }
  } catch (error) {
    if (state.route.id === id && !(error instanceof api.Gone)) state.request = { missing: true, id };
  }
  changed();
}

const title = (entry) => (entry.direction === "callback" ? `${EVENTS[entry.event] ?? "Callback"} ${hostOf(entry.url)}` : `${entry.method} ${entry.path}`);

function hostOf(url) {
  try {
    const parts = new URL(url);
    return parts.host + parts.pathname;
  } catch {
    return url;
  }
}

const statusOf = (entry) => h("span", { class: `right num ${entry.failed ? "c-bad" : "c-ok"}` }, entry.status ? String(entry.status) : "no answer");

function row(entry, isSelected) {
  const about = entry.direction === "callback" ? entry.error ?? (entry.resentFrom ? `resent from ${entry.resentFrom}` : entry.fallback ? "fallback URL" : "callback") : entry.userAgent || entry.peer;
  return h("a", { class: "row", href: hashOf("request", entry.id), "aria-current": String(isSelected) },
    h("span", { class: entry.direction === "api" ? "c-blue" : "c-done" }, icon(entry.direction === "api" ? "in" : "out")), h("b", {}, title(entry)), statusOf(entry),
    h("span", { class: "sub num" }, `${time(entry.at)} · ${took(entry.ms)} · ${about}`));
}

export function view() {
  const { items } = requests;
  const none = requests.isSearch
    ? empty("No request matches", filter.text ? `No request matches “${filter.text}”.` : "", button("Clear the search", () => search("", "", 0)))
    : empty("No requests yet", "What your program sends, and what the sandbox sends to it, appears here.", h("a", { class: "btn main", href: "#welcome" }, "Connect an application"));
  return [
    list({
      name: "requests", title: "Requests", total: count(requests.total), placeholder: "Path, status:401, event:ace, call id", query: filter.text, search: (text) => search(text),
      chips: FILTERS, chip: filter.chip, choose: (value) => search(filter.text, value, 0),
      items, nameOf, row, none: requests.loaded ? none : empty("Loading…"), selected: selectedId(), added: requests.added,
      foot: [h("span", {}, requests.isSearch ? `${count(items.length)} of ${count(requests.count)} shown` : "The newest 5,000 are kept"),
        button(requests.paused ? "Resume" : "Pause", pause, { kind: "quiet small", "aria-keyshortcuts": ".", "aria-pressed": String(requests.paused) })],
      action: button("Clear", () => ask(`Clear ${count(requests.count)} requests?`, "Calls stay.", "Clear", () => api.clearRequests({ q: requests.query })), { disabled: items.length === 0 }),
      more: () => attempt(() => requests.more()),
    }),
    detail(),
  ];
}

function detail() {
  const id = selectedId();
  const entry = state.request;
  const shell = (...more) => h("section", { class: "detail", "aria-label": "Request", key: `request ${id || "none"}` }, id && back("requests", "Requests"), more);
  if (!id) return shell(empty("No request selected", "Press j to select the newest request."));
  if (entry?.missing && entry.id === id) return shell(empty("This request is gone", "It was cleared, or newer requests have taken its place."));
  if (entry?.id !== id) return shell(empty("Loading…"));
  return whole(entry);
}

function whole(entry) {
  const isCallback = entry.direction === "callback";
  return h("article", { class: "detail", "aria-label": "Request", key: `request ${entry.id}` },
    back("requests", "Requests"),
    h("div", { class: "head" },
      h("h1", { tabindex: "-1" }, isCallback ? `${EVENTS[entry.event] ?? entry.event} callback` : `${entry.method} ${entry.path}`),
      pill(entry.failed ? "bad" : "ok", entry.status ? String(entry.status) : "no answer"),
      h("div", { class: "acts" }, copyMenu(entry), isCallback && button("Edit and resend", () => edit(entry)),
        button(isCallback ? "Resend" : "Send again", () => resend(entry, {}), { kind: isCallback ? "main" : "", ic: "again", "aria-keyshortcuts": "r" }))),
    facts([
      isCallback && ["Sent to", entry.url], [isCallback ? "At" : "Received", time(entry.at, true), entry.at], ["Took", `${took(entry.ms)}`],
      !isCallback && ["Client", entry.userAgent || "none"], entry.errorCode && ["Error", String(entry.errorCode)],
      entry.callId && ["Call", h("a", { href: hashOf("call", entry.callId) }, entry.callId.slice(0, 8))],
      entry.resentFrom && ["Resent from", h("a", { href: hashOf("request", entry.resentFrom) }, entry.resentFrom)],
      entry.fallback && ["URL", "the fallback URL"],
    ]),
    verdict(entry), signing(entry),
    h("h2", {}, "Headers"), headers(entry.requestHeaders),
    body("Body", entry, entry.requestBody, "body"),
    h("h2", {}, isCallback ? "The application answered" : "Response", h("span", { class: "faint" }, entry.status ? String(entry.status) : entry.error || "nothing")),
    entry.responseHeaders.length > 0 && headers(entry.responseHeaders),
    entry.responseBody.size > 0 && body("Response body", entry, entry.responseBody, "response-body"),
    isCallback && ["ice", "ace", "pie"].includes(entry.event) && entry.failed && h("div", {}, h("h2", {}, "Answer for the application"),
      h("p", { class: "soft" }, "Type the SVAML that is used while your application does not answer."), h("p", {}, h("a", { class: "btn", href: `#svaml?event=${entry.event}` }, "Answer for the application"))));
}

const headers = (pairs) => h("dl", { class: "kv" }, pairs.map(([name, value], place) => [h("dt", { key: `${place} ${name}` }, name), h("dd", { key: `${place}=` }, value)]));

function body(label, entry, it, which) {
  if (it.size === 0) return [h("h2", { key: which }, label, h("span", { class: "faint" }, "empty")), null];
  return [
    h("h2", { key: which }, label, h("span", { class: "faint" }, `${bytes(it.size)}${it.mediaType ? ` · ${it.mediaType}` : ""}`),
      h("span", { class: "acts" }, it.encoding === "utf-8" && copier("Copy", it.text, "the body"), h("a", { class: "btn quiet", href: api.bodyUrl(entry.id, which), download: `${entry.id}-${which}` }, "Download"))),
    code(it.encoding === "utf-8" ? it.text : `base64: ${it.text}`, label, `${which} ${entry.id}`),
    it.truncated && h("p", { class: "faint", key: `${which} cut` }, `The first 64 kB are shown; download it for the whole ${bytes(it.size)}.`),
  ];
}

const VERDICTS = {
  missing: ["The request has no credentials.", "Send an Authorization header: Basic with key and secret, or Application with a signature."],
  malformed: ["The Authorization or x-timestamp header cannot be read.", "See the answer below: it says which part is wrong."],
  unknownKey: ["The application key is not the sandbox's.", "Copy the three lines from “Connect an application”."],
  notChecked: ["The connection was closed without an answer.", "A fault of the sandbox does that: see Settings, Faults."],
};

function verdict(entry) {
  const box = (tone, name, head, ...text) => h("div", { class: `verdict ${tone}`, key: "verdict" }, icon(name), h("b", {}, head), h("p", {}, text));
  if (entry.direction === "callback") return callbackVerdict(entry, box);
  const { verdict: found, scheme, contentSecondsOff: off } = entry.signature;
  if (found === "valid") {
    if (scheme === "application") return entry.failed ? null : box("good", "yes", "The signature is valid.");
    return scheme === "basic" && !entry.failed ? box("good", "yes", "The credentials are right.", "Basic authorization is for development; sign requests in production.") : null;
  }
  if (found === "expired") return box("", "no", `The timestamp is ${Math.abs(Math.round((off ?? 0) / 60))} minutes ${off > 0 ? "old" : "ahead"}. Is the clock right?`, "The sandbox accepts five minutes either way.");
  if (found === "invalid" && scheme === "basic") return box("", "no", "The key or the secret is not the sandbox's.", h("a", { class: "btn", href: "#welcome" }, "Copy the three lines"));
  if (found === "invalid") return explained(entry, box);
  const [head, text] = VERDICTS[found] ?? [found, ""];
  return box("", "no", head, text);
}

function explained(entry, box) {
  const it = entry.explained;
  if (!it) return box("", "no", "The signature is not valid.", "Looking for the mistake…");
  if (!it.explanations.length) return box("", "no", "No known mistake explains this signature. The secret is probably another one.", `${count(it.tried)} were tried. `, h("a", { class: "btn", href: "#welcome" }, "Copy the three lines"));
  return box("", "no", it.explanations[0].title, it.explanations[0].help, it.explanations.slice(1).map((each) => h("p", { key: each.id }, h("b", {}, each.title), " ", each.help)));
}

function callbackVerdict(entry, box) {
  if (entry.status === 401 || entry.status === 403) {
    return box("", "no", "The application refused the signature.", "The sandbox signed the five lines below with the secret of “Connect an application”. Paste the string that your application computes, and the page shows the first difference. ",
      "Common causes: another secret, a parsed body instead of the raw bytes, or a proxy that changes the path.");
  }
  if (entry.status) return entry.failed ? box("", "no", `The application answered ${entry.status}.`, "Only a 2xx counts as an answer.") : null;
  if (/^no answer within/.test(entry.error)) return box("", "no", `The application did not answer within ${entry.error.replace("no answer within ", "")}.`, "Answer at once and work afterwards.");
  return box("", "no", hint(entry), entry.error);
}

/** What to do about a callback that did not arrive. */
export function hint(entry) {
  if (!entry.failed) return `Answered ${entry.status} in ${took(entry.ms)}.`;
  if (entry.status === 401 || entry.status === 403) return `It answered ${entry.status}: compare the signature.`;
  if (entry.status) return `It answered ${entry.status} in ${took(entry.ms)}.`;
  if (/^no answer within/.test(entry.error ?? "")) return `It did not answer within ${entry.error.replace("no answer within ", "")}.`;
  const host = hostOf(entry.url).split("/")[0];
  return `Nothing listens at ${host}. Is the application running? In Docker use host.docker.internal, not localhost.`;
}

function signing(entry) {
  const steps = entry.compared?.steps ?? entry.explained?.steps ?? entry.signature.steps;
  if (!steps.length) return null;
  const both = steps.some((each) => each.signed !== null);
  const other = entry.direction === "callback" ? "Computed by the application" : "Signed by the client";
  const expected = steps.map((each) => each.expected).join("\n");
  return h("section", { key: "signing", "aria-label": "String to sign" },
    h("h2", {}, "String to sign", h("span", { class: "acts" }, button("Compare with yours", () => compare(entry)), copier("Copy", expected, "the expected string"))),
    h("div", { class: "card" }, h("table", { class: `sts ${both ? "" : "one"}` },
      both && h("thead", {}, h("tr", {}, ["Line", "Expected by the sandbox", other].map((name) => h("th", { key: name, scope: "col" }, name)))),
      h("tbody", {}, steps.map((each) => {
        const differs = each.firstDifference !== null;
        const cell = (text, label) => h("td", { "data-l": label, class: both && !differs ? "same" : null }, differs ? [text.slice(0, each.firstDifference), h("mark", {}, text.slice(each.firstDifference) || "∅")] : text);
        return h("tr", { key: each.line, class: differs ? "diff" : null }, h("th", { scope: "row" }, `${each.line} ${each.name}`), cell(each.expected, "Expected"), both && cell(each.signed ?? "", "Signed"));
      })))));
}

function compare(entry) {
  let text = "";
  let wrong = "";
  const submit = async (event) => {
    event.preventDefault();
    try {
      const found = await api.explain(entry.id, text.replace(/\r\n/g, "\n").replace(/\n$/, ""));
      if (state.request?.id === entry.id) state.request = { ...state.request, compared: found };
      close();
      toast(found.steps.every((each) => each.firstDifference === null) ? "Both strings are the same: the secret differs." : "The first difference is marked.");
    } catch (error) {
      wrong = error.message;
      changed();
    }
  };
  show("Compare with yours", () => h("form", { class: "narrow", onsubmit: submit }, h("div", { class: "fields" }, h("h2", {}, "Compare with yours"),
    field("The string that your program signs, with its line ends", h("textarea", { class: "mono", rows: "6", value: text, autofocus: true, spellcheck: "false", oninput: (event) => { text = event.target.value; } }), { wrong }),
    h("div", { class: "two" }, h("button", { class: "btn main" }, "Compare"), button("Cancel", close, { kind: "quiet" })))));
}

export const resendSelected = () => state.request?.id === selectedId() && selectedId() && resend(state.request, {});

function resend(entry, members) {
  return attempt(async () => {
    const sent = await api.resend(entry.id, { timestamp: "fresh", ...members });
    toast(sent.status ? `Resent: ${sent.status} after ${took(sent.ms)}` : `Resent: ${sent.error ?? "no answer"}`);
    go(hashOf("request", sent.id));
  });
}

function edit(entry) {
  const form = { body: entry.requestBody.text, timestamp: "fresh" };
  let wrong = "";
  const submit = async (event) => {
    event.preventDefault();
    try {
      const sent = await api.resend(entry.id, form);
      close();
      go(hashOf("request", sent.id));
    } catch (error) {
      wrong = error.message;
      changed();
    }
  };
  show("Edit and resend", () => h("form", { class: "narrow", onsubmit: submit }, h("div", { class: "fields" }, h("h2", {}, "Edit and resend"), h("p", { class: "soft" }, entry.url),
    field("Timestamp", h("select", { onchange: (event) => { form.timestamp = event.target.value; } }, [["fresh", "Fresh: signed anew"], ["same", "Same: headers as they were"]].map(([value, label]) => h("option", { value, selected: value === form.timestamp }, label)))),
    field("Body", h("textarea", { class: "mono", rows: "12", value: form.body, spellcheck: "false", oninput: (event) => { form.body = event.target.value; } }), { wrong }),
    h("div", { class: "two" }, h("button", { class: "btn main" }, "Resend"), button("Cancel", close, { kind: "quiet" })))));
}

function copyMenu(entry) {
  const items = [["Copy as curl", () => asCurl(entry), "as curl"], ["Copy as Python", () => asPython(entry), "as Python"], ["Copy as JSON", () => JSON.stringify(entry, null, 2), "as JSON"], ["Copy link", () => link(hashOf("request", entry.id)), "the link"]];
  return h("details", { class: "menu", key: "copy" }, h("summary", { class: "btn quiet" }, icon("copy"), "Copy"),
    h("div", { class: "items" }, items.map(([label, text, what]) => h("button", { type: "button", key: label, onclick: (event) => { event.target.closest("details").open = false; copy(text(), what); } }, label))));
}

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
const LEFT_OUT = new Set(["host", "content-length", "connection", "accept-encoding", "authorization"]);

/** The request as a line for a shell; the secret stays in its variable. */
function asCurl(entry) {
  const given = entry.requestHeaders.find(([name]) => name.toLowerCase() === "authorization")?.[1] ?? "";
  const lines = [`curl -X ${entry.method} ${quoted(entry.url)}`];
  if (given.startsWith("Basic ")) lines.push('-u "$SINCH_APPLICATION_KEY:$SINCH_APPLICATION_SECRET"');
  else if (given) lines.push(`-H ${quoted(`Authorization: ${given}`)}`);
  for (const [name, value] of entry.requestHeaders) if (!LEFT_OUT.has(name.toLowerCase())) lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (entry.requestBody.size) lines.push(`--data-raw ${quoted(entry.requestBody.text)}`);
  return lines.join(" \\\n  ");
}

const ENVIRONMENT = 'os.environ["SINCH_APPLICATION_KEY"], os.environ["SINCH_APPLICATION_SECRET"]';

/** The request with this project's client; a callback as one that a webhook application can be tested with. */
function asPython(entry) {
  const given = entry.requestBody.size ? python(parsed(entry.requestBody.text)) : "None";
  if (entry.direction === "callback") {
    return ["import os", "", "import httpx", "", "from sinch_voice_async import Credentials", "from sinch_voice_async.testing import signed_callback", "", `event = ${given}`,
      `credentials = Credentials(${ENVIRONMENT})`, `headers, body = signed_callback(event, credentials, ${JSON.stringify(entry.path)})`, `print(httpx.post(${JSON.stringify(entry.url)}, content=body, headers=headers))`].join("\n");
  }
  return ["import os", "", "import anyio", "", "from sinch_voice_async import VoiceClient", "", "", "async def main():", `    async with VoiceClient(${ENVIRONMENT}, base_url=os.environ["SINCH_VOICE_BASE_URL"]) as client:`,
    `        print(await client.request(${JSON.stringify(entry.method)}, ${JSON.stringify(entry.target)}, ${given}))`, "", "", "anyio.run(main)"].join("\n");
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function python(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}
