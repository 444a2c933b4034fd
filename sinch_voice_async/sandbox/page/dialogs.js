// Dialogs: placing a call, asking before something is deleted, help, comparing a signature, editing a callback.

import * as api from "./api.js";
import { h } from "./dom.js";
import { go, hashOf } from "./routes.js";
import { changed, state } from "./store.js";
import { button, code, field } from "./ui.js";

/** Show a dialog: a function that returns its content. */
export function show(name, draw) {
  state.dialog = { name, draw, hash: location.hash, opener: document.activeElement };
  changed();
}

export function close() {
  const opener = state.dialog?.opener;
  state.dialog = null;
  changed();
  opener?.isConnected && opener.focus();
}

/** The dialog that is open. */
export function view() {
  if (!state.dialog) return null;
  const { name, draw } = state.dialog;
  return h("dialog", { "aria-label": name, key: name, onclose: close, ref: (node) => node.open || node.showModal() }, draw());
}

/** Ask before doing something that cannot be undone. */
export function ask(title, text, label, act) {
  let wrong = "";
  const submit = async (event) => {
    event.preventDefault();
    try {
      await act();
      close();
    } catch (error) {
      wrong = error.message;
      changed();
    }
  };
  show(title, () => h("form", { class: "narrow", onsubmit: submit }, h("div", { class: "fields" }, h("h2", {}, title), h("p", { class: "soft" }, text), h("span", { class: "err", role: "alert" }, wrong),
    h("div", { class: "two" }, h("button", { class: "btn stop", autofocus: true }, label), button("Cancel", close, { kind: "quiet" })))));
}

const HELP = [["/", "Search"], ["j  k", "Next, previous"], ["Enter", "Open"], ["Esc", "Back, close"], ["g c · g r · g f · g n · g s", "Calls, Requests, Conferences, Numbers, Settings"], ["n", "New call"],
  ["a", "Answer the phone"], ["d", "Decline, or hang up"], ["0-9 * #", "Press a key, in the phone"], ["c", "Copy the link"], ["r", "Resend"], ["Ctrl-Enter", "Send"], [".", "Pause the list of requests"], ["?", "This help"]];

export function help() {
  show("Keyboard", () => h("form", { class: "narrow", method: "dialog" }, h("div", { class: "fields" }, h("h2", {}, "Keyboard"),
    h("dl", { class: "keys" }, HELP.map(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)])), h("div", { class: "two" }, h("button", { class: "btn main", autofocus: true }, "Close")))));
}

const KINDS = [["ttsCallout", "Text-to-speech callout"], ["conferenceCallout", "Conference callout"], ["customCallout", "Custom callout"], ["incoming", "Incoming call"]];
const MENU = { action: { name: "connectPstn", number: "+46700000001", cli: "+46105551200" } };
const form = { kind: "ttsCallout", to: "+46700000001", from: "+46105551200", text: "Hello from the sandbox.", locale: "en-GB", conferenceId: "standup", ice: JSON.stringify(MENU, null, 2), ace: true };

/** What the form stands for: the body of a callout. */
function body() {
  const to = form.to.replace(/[ ]/g, "");
  const destination = { type: to.includes("@") ? "sip" : "number", endpoint: to };
  const shared = { destination, cli: form.from.replace(/[ ]/g, "") };
  const flags = form.ace ? { enableAce: true, enableDice: true, enablePie: true } : {};
  if (form.kind === "conferenceCallout") return { method: form.kind, conferenceCallout: { ...shared, conferenceId: form.conferenceId, ...flags } };
  if (form.kind === "customCallout") return { method: form.kind, customCallout: { ice: form.ice.trim() ? compact(form.ice) : undefined, ...(form.ice.trim() ? {} : shared), ...flags } };
  return { method: "ttsCallout", ttsCallout: { ...shared, locale: form.locale, text: form.text, ...flags } };
}

