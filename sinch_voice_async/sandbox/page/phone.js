// The test phone of the page: it rings, is answered, speaks, has a keypad, hangs up and calls the application.

import * as api from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import * as sounds from "./sounds.js";
import { attempt, changed, now } from "./store.js";
import * as talk from "./talk.js";
import { button, toggle } from "./ui.js";
import { ended, kind, minutes, number, plain } from "./words.js";

const KEYS = [["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"], ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", "+"], ["#", ""]];
const NAMES = { "*": "star", "#": "hash" };
const DIALS = "+46105551200";

// A second phone is a tab of its own, and its number stands in its address.
const [given] = /^\+?[1-9]\d{4,14}$/.exec(new URLSearchParams(location.search).get("phone")?.trim() ?? "") ?? [];

export const phone = {
  own: given || localStorage.getItem("sandbox.number") || "+46700000001",
  isOff: !given && localStorage.getItem("sandbox.phone") === "off",
  isLoud: localStorage.getItem("sandbox.sound") !== "off",
  connected: false,
  current: null,
  waiting: new Map(),
  said: "",
  typed: "",
  over: "",
  heard: 0,
};

/** Take note of calls that changed. */
export function follow(calls) {
  for (const call of calls) {
    if (ringsHere(call)) phone.waiting.set(call.callId, call);
    else phone.waiting.delete(call.callId);
    if (call.callId === phone.current?.callId) update(call);
  }
  const [next] = phone.waiting.values();
  if (!phone.current && next) update(next);
}

const bare = (text) => text.trim().replace(/^\+/, "");
/** Whether a call rings at this phone; a call that this phone has placed may ring at another. */
const ringsHere = (call) => call.waits && isOwn(call.rings);
const isOwn = (text) => bare(text) === bare(phone.own);

// The lease of the page's phones ends with the last page; a second phone ends with its own tab.
addEventListener("pagehide", () => given && phone.connected && api.leavePhone(phone.own));

/** Forget every call. */
export function clear() {
  phone.waiting.clear();
  if (phone.current) rest("The calls were cleared.");
}

/** Know from the sandbox's phones whether this one is connected; connect it if nothing else has this number. */
export function connectedTo(phones) {
  const mine = phones.find((each) => bare(each.number) === bare(phone.own));
  phone.connected = Boolean(mine?.manual);
  if (!mine && !phone.isOff && !phone.isConnecting) {
    phone.isConnecting = true;
    // Another tab may hold the stream, and be slow to tell what came of it.
    attempt(() => put(true)).finally(() => { phone.isConnecting = false; });
  }
}

export async function connect(on) {
  phone.isOff = !on;
  if (!given) localStorage.setItem("sandbox.phone", on ? "on" : "off");
  await attempt(() => put(on));
}

async function put(on) {
  await (on ? api.setPhone(phone.own, { manual: true, lease: "page" }) : api.forgetPhone(phone.own));
  phone.connected = on;
}

/** Give the phone another number. */
export async function renumber(text) {
  if (phone.connected) await api.forgetPhone(phone.own);
  phone.own = text;
  if (!given) localStorage.setItem("sandbox.number", text);
  await connect(true);
}

function update(call) {
  const before = phone.current?.callId;
  phone.current = call;
  if (call.callId !== before) Object.assign(phone, { said: "", heard: 0, over: "" });
  if (call.status === "FINAL") return rest(`The call is over: ${endedWords(call)}.`);
  sounds.ring(ringsHere(call) && phone.isLoud);
  if (call.result === "ANSWERED") attempt(() => listen(call.callId));
  return changed();
}

const endedWords = (call) => ({ CALLEEHANGUP: "you hung up", CALLERHANGUP: "you hung up", MANAGERHANGUP: "the application hung up", TIMEOUT: "it timed out" })[call.reason] ?? ended(call.reason);

function rest(over) {
  sounds.ring(false);
  sounds.hush();
  talk.over();
  Object.assign(phone, { current: null, heard: 0, typed: "", over });
  const [next] = phone.waiting.values();
  if (next) update(next);
  changed();
}

async function listen(callId) {
  const call = await api.call(callId);
  if (callId !== phone.current?.callId) return;
  const fresh = call.transcript.slice(phone.heard);
  phone.heard = Math.max(phone.heard, call.transcript.length);
  for (const each of fresh) {
    phone.said = plain(each.text) || each.file;
    if (!phone.isLoud) continue;
    if (each.text) sounds.speak(plain(each.text), each.locale);
    else sounds.beep();
  }
  changed();
}

export const status = () => {
  if (phone.current) return ringsHere(phone.current) ? "ringing" : phone.current.result === "ANSWERED" ? "talking" : "dialling";
  return phone.connected ? "idle" : "off";
};

export async function answer() {
  if (status() !== "ringing") return;
  const { callId } = phone.current;
  await attempt(async () => {
    const call = await api.pickUp(callId);
    phone.waiting.delete(callId);
    update(call);
  });
}

export async function hangUp() {
  if (phone.current) await attempt(() => api.putDown(phone.current.callId));
}

export async function dial() {
  await attempt(async () => {
    if (!phone.connected) await connect(true);
    const { callId } = await api.dialIn(phone.own, phone.typed.trim() || DIALS);
    phone.typed = "";
    update(await api.call(callId));
    // A change between that answer and this line was of a call that was not yet this phone's.
    const again = await api.call(callId);
    if (status() === "dialling" && phone.current.callId === callId) update(again);
  });
}

export async function press(key) {
  sounds.key(key);
  const is = status();
  if (is === "idle" || is === "off") {
    phone.typed = (phone.typed + key).slice(0, 128);
    return changed();
  }
  if (is !== "talking") return undefined;
  sounds.hush();
  return attempt(() => api.press(phone.current.callId, key));
}

function screen(is) {
  const call = phone.current;
  if (is === "ringing") return ["Incoming call", `from ${number(call.from)}, ${article(kind(call).toLowerCase())}`];
  if (is === "dialling") return ["Calling…", number(call.to)];
  if (is === "talking") return [`${minutes(now() - (call.answeredAt ?? now()))}  Talking`, phone.said ? `“${phone.said}”` : ""];
  if (phone.typed) return [phone.typed, "Call the application at this number."];
  if (phone.over) return [is === "off" ? "Disconnected" : "Ready", phone.over];
  return is === "off" ? ["Disconnected", "Calls to this number follow Numbers."] : ["Ready", "Calls to this number ring here."];
}

const article = (text) => (/^[aeiou]/.test(text) ? `an ${text}` : `a ${text}`);

const pressed = (event) => press(event.currentTarget.value);

/** The phone as it is now; `where` keeps the two places in which it may stand apart. */
export function view(where) {
  const is = status();
  const [title, says] = screen(is);
  const main = is === "ringing"
    ? h("div", { class: "two", key: "ringing" }, button("Answer", answer, { kind: "go", id: `answer-${where}` }), button("Decline", hangUp, { kind: "stop" }))
    : is === "talking" || is === "dialling"
      ? button("Hang up", hangUp, { kind: "stop", key: "talking" })
      : button("Call the application", dial, { key: "idle" });
  return h("section", { class: "phone", "data-state": is, "aria-label": "Test phone", key: `phone ${where}`, id: `phone-${where}` },
    h("header", {}, h("span", { class: "bell" }, icon(is === "ringing" ? "bell" : "phone")),
      h("b", { class: "num", title: "Change the number in Numbers" }, number(phone.own)),
      toggle("Test phone connected", is !== "off", () => connect(is === "off"))),
    h("div", { class: "screen" }, h("b", { class: "num" }, title), h("p", { "aria-live": "polite" }, says)),
    h("div", { class: "pad", role: "group", "aria-label": "Keypad" }, KEYS.map(([key, letters]) =>
      h("button", { type: "button", key, value: key, "data-letters": letters, "aria-label": NAMES[key] ?? null, onclick: pressed }, key))),
    talk.view(phone.current), main, where === "page" && sound());
}

/** Whether the phone rings and speaks aloud. */
export const sound = () => button(phone.isLoud ? "Sound on" : "Sound off", () => {
  phone.isLoud = !phone.isLoud;
  localStorage.setItem("sandbox.sound", phone.isLoud ? "on" : "off");
  if (!phone.isLoud) { sounds.hush(); sounds.ring(false); }
  changed();
}, { kind: "quiet small", "aria-pressed": String(phone.isLoud), key: "sound" });

/** Say that a call rings, where the phone is not in sight. */
export function bar() {
  return status() === "ringing"
    ? h("div", { class: "ringbar", role: "status" }, icon("bell"), "Incoming call", h("a", { class: "btn go", href: "#phone" }, "Open the phone"))
    : null;
}
