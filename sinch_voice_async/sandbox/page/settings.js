// Settings: where callbacks go, the account, faults, the clock, and a clean slate.

import * as api from "./api.js";
import { ask } from "./dialogs.js";
import { h } from "./dom.js";
import { hint } from "./requests.js";
import { hashOf } from "./routes.js";
import { attempt, changed, now, state, toast } from "./store.js";
import { button, copier, field, toggle } from "./ui.js";
import { minutes } from "./words.js";

const it = { faults: null, limit: null, tested: null, wrong: {}, draft: {}, fault: { method: "", route: "", kind: "status", status: "503", retryAfter: "", latency: "2", drop: "before", times: "", share: "100" }, faultWrong: "" };

export async function load() {
  const found = await api.faults();
  Object.assign(it, { faults: found.faults, limit: found.callsPerSecond });
  changed();
}

const account = () => state.server?.account ?? { primary: "", fallback: "", forbidden: [], outOfCredit: false, maxTextLength: 600, applicationKey: "" };
const value = (name) => it.draft[name] ?? String(account()[name] ?? "");

async function save(members) {
  try {
    const told = await api.setAccount(members);
    if (state.server) state.server.account = told;
    for (const name of Object.keys(members)) delete it.draft[name];
    it.wrong = {};
    toast("Saved");
  } catch (error) {
    it.wrong = { [Object.keys(members)[0]]: error.message };
  }
  changed();
}

/** A field for a callback URL, with its test. */
export function callbackUrl(name, label, note) {
  const url = value(name).trim();
  const check = () => (url && !/^https?:\/\/[^\s/]+/i.test(url) ? "Enter an http or https URL, for example http://localhost:8000/voice." : "");
  const store = async (event) => {
    event?.preventDefault();
    it.wrong = { [name]: check() };
    if (!it.wrong[name]) await save({ [name]: url });
    changed();
    return !it.wrong[name];
  };
  const test = async () => {
    if (!(await store())) return;
    it.tested = { name, text: "Sending a signed notification…", tone: "soft" };
    changed();
    const entry = await attempt(() => api.callbackTest(url));
    it.tested = entry ? { name, text: hint(entry), tone: entry.failed ? "c-bad" : "c-ok", id: entry.id } : null;
    changed();
  };
  return h("form", { class: "line", onsubmit: store, novalidate: true, key: `url ${name}` },
    field(label, h("input", { id: `url-${name}`, value: value(name), placeholder: "http://localhost:8000/voice", spellcheck: "false", autocomplete: "off", inputmode: "url", "aria-invalid": String(Boolean(it.wrong[name])), oninput: (event) => { it.draft[name] = event.target.value; changed(); } }), { note, wrong: it.wrong[name] }),
    h("div", { class: "two" }, h("button", { class: "btn" }, "Save"), button("Test", test, { disabled: !url })),
    it.tested?.name === name && h("p", { class: `tested ${it.tested.tone}`, role: "status" }, it.tested.text, " ", it.tested.id && h("a", { href: hashOf("request", it.tested.id) }, "See the request")));
}

export function view() {
  return h("div", { class: "wide-view", key: "settings" }, h("h1", { tabindex: "-1" }, "Settings"),
    h("section", { class: "card form", "aria-label": "Callbacks" }, h("h2", {}, "Callbacks"),
      callbackUrl("primary", "Callback URL", "Where does your application listen? Leave it empty to answer with SVAML from this page."), callbackUrl("fallback", "Fallback URL", "Used when the callback URL fails.")),
    accountCard(), faultCard(), clockCard(),
    h("section", { class: "card form", "aria-label": "Everything" }, h("h2", {}, "Everything"),
      h("p", { class: "soft" }, "The control API does everything that this page does: ", h("a", { href: "api/openapi.json" }, "OpenAPI 3.1"), ", ", h("a", { href: "api/" }, "list of endpoints"), ", ", h("a", { href: "api/requests.har" }, "requests as HAR"), "."),
      h("p", { class: "faint" }, `Version ${state.server?.version ?? ""}`),
      h("div", { class: "two" }, button("Reset everything", () => ask("Reset everything?", "Calls, numbers, faults and recordings are deleted.", "Reset", () => api.reset()), { kind: "stop" }), h("a", { class: "btn quiet", href: "#welcome" }, "Connect an application"))));
}

