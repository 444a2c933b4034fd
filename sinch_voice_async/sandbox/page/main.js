// The page: listens to the sandbox, draws what is known, and reads the keyboard.

import * as api from "./api.js";
import * as callsView from "./calls.js";
import * as conferencesView from "./conferences.js";
import { close, help, view as dialog } from "./dialogs.js";
import { h, render } from "./dom.js";
import { icon } from "./icons.js";
import { keydown } from "./keys.js";
import { listen } from "./live.js";
import * as numbersView from "./numbers.js";
import * as phone from "./phone.js";
import * as requestsView from "./requests.js";
import { read } from "./routes.js";
import * as settingsView from "./settings.js";
import { attempt, calls, changed, drawnBy, requests, state, tick } from "./store.js";
import * as svamlView from "./svaml.js";
import * as welcomeView from "./welcome.js";
import { count } from "./words.js";

const at = (id) => document.getElementById(id);
const ITEMS = [["calls", "Calls"], ["requests", "Requests"], ["phone", "Phone", "only"], ["conferences", "Conferences"], ["numbers", "Numbers", "wide"], ["svaml", "SVAML", "wide"], ["settings", "Settings", "wide"], ["more", "More", "only"]];
const MORE = [["numbers", "Numbers", "numbers"], ["svaml", "SVAML", "svaml"], ["settings", "Settings", "settings"], ["welcome", "Connect an application", "link"]];
const VIEWS = {
  calls: callsView, requests: requestsView, conferences: conferencesView, numbers: numbersView, settings: settingsView, svaml: svamlView, welcome: welcomeView,
  phone: { view: () => h("div", { class: "phone-view", key: "phone" }, h("h1", { class: "hidden" }, "Phone"), phone.view("page")) },
  more: { view: () => h("div", { class: "more-view", key: "more" }, h("h1", { class: "hidden" }, "More"), MORE.map(([view, label, ic]) => h("a", { href: `#${view}`, key: view }, icon(ic), label))) },
};
const LIVE = { connecting: "…", live: "Live", lost: "Lost", polls: "Live" };
const LIVE_TITLES = { connecting: "Connecting…", lost: "Reconnecting…" };

/** Requests that failed since somebody last looked at them. */
let seen = { failed: 0, known: new Set() };

function rail(group) {
  const badge = { calls: calls.total, requests: seen.failed, conferences: conferencesView.live() };
  const item = ([view, label, where]) => h("a", { key: view, class: `item ${where ?? ""}`, href: `#${view}`, "aria-current": view === group ? "page" : null }, icon(view), label,
    badge[view] > 0 && h("span", { class: `badge ${view === "requests" ? "bad" : ""}`, "aria-label": view === "requests" ? `${badge[view]} failed` : null }, count(badge[view])));
  return [
    h("div", { class: "brand", key: "brand" }, h("img", { src: "page/icon.svg", alt: "", width: "24", height: "24" }), h("a", { href: "#welcome" }, "Voice sandbox"),
      h("span", { class: `live ${state.live}`, id: "live", role: "status", title: LIVE_TITLES[state.live] }, h("span", { class: "dot" }), LIVE[state.live])),
    ITEMS.map(item), h("div", { class: "spacer", key: "spacer" }),
    phone.view("rail"), h("div", { class: "keys-help", key: "help" }, phone.sound(), h("button", { type: "button", class: "btn quiet small", onclick: help }, "Keyboard ", h("kbd", {}, "?"))),
  ];
}

function banner() {
  if (state.live === "lost" && Date.now() - state.lostAt > 2_500) return h("p", { class: "banner bad", role: "status", key: "lost" }, "The sandbox stopped. Start it again and this page continues.");
  if (state.restarted) return h("p", { class: "banner", role: "status", key: "restarted" }, "The sandbox was restarted. Calls from before are gone.", h("button", { type: "button", class: "btn quiet small", onclick: () => { state.restarted = false; changed(); } }, "Close"));
  return null;
}

function draw() {
  const group = VIEWS[state.route.view] ? state.route.view : "calls";
  const main = at("content");
  main.className = ["calls", "requests", "conferences"].includes(group) ? "split" : "single";
  main.dataset.selected = state.route.id ? "1" : "0";
  render(main, VIEWS[group].view());
  render(at("rail"), rail(group));
  render(at("bar"), [banner(), group !== "phone" && phone.bar()]);
  render(at("dialogs"), dialog());
  at("toast").textContent = state.toast;
  at("toast").className = state.toast ? "on" : "";
  const rings = phone.status() === "ringing";
  const failed = seen.failed ? `(${seen.failed} failed) ` : "";
  const title = rings ? "☎ Incoming call · Voice sandbox" : `${failed}Voice sandbox`;
  if (document.title !== title) document.title = title;
  const shows = rings ? "icon-ringing.svg" : seen.failed ? "icon-failed.svg" : "icon.svg";
  if (!at("icon").href.endsWith(`/${shows}`)) at("icon").href = `page/${shows}`;
}

/** Note failed requests, and forget them while they are looked at. */
function countFailed(entries, fresh) {
  if (fresh) seen = { failed: 0, known: new Set() };
  for (const each of entries) if (each.failed && !seen.known.has(each.id)) {
    seen.known.add(each.id);
    seen.failed += 1;
  }
  if (state.route.view === "requests" && !document.hidden) seen.failed = 0;
}

