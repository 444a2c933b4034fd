// The page: listens to the exchange, and tells the telephone and the list of calls.

import * as calls from "./calls.js";
import { at, minutes } from "./elements.js";
import * as exchange from "./exchange.js";
import * as telephone from "./telephone.js";

let clock = { now: 0, speed: 0, heardAt: 0 };

function heard(name, data) {
  at("live").dataset.state = name === "lost" ? "lost" : "live";
  at("live").textContent = name === "lost" ? "Disconnected, trying again…" : "Live";
  if (name === "state") begin(data);
  if (name === "calls") {
    tick(data.clock);
    calls.follow(data.calls);
    telephone.follow(data.calls);
    at("count").textContent = data.count;
  }
}

function begin(state) {
  if (state.fresh) {
    calls.clear();
    telephone.clear();
  }
  tick(state.clock);
  telephone.plugged(state.phones);
  const urls = [state.account.primary, state.account.fallback].filter(Boolean).join(", then ");
  at("account").textContent = `Application ${state.account.applicationKey} · Callbacks go to ${urls || "nobody"}`;
}

function tick(state) {
  clock = { ...state, heardAt: Date.now() };
  const speed = String(state.speed);
  const options = [...at("speed").options];
  if (!options.some((option) => option.value === speed)) at("speed").append(new Option(`×${speed}`, speed));
  at("speed").value = speed;
}

// An answer may be overtaken by newer events: the speed is shown by those alone, and a step changes but the time.
async function step() {
  const { now } = await exchange.step(10);
  clock = { ...clock, now, heardAt: Date.now() };
}

at("speed").addEventListener("change", () => exchange.setSpeed(Number(at("speed").value)));
at("step").addEventListener("click", step);
setInterval(() => {
  at("time").textContent = minutes(clock.now + ((Date.now() - clock.heardAt) / 1000) * clock.speed);
}, 250);

telephone.install();
exchange.listen(heard);
