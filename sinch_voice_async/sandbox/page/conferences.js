// Conferences: who sits in each, and what a moderator does.

import * as api from "./api.js";
import { ask, newCall } from "./dialogs.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { hashOf } from "./routes.js";
import * as sounds from "./sounds.js";
import { attempt, changed, now, state } from "./store.js";
import { back, button, empty, facts, list, move, pill } from "./ui.js";
import { count, minutes, number, plain, time } from "./words.js";

const it = { items: [], query: "", chip: "", loaded: false, listens: "" };
const nameOf = (each) => each.conferenceId;
const selectedId = () => (state.route.view === "conferences" ? state.route.id : "");

export async function load() {
  try {
    it.items = (await api.conferences()).conferences;
    it.loaded = true;
    const id = selectedId();
    const isKnown = it.items.some((each) => each.conferenceId === id);
    if (id) state.conference = isKnown ? await api.conference(id) : { conferenceId: id, missing: true };
    if (it.listens) speak();
  } catch (error) {
    if (!(error instanceof api.Gone)) throw error;
  }
  changed();
}

export const live = () => it.items.filter((each) => each.endedAt === null).length;

const shown = () => it.items.filter((each) => {
  const isLive = each.endedAt === null;
  if ((it.chip === "live" && !isLive) || (it.chip === "ended" && isLive)) return false;
  return JSON.stringify([each.conferenceId, each.participants.map((one) => one.number)]).toLowerCase().includes(it.query.toLowerCase());
});

export const step = (by) => move("conferences", shown(), nameOf, selectedId(), by, (id) => hashOf("conference", id));

function row(each, isSelected) {
  const isLive = each.endedAt === null;
  const lasts = minutes((each.endedAt ?? now()) - each.startedAt);
  const here = isLive ? each.count : each.participants.length;
  return h("a", { class: "row", href: hashOf("conference", each.conferenceId), "aria-current": String(isSelected) },
    h("span", { class: isLive ? "c-live" : "c-done" }, icon("conferences")), h("b", {}, each.conferenceId),
    h("span", { class: `right num ${isLive ? "c-live" : "plain"}` }, isLive ? lasts : "Ended"),
    h("span", { class: "sub" }, `${here} ${here === 1 ? "participant" : "participants"}${isLive ? "" : ` · ${lasts}`}`));
}

export function view() {
  const items = shown();
  const none = it.items.length
    ? empty("No conference matches", `Nothing contains “${it.query}”.`)
    : empty("No conferences", "Call two numbers into one.", button("Call a number into a conference", () => newCall({ kind: "conferenceCallout" }), { kind: "main" }));
  return [
    list({
      name: "conferences", title: "Conferences", total: count(it.items.length), placeholder: "Conference id or number", query: it.query, search: (text) => { it.query = text; changed(); },
      chips: [["", "All"], ["live", "Live"], ["ended", "Ended"]], chip: it.chip, choose: (value) => { it.chip = value; changed(); },
      items, nameOf, row, none: it.loaded ? none : empty("Loading…"), selected: selectedId(), foot: h("span", {}, `${live()} live`),
      action: button("New call", () => newCall({ kind: "conferenceCallout" }), { ic: "plus" }),
    }),
    detail(),
  ];
}

function detail() {
  const id = selectedId();
  const shell = (...more) => h("section", { class: "detail", "aria-label": "Conference", key: `conference ${id || "none"}` }, id && back("conferences", "Conferences"), more);
  const one = state.conference;
  if (!id) return shell(empty("No conference selected", ""));
  if (one?.conferenceId !== id) return shell(empty("Loading…"));
  if (one.missing) return shell(empty("No such conference", "Its calls were cleared, or no one has joined yet."));
  const isLive = one.endedAt === null;
  const present = one.participants.filter((each) => each.isPresent);
  return h("article", { class: "detail", "aria-label": "Conference", key: `conference ${id}` },
    back("conferences", "Conferences"),
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, id), pill(isLive ? "ok" : "none", isLive ? `${present.length} ${present.length === 1 ? "participant" : "participants"}` : "Ended"),
      h("div", { class: "acts" },
        isLive && button(it.listens === id ? "Stop listening" : "Listen", () => listen(id), { ic: "play", "aria-pressed": String(it.listens === id) }),
        isLive && button("Remove everybody", () => ask("Remove everybody?", "The calls of all participants end.", "Remove", () => Promise.all(present.map((each) => api.unseat(id, each.callId))).then(load)), { kind: "quiet" }),
        button("Add a number", () => newCall({ kind: "conferenceCallout", conferenceId: id }), { kind: "main" }))),
    facts([["Started", time(one.date), one.date], ["Length", minutes((one.endedAt ?? now()) - one.startedAt)], ["Cost", `${one.cost.toFixed(4)} USD`]]),
    h("div", { class: "card" }, h("table", { class: "roster" },
      h("thead", {}, h("tr", {}, ["Participant", "In", "State", "Actions"].map((name) => h("th", { scope: "col", key: name }, name)))),
      h("tbody", {}, one.participants.map((each) => participant(id, each))))),
    h("h2", {}, "Events"),
    h("ol", { class: "events" }, one.timeline.map((each, place) => h("li", { key: place }, h("time", {}, `${(each.at - one.startedAt).toFixed(1)} s`), h("b", { class: "soft" }, each.kind), h("a", { class: "num", href: hashOf("call", each.callId) }, number(each.number)), h("span", {}, each.text.toLowerCase())))));
}

function participant(id, each) {
  const set = (members) => attempt(() => api.seat(id, each.callId, members).then(load));
  const stateOf = !each.isPresent ? pill("none", "Left") : each.onHold ? pill("ring", "On hold") : each.muted ? pill("none", "Muted") : pill("ok", "Talking");
  return h("tr", { key: each.callId },
    h("td", {}, h("a", { class: "num", href: hashOf("call", each.callId) }, number(each.number)), h("div", { class: "faint" }, each.dialledIn ? "Called in" : "Called by the API")),
    h("td", { class: "num soft" }, minutes(each.isPresent ? now() - each.joinedAt : each.seconds)), h("td", {}, stateOf),
    h("td", {}, each.isPresent && [
      button(each.muted ? "Unmute" : "Mute", () => set({ muted: !each.muted }), { key: "mute", "aria-label": `${each.muted ? "Unmute" : "Mute"} ${each.number}` }),
      button(each.onHold ? "Resume" : "Hold", () => set({ onHold: !each.onHold }), { key: "hold", "aria-label": `${each.onHold ? "Resume" : "Hold"} ${each.number}` }),
      button("Remove", () => attempt(() => api.unseat(id, each.callId).then(load)), { kind: "quiet", key: "remove", "aria-label": `Remove ${each.number}` })]));
}

const spoken = new Map();

function listen(id) {
  it.listens = it.listens === id ? "" : id;
  sounds.hush();
  if (it.listens) for (const each of state.conference.participants) spoken.set(each.callId, each.heard);
  if (it.listens) sounds.beep();
  changed();
}

/** Speak what is played in the conference that is listened to. */
function speak() {
  const one = it.items.find((each) => each.conferenceId === it.listens);
  if (!one || one.endedAt !== null) it.listens = "";
  for (const each of one?.participants ?? []) {
    if (each.heard && each.heard !== spoken.get(each.callId)) sounds.speak(plain(each.heard), "en-US");
    spoken.set(each.callId, each.heard);
  }
}