function heard(name, data) {
  if (name === "lost") {
    if (state.live !== "lost") state.lostAt = Date.now();
    state.live = "lost";
    setTimeout(changed, 3_000);
  } else if (name === "poll") poll();
  else if (state.live !== "polls") state.live = "live";
  if (name === "state") begin(data);
  if (name === "calls") {
    tick(data.clock);
    if (data.count < calls.total) calls.refreshSoon();
    calls.follow(data.calls, data.count, data.more);
    phone.follow(data.calls);
    callsView.selectRinging(data.calls);
    const looked = callsView.selectedId();
    if (looked && data.calls.some((call) => call.callId === looked)) soon("call", () => callsView.selectedId() && callsView.load(callsView.selectedId()));
    if (data.calls.some((call) => call.conferenceId)) soon("conferences", conferencesView.load);
  }
  if (name === "requests") {
    if (data.fresh && data.requests.length === 0) {
      requests.clear();
      requests.loaded = true;
    }
    countFailed(data.requests, data.fresh);
    requests.follow(data.requests, data.count, data.more);
    if (data.fresh && requests.loaded) requests.refreshSoon();
  }
  changed();
}

let justLoaded = false;

/** Take the state of the sandbox as it is; a fresh one means that everything else is to be loaded anew. */
function begin(server) {
  const isOther = state.instance && server.instance !== state.instance;
  state.instance = server.instance;
  state.server = server;
  if (isOther) {
    state.restarted = true;
    state.call = state.request = state.conference = null;
    requests.clear();
    seen = { failed: 0, known: new Set() };
  }
  // What the stream begins with has been loaded a moment ago.
  const isKnown = justLoaded && !isOther;
  if (server.fresh) justLoaded = false;
  if ((server.fresh && !isKnown) || isOther) {
    calls.clear();
    phone.clear();
    reload();
  }
  tick(server.clock);
  phone.connectedTo(server.phones);
  if (state.route.view === "numbers") soon("numbers", numbersView.load);
  if (state.route.view === "settings") soon("settings", settingsView.load);
}

/** Load the lists and what is looked at. */
function reload() {
  attempt(() => Promise.all([calls.reload(), requests.reload(), conferencesView.load()])).then(visit);
}

let polls = false;
async function poll() {
  if (polls) return;
  polls = true;
  try {
    begin(await api.state());
    state.live = "polls";
    await Promise.all([calls.reload({ forget: false }), requests.reload({ forget: false })]);
    phone.follow(calls.items.slice(0, 50));
    if (state.route.view === "calls" && state.route.id) await callsView.load(state.route.id);
  } catch {
    heard("lost", null);
  } finally {
    polls = false;
  }
}

const waits = new Map();

/** Do something a moment later, once for several times. */
function soon(name, act) {
  if (waits.has(name)) return;
  waits.set(name, setTimeout(() => {
    waits.delete(name);
    attempt(act);
  }, 60));
}

/** Load what the address names. */
function visit() {
  const { view, id, params } = state.route;
  if (view === "calls" && id) callsView.load(id);
  if (view === "requests" && id) requestsView.load(id);
  if (view === "requests") seen.failed = 0;
  if (view === "calls" && params.has("q") && params.get("q") !== calls.query) callsView.search(params.get("q"), "", 0);
  if (view === "requests" && params.has("q")) requestsView.search(params.get("q"), "", 0);
  if (["conferences", "numbers", "settings", "svaml", "welcome"].includes(view)) attempt(VIEWS[view].load);
}

addEventListener("hashchange", (event) => {
  // What a person went to stays for a while; the page's own moves are not trusted events.
  if (event.isTrusted) state.selectedAt = Date.now();
  const before = { ...state.route };
  read();
  if (state.dialog && state.dialog.hash !== location.hash) close();
  visit();
  draw();
  // On a narrow screen the detail is a view of its own, and so is each view without a list.
  const moved = before.view !== state.route.view || (innerWidth <= 760 && before.id !== state.route.id);
  if (moved) document.querySelector("main h1[tabindex]")?.focus();
});
addEventListener("keydown", keydown);
addEventListener("resize", changed);
document.addEventListener("visibilitychange", changed);
at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("content").focus();
});
// Durations of calls that go on, and of the phone.
setInterval(() => {
  // The levels of a media stream change without an event.
  if (!document.hidden && state.call?.streams && callsView.selectedId() === state.call.callId) soon("call", () => callsView.load(state.call.callId));
  if (!document.hidden && (calls.items.some((call) => call.status !== "FINAL") || state.route.view === "settings")) changed();
}, 500);

async function start() {
  read();
  // What a link names stays, whatever rings.
  if (state.route.id) state.selectedAt = Date.now();
  drawnBy(draw);
  draw();
  const [server] = await Promise.all([api.state, calls.reload.bind(calls), requests.reload.bind(requests), conferencesView.load].map(attempt));
  if (server) {
    begin({ ...server, fresh: false });
    justLoaded = calls.loaded && requests.loaded;
    phone.follow(calls.items.slice(0, 200).reverse());
  }
  // A person may have gone somewhere in the meantime.
  read();
  if (!state.route.view) {
    const isNew = server && calls.total === 0 && requests.total === 0;
    history.replaceState(null, "", isNew ? "#welcome" : "#calls");
    read();
  }
  visit();
  listen(heard);
  changed();
}

start();
