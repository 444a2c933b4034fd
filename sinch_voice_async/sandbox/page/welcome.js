// The first minute: what to paste, and what happens then.

import * as api from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { phone } from "./phone.js";
import { callbackUrl } from "./settings.js";
import { attempt, changed, state } from "./store.js";
import { button, copier } from "./ui.js";
import { time } from "./words.js";

const it = { shell: "bash", given: null };

export async function load() {
  it.given ??= await api.credentials();
  changed();
}

const SHELLS = ["bash", "PowerShell", ".env"];

function lines() {
  const { applicationKey, applicationSecret, baseUrl } = it.given ?? { applicationKey: "", applicationSecret: "", baseUrl: location.origin };
  const secret = applicationSecret ?? "the secret that the sandbox was started with";
  const pairs = [["SINCH_APPLICATION_KEY", applicationKey], ["SINCH_APPLICATION_SECRET", secret], ["SINCH_VOICE_BASE_URL", location.origin || baseUrl]];
  const write = { bash: ([name, value]) => `export ${name}=${/^[\w+/=:.-]*$/.test(value) ? value : `'${value}'`}`, PowerShell: ([name, value]) => `$env:${name} = "${value}"`, ".env": ([name, value]) => `${name}=${value}` }[it.shell];
  return pairs.map(write).join("\n");
}

function curl() {
  if (it.shell === "PowerShell") {
    return `curl.exe -u "$($env:SINCH_APPLICATION_KEY):$($env:SINCH_APPLICATION_SECRET)" \`\n  -H "Content-Type: application/json" "$env:SINCH_VOICE_BASE_URL/calling/v1/callouts" \`\n  -d '{\\"method\\":\\"ttsCallout\\",\\"ttsCallout\\":{\\"text\\":\\"Hello\\",\\"destination\\":{\\"type\\":\\"number\\",\\"endpoint\\":\\"${phone.own}\\"}}}'`;
  }
  return `curl -u "$SINCH_APPLICATION_KEY:$SINCH_APPLICATION_SECRET" \\\n  -H 'Content-Type: application/json' $SINCH_VOICE_BASE_URL/calling/v1/callouts \\\n  -d '{"method":"ttsCallout","ttsCallout":{"text":"Hello",\n       "destination":{"type":"number","endpoint":"${phone.own}"}}}'`;
}

const snippet = (name, tabs, text) => h("div", { class: "snip" },
  h("header", {}, tabs, copier("Copy", text, "the lines", { "aria-label": `Copy ${name}` })), h("pre", { tabindex: "0", role: "region", "aria-label": name }, text));
const step = (n, title, ...body) => h("li", { key: title }, h("span", { class: `n ${n === "✓" ? "done" : ""}`, "aria-hidden": "true" }, n), h("div", { class: "body" }, h("h2", {}, title), body));

const ring = () => attempt(async () => {
  await api.callout({ method: "ttsCallout", ttsCallout: { destination: { type: "number", endpoint: phone.own }, cli: "+46105551200", text: "Hello! This is the Voice sandbox. Hang up when you like." } });
});

export function view() {
  const firstAt = state.server?.firstRequestAt;
  const shells = SHELLS.map((shell) => h("button", { type: "button", class: "btn quiet", key: shell, "aria-pressed": String(shell === it.shell), onclick: () => { it.shell = shell; changed(); } }, shell));
  return h("div", { class: "welcome", key: "welcome" }, h("h1", { tabindex: "-1" }, "Connect your application"),
    h("p", {}, "The sandbox answers like the Sinch Voice API. No real calls are placed."),
    h("ol", { class: "steps" },
      step(firstAt ? "✓" : "1", "Point your client at the sandbox", snippet("the three lines", shells, lines())),
      step(firstAt ? "✓" : "2", "Place the first call", h("p", {}, "Run your program, or paste this. The test phone on this page rings."), snippet("the curl command", h("span", { class: "tab" }, "curl"), curl()),
        h("div", { class: `wait ${firstAt ? "done" : ""}`, role: "status" }, firstAt ? icon("yes") : h("span", { class: "dot" }),
          firstAt ? `The first request came at ${time(firstAt)}.` : "Waiting for the first request…"),
        h("div", { class: "two" }, button("Call the test phone", ring, { kind: "main", id: "ring" }), firstAt && h("a", { class: "btn", href: "#requests" }, "See the requests"))),
      step("3", "Receive callbacks", callbackUrl("primary", "Callback URL", "Where does your application listen? Leave it empty to answer with SVAML from this page."))));
}
