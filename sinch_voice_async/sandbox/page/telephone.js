// The telephone of whoever looks at the page: it rings, is answered, speaks, has a keypad, hangs up and dials in.

import { at, element, minutes, plain } from "./elements.js";
import * as exchange from "./exchange.js";
import * as sounds from "./sounds.js";

const KEYS = [["1", ""], ["2", "abc"], ["3", "def"], ["4", "ghi"], ["5", "jkl"], ["6", "mno"],
              ["7", "pqrs"], ["8", "tuv"], ["9", "wxyz"], ["*", ""], ["0", "+"], ["#", ""]];

const NAMES = { "*": "star", "#": "hash" };

// The call that this telephone is in, as the exchange last described it; null while it rests.
let current = null;
let heard = 0;
let answeredAt = null;

// Calls that ring until somebody picks them up; one of them rings here, the others are next.
const waiting = new Map();

/** Take note of calls that changed. */
export function follow(calls) {
  for (const call of calls) {
    if (call.waits) waiting.set(call.callId, call);
    else waiting.delete(call.callId);
    if (call.callId === current?.callId) update(call);
  }
  const [next] = waiting.values();
  if (!current && next) update(next);
}

/** Forget every call. */
export function clear() {
  waiting.clear();
  if (current) rest("The exchange forgot every call.");
}

/** Show which numbers ring here. */
export function plugged(phones) {
  const numbers = phones.filter((phone) => phone.manual).map((phone) => phone.number);
  const mine = numbers.includes(at("own").value.trim().replace(/^\+/, ""));
  at("plug").setAttribute("aria-pressed", String(mine));
  at("plug").textContent = mine ? "Unplug" : "Plug in";
}

function update(call) {
  describe(call);
  if (current) attempt(() => listen(call.callId));
}

function describe(call) {
  current = call;
  if (call.status === "FINAL") return rest(`The call is over: ${call.reason.toLowerCase()}.`);
  if (call.result === "ANSWERED" && answeredAt === null) answeredAt = Date.now() - call.duration * 1000;
  const other = call.dialledIn ? call.to : call.from || "An unknown number";
  const [state, says] = call.waits
    ? ["ringing", `${other} calls.`]
    : answeredAt === null ? ["dialling", `Calling ${other}…`] : ["talking", `In a call with ${other}.`];
  show(state, says);
}

function rest(says) {
  current = answeredAt = null;
  heard = 0;
  sounds.hush();
  show("idle", says);
  at("timer").textContent = "";
  at("number").value = "";
}

function show(state, says) {
  const before = at("telephone").dataset.state;
  at("telephone").dataset.state = state;
  if (at("says").textContent !== says) at("says").textContent = says;
  at("answer").textContent = state === "ringing" ? "Answer" : "Call";
  at("answer").disabled = state === "talking" || state === "dialling";
  at("hang-up").disabled = state === "idle";
  at("hang-up").textContent = state === "ringing" ? "Decline" : "Hang up";
  at("number").readOnly = state !== "idle";
  document.title = state === "ringing" ? `☎ ${says}` : "Telephone exchange";
  sounds.ring(state === "ringing" && at("aloud").checked);
  // Whoever answered by keyboard goes on by keyboard: the button that had the focus cannot be pressed any more, and some
  // browsers take the focus from it only later.
  const focused = document.activeElement;
  if (state !== before && (focused === document.body || focused?.disabled)) at("handset").focus();
}

async function listen(callId) {
  const call = await exchange.call(callId);
  if (callId !== current?.callId) return;
  // What was heard may be newer than what the stream told: whoever hears a menu can press its keys.
  describe(call);
  const fresh = call.transcript.slice(heard);
  heard = Math.max(heard, call.transcript.length);
  for (const each of fresh) {
    at("heard").textContent = plain(each.text) || each.file;
    if (!at("aloud").checked) continue;
    if (each.text) sounds.speak(plain(each.text), each.locale);
    else sounds.beep();
  }
}

async function answer() {
  if (current) return exchange.pickUp(current.callId);
  const number = at("number").value.trim();
  if (!number) return at("number").focus();
  at("heard").textContent = "";
  // Whoever dials has a telephone: without one, the person who is everywhere would soon hang up for them.
  if (!isPlugged()) await plug();
  const { callId } = await exchange.dialIn(at("own").value.trim(), number);
  update(await exchange.call(callId));
}

function hangUp() {
  return exchange.putDown(current.callId);
}

async function press(key) {
  sounds.key(key);
  at("number").value += key;
  if (answeredAt === null) return;
  sounds.hush();
  await exchange.press(current.callId, key);
}

const isPlugged = () => at("plug").getAttribute("aria-pressed") === "true";

async function plug() {
  const number = at("own").value.trim();
  await (isPlugged() ? exchange.unplug(number) : exchange.plugIn(number));
  plugged((await exchange.phones()).phones);
}

/** Do something, and say on the display why it could not be done. */
async function attempt(something) {
  try {
    await something();
  } catch (error) {
    at("says").textContent = error.message;
  }
}

function typed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = event.target === at("number") && !current;
  if (event.key === "Enter" && (writing || event.target === at("handset"))) {
    event.preventDefault();
    attempt(answer);
  } else if (/^[0-9*#]$/.test(event.key) && !writing) {
    event.preventDefault();
    attempt(() => press(event.key));
  }
}

/** Make the keypad and connect every button. */
export function install() {
  for (const [key, letters] of KEYS) {
    const button = element("button", { type: "button", value: key, "aria-label": NAMES[key] || key }, key, element("small", {}, letters));
    button.addEventListener("click", () => attempt(() => press(key)));
    at("keypad").append(button);
  }
  at("answer").addEventListener("click", () => attempt(answer));
  at("hang-up").addEventListener("click", () => attempt(hangUp));
  at("handset").addEventListener("keydown", typed);
  at("line").addEventListener("submit", (event) => { event.preventDefault(); attempt(plug); });
  at("own").addEventListener("input", () => attempt(async () => plugged((await exchange.phones()).phones)));
  at("aloud").addEventListener("change", () => {
    sounds.hush();
    sounds.ring(at("telephone").dataset.state === "ringing" && at("aloud").checked);
  });
  setInterval(() => {
    if (answeredAt !== null) at("timer").textContent = minutes((Date.now() - answeredAt) / 1000);
  }, 250);
}