function compact(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

function problems(limit) {
  const wrong = {};
  const isNumber = (text) => /^\+[1-9]\d{4,14}$/.test(text.replace(/[ ]/g, ""));
  if (form.kind !== "customCallout" && !isNumber(form.to) && !form.to.includes("@")) wrong.to = "Use the international form, for example +46700000001.";
  if (form.kind === "incoming" && !isNumber(form.from)) wrong.from = "Use the international form, for example +46700000001.";
  if (form.kind === "ttsCallout" && form.text.length > limit) wrong.text = `The text is ${form.text.length} characters long; the limit is ${limit}.`;
  if (form.kind === "ttsCallout" && !form.text.trim()) wrong.text = "Enter a text to speak.";
  if (form.kind === "conferenceCallout" && !form.conferenceId.trim()) wrong.conferenceId = "Enter the name of the conference.";
  return wrong;
}

/** Open the form that places a call; `members` replace what stands in it. */
export function newCall(members = {}) {
  if (!(members instanceof Event)) Object.assign(form, members);
  let wrong = {};
  let answer = "";
  let sends = false;
  const limit = state.server?.account.maxTextLength ?? 600;
  const put = (name) => (event) => {
    form[name] = event.target.type === "checkbox" ? event.target.checked : event.target.value;
    wrong = { ...wrong, [name]: problems(limit)[name] };
    answer = "";
    changed();
  };
  const submit = async (event) => {
    event.preventDefault();
    wrong = problems(limit);
    if (Object.values(wrong).some(Boolean)) {
      changed();
      return requestAnimationFrame(() => document.querySelector("dialog [aria-invalid=true]")?.focus());
    }
    sends = true;
    changed();
    try {
      const placed = form.kind === "incoming" ? await api.dialIn(form.from.replace(/[ ]/g, ""), form.to.replace(/[ ]/g, "")) : await api.callout(body());
      close();
      return go(hashOf("call", placed.callId));
    } catch (error) {
      answer = error.message;
      return undefined;
    } finally {
      sends = false;
      changed();
    }
  };
  const input = (name, more = {}) => h("input", { value: form[name], oninput: put(name), "aria-invalid": String(Boolean(wrong[name])), autocomplete: "off", spellcheck: "false", id: `new-${name}`, ...more });
  const area = (name, more = {}) => h("textarea", { value: form[name], oninput: put(name), "aria-invalid": String(Boolean(wrong[name])), id: `new-${name}`, ...more });
  show("New call", () => h("form", { onsubmit: submit, novalidate: true },
    h("div", { class: "fields" }, h("h2", {}, "New call"),
      field("Kind", h("select", { onchange: put("kind"), id: "new-kind", autofocus: true }, KINDS.map(([value, label]) => h("option", { value, selected: value === form.kind }, label)))),
      form.kind !== "customCallout" && field("To", input("to", { inputmode: "tel" }), { wrong: wrong.to }),
      field("From", input("from", { inputmode: "tel" }), { wrong: wrong.from }),
      form.kind === "ttsCallout" && field("Text", area("text"), { wrong: wrong.text }),
      form.kind === "conferenceCallout" && field("Conference", input("conferenceId"), { wrong: wrong.conferenceId }),
      form.kind === "customCallout" && field("ICE: SVAML or a URL", area("ice", { class: "mono", rows: "7", spellcheck: "false" })),
      form.kind !== "incoming" && h("label", { class: "check" }, h("input", { type: "checkbox", checked: form.ace, onchange: put("ace") }), "Send ACE, PIE and DiCE"),
      h("span", { class: "err", role: "alert" }, answer),
      h("div", { class: "two" }, h("button", { class: "btn main", disabled: sends }, "Place the call"), button("Cancel", close, { kind: "quiet" }))),
    h("div", { class: "shows" }, form.kind === "incoming"
      ? [h("p", {}, "A person calls the application. It is told by ICE."), code({ from: form.from, to: form.to }, "What is dialled", "dialled")]
      : [h("p", {}, "POST /calling/v1/callouts"), code(body(), "The request", "request")])));
}
