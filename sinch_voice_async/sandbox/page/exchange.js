// Talking to the exchange: its control API, and the stream of what changes.

async function send(method, path, body) {
  const json = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`api${path}`, { method, ...json });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

const named = encodeURIComponent;

export const state = () => send("GET", "/state");
export const call = (id) => send("GET", `/calls/${named(id)}`);
export const dialIn = (from, to) => send("POST", "/calls", { from, to });
export const pickUp = (id) => send("POST", `/calls/${named(id)}/pick-up`, {});
export const press = (id, keys) => send("POST", `/calls/${named(id)}/press`, { keys });
export const putDown = (id) => send("POST", `/calls/${named(id)}/put-down`, {});
export const phones = () => send("GET", "/phones");
export const plugIn = (number) => send("PUT", `/phones/${named(number)}`, { manual: true });
export const unplug = (number) => send("DELETE", `/phones/${named(number)}`);
export const setSpeed = (speed) => send("PATCH", "/clock", { speed });
export const step = (seconds) => send("POST", "/clock/step", { seconds });

/** Call `heard(name, data)` for every event, from the state as it is on; the browser reconnects by itself. */
export function listen(heard) {
  const source = new EventSource("api/events");
  for (const name of ["state", "calls"]) {
    source.addEventListener(name, (event) => heard(name, JSON.parse(event.data)));
  }
  source.addEventListener("error", () => heard("lost", null));
}