function accountCard() {
  const put = (name) => (event) => { it.draft[name] = event.target.value; changed(); };
  const { outOfCredit, applicationKey } = account();
  const submit = (event) => {
    event.preventDefault();
    const most = Number(value("maxTextLength"));
    if (!Number.isInteger(most) || most < 1) {
      it.wrong = { maxTextLength: "Enter a whole number from 1." };
      return changed();
    }
    const prefixes = (it.draft.forbidden ?? account().forbidden.join(", ")).split(/[\s,]+/).filter(Boolean);
    return save({ maxTextLength: most, forbidden: prefixes });
  };
  return h("form", { class: "card form", onsubmit: submit, novalidate: true, "aria-label": "Account", key: "account" }, h("h2", {}, "Account"),
    h("div", { class: "setting" }, h("span", {}, "Application key"), h("code", {}, applicationKey), copier("Copy", applicationKey, "the key")),
    h("div", { class: "setting" }, h("span", {}, "Out of credit: every callout is answered 402"), toggle("Out of credit", outOfCredit, () => save({ outOfCredit: !outOfCredit }))),
    field("Forbidden number prefixes", h("input", { id: "forbidden", value: it.draft.forbidden ?? account().forbidden.join(", "), oninput: put("forbidden"), placeholder: "+882, +979" }), { wrong: it.wrong.forbidden, note: "Callouts to these are answered 403." }),
    field("Characters that may be spoken at once", h("input", { id: "most", value: value("maxTextLength"), inputmode: "numeric", "aria-invalid": String(Boolean(it.wrong.maxTextLength)), oninput: put("maxTextLength") }), { wrong: it.wrong.maxTextLength }),
    h("div", { class: "two" }, h("button", { class: "btn" }, "Save")));
}

const KINDS = [["status", "Answer an error"], ["latency", "Wait before answering"], ["drop", "Close the connection"]];

function faultCard() {
  const f = it.fault;
  const put = (name) => (event) => { f[name] = event.target.value; changed(); };
  const input = (name, label, more = {}) => field(label, h("input", { id: `fault-${name}`, value: f[name], oninput: put(name), ...more }));
  const select = (name, label, options) => field(label, h("select", { id: `fault-${name}`, onchange: put(name) }, options.map(([each, shown]) => h("option", { value: each, selected: each === f[name] }, shown))));
  const submit = async (event) => {
    event.preventDefault();
    const members = { ...(f.method ? { method: f.method } : {}), ...(f.route.trim() ? { route: f.route.trim() } : {}), ...(f.times.trim() ? { times: Number(f.times) } : {}), share: Number(f.share) / 100 };
    if (f.kind === "status") Object.assign(members, { status: Number(f.status), ...(f.retryAfter.trim() ? { retryAfter: Number(f.retryAfter) } : {}) });
    if (f.kind === "latency") members.latency = Number(f.latency);
    if (f.kind === "drop") members.drop = f.drop;
    try {
      it.faultWrong = "";
      await api.addFault(members);
      await load();
    } catch (error) {
      it.faultWrong = error.message;
    }
    changed();
  };
  return h("form", { class: "card form", onsubmit: submit, novalidate: true, "aria-label": "Faults", key: "faults" }, h("h2", {}, "Faults"),
    h("p", { class: "soft" }, "Make requests to the API go wrong on purpose."),
    it.faults?.length > 0 && h("ul", { class: "plain" }, it.faults.map((each, place) => h("li", { key: place, class: "setting" }, h("span", {}, told(each))))),
    h("div", { class: "grid" }, select("kind", "Fault", KINDS), select("method", "Method", [["", "All"], ["POST", "POST"], ["GET", "GET"], ["PATCH", "PATCH"], ["DELETE", "DELETE"]]),
      input("route", "Path", { placeholder: "all, or /calling/v1/callouts" }),
      f.kind === "status" && input("status", "HTTP status", { inputmode: "numeric" }), f.kind === "status" && input("retryAfter", "Retry-After, seconds", { inputmode: "decimal" }),
      f.kind === "latency" && input("latency", "Seconds", { inputmode: "decimal" }), f.kind === "drop" && select("drop", "When", [["before", "Before it is executed"], ["after", "After it is executed"]]),
      input("times", "How many requests", { inputmode: "numeric", placeholder: "all" }), input("share", "Share in percent", { inputmode: "decimal" })),
    h("span", { class: "err", role: "alert" }, it.faultWrong),
    h("div", { class: "two" }, h("button", { class: "btn" }, "Add the fault"), it.faults?.length > 0 && button("Clear the faults", () => attempt(() => api.clearFaults().then(load)), { kind: "quiet" })));
}

function told(fault) {
  const does = fault.status ? `answers ${fault.status}` : fault.drop ? `closes the connection ${fault.drop} execution` : fault.latency ? `waits ${fault.latency} s` : fault.cutAt !== null ? `cuts the answer at ${fault.cutAt} bytes` : "answers another body";
  const who = [fault.method, fault.route].filter(Boolean).join(" ") || "Every request";
  return `${who} ${does}${fault.share < 1 ? `, ${Math.round(fault.share * 100)} %` : ""}${fault.left === null ? "" : `, ${fault.left} left`}`;
}

function clockCard() {
  const speeds = [0, 1, 10, 100];
  if (!speeds.includes(state.clock.speed)) speeds.push(state.clock.speed);
  return h("section", { class: "card form", "aria-label": "Clock", key: "clock" }, h("h2", {}, "Clock"),
    h("div", { class: "setting" }, h("span", {}, "Time of the calls"), h("output", { class: "num", id: "time" }, minutes(now()))),
    field("Speed", h("select", { id: "speed", onchange: (event) => attempt(() => api.setClock({ speed: Number(event.target.value) })) }, speeds.map((each) => h("option", { value: String(each), selected: each === state.clock.speed }, each ? `×${each}` : "stopped")))),
    h("div", { class: "two" }, button("Let 10 s pass", () => attempt(() => api.step(10)), { id: "step" })));
}
