// The control API. What it refuses becomes an Error with its message; a sandbox that is gone, one that says so.

export class Gone extends Error {}

async function send(method, path, body) {
  const json = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(`api${path}`, { method, ...json });
  } catch {
    throw new Gone("The sandbox stopped. Start it again and this page continues.");
  }
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

const named = encodeURIComponent;
const query = (members) => {
  const given = Object.entries(members).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
};

export const state = () => send("GET", "/state?lease=page");
export const credentials = () => send("GET", "/account/credentials");
export const setAccount = (members) => send("PATCH", "/account", members);
export const reset = () => send("POST", "/reset", {});
export const calls = (members) => send("GET", `/calls${query({ limit: 200, ...members })}`);
export const clearCalls = (members) => send("DELETE", `/calls${query(members)}`);
export const call = (id) => send("GET", `/calls/${named(id)}`);
export const dialIn = (from, to, kind) => send("POST", "/calls", { from, to, ...(kind ? { kind } : {}) });
export const callout = (body) => send("POST", "/calls/callout", body);
export const pickUp = (id) => send("POST", `/calls/${named(id)}/pick-up`, {});
export const press = (id, keys) => send("POST", `/calls/${named(id)}/press`, { keys });
export const putDown = (id) => send("POST", `/calls/${named(id)}/put-down`, {});
export const requests = (members) => send("GET", `/requests${query({ limit: 200, ...members })}`);
export const clearRequests = (members) => send("DELETE", `/requests${query(members)}`);
export const request = (id) => send("GET", `/requests/${named(id)}`);
export const explain = (id, stringToSign) => send("POST", `/requests/${named(id)}/explain`, stringToSign === undefined ? {} : { stringToSign });
export const resend = (id, members) => send("POST", `/requests/${named(id)}/resend`, members);
export const callbackTest = (url) => send("POST", "/callback-test", url ? { url } : {});
export const conferences = () => send("GET", "/conferences");
export const conference = (id) => send("GET", `/conferences/${named(id)}`);
export const seat = (id, callId, members) => send("PATCH", `/conferences/${named(id)}/${named(callId)}`, members);
export const unseat = (id, callId) => send("DELETE", `/conferences/${named(id)}/${named(callId)}`);
export const phones = () => send("GET", "/phones");
export const setPhone = (number, members) => send("PUT", `/phones/${named(number)}`, members);
export const setEverybody = (members) => send("PUT", "/phones", members);
export const forgetPhone = (number) => send("DELETE", `/phones/${named(number)}`);
export const leavePhone = (number) => fetch(`api/phones/${named(number)}`, { method: "DELETE", keepalive: true });
export const population = () => send("GET", "/population");
export const setPopulation = (members) => send("PUT", "/population", members);
export const clearPopulation = () => send("DELETE", "/population");
export const answers = () => send("GET", "/answers");
export const setAnswer = (event, members) => send("PUT", `/answers/${event}`, members);
export const clearAnswer = (event) => send("DELETE", `/answers/${event}`);
export const checkSvaml = (svaml, event) => send("POST", "/svaml/check", { svaml, event });
export const svamlSchema = () => send("GET", "/svaml/schema");
export const faults = () => send("GET", "/faults");
export const addFault = (members) => send("POST", "/faults", members);
export const limitCalls = (callsPerSecond) => send("PATCH", "/faults", { callsPerSecond });
export const clearFaults = () => send("DELETE", "/faults");
export const setClock = (members) => send("PATCH", "/clock", members);
export const step = (seconds) => send("POST", "/clock/step", { seconds });
export const peaks = (key) => send("GET", `/recordings/${named(key)}/peaks?n=120`);
export const recordingUrl = (key) => `api/recordings/${named(key)}`;
export const bodyUrl = (id, which) => `api/requests/${named(id)}/${which}`;
