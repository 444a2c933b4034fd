// The stream of what changes, one for all tabs: a browser opens six connections to a host, and each stream is one.
//
// The tab that holds the lock "sandbox-stream" listens and tells the others by a broadcast channel; when it closes,
// another takes over. Where there are no locks (plain http on another machine) a tab that hears no other streams;
// the rest ask every two seconds. While no tab is seen, the sandbox looks for changes four times a second only.

const NAMES = ["state", "calls", "requests"];
const TOLD = new Set([...NAMES, "open", "lost"]);
const POLLS_EVERY = 2_000;
const ASKS_FOR = 400;
const SLOW_AFTER = 2_000;

/** Call `heard(name, data)` for every event from now on: those of the stream, "lost", "open", and "poll". */
export function listen(heard) {
  const channel = new BroadcastChannel(`sandbox ${location.origin}`);
  const audience = gather(channel);
  const stream = () => open(channel, heard, audience);
  if (navigator.locks) {
    channel.onmessage = ({ data }) => TOLD.has(data.name) && heard(data.name, data.data);
    navigator.locks.request("sandbox-stream", () => stream());
    // The tab that streams says how it does.
    channel.postMessage({ name: "hello" });
    return;
  }
  elect(channel, heard, stream);
}

/** Know whether any tab is seen: each says so by the channel. */
function gather(channel) {
  const me = Math.random();
  const seen = new Set();
  const audience = { isSeen: () => seen.size > 0, changed: () => {} };
  const note = (id, on) => {
    if (on) seen.add(id);
    else seen.delete(id);
    audience.changed();
  };
  const say = (on) => {
    channel.postMessage({ name: "seen", id: me, on });
    note(me, on);
  };
  channel.addEventListener("message", ({ data }) => {
    if (data.name === "seen") note(data.id, data.on);
    if (data.name === "roll") say(!document.hidden);
  });
  document.addEventListener("visibilitychange", () => say(!document.hidden));
  addEventListener("pagehide", () => say(false));
  channel.postMessage({ name: "roll" });
  say(!document.hidden);
  return audience;
}

/** Hold the stream for as long as the page lives. */
function open(channel, heard, audience) {
  return new Promise(() => {
    let doing = "lost";
    let source = null;
    let place = "";
    let isSlow = false;
    const tell = (name, data) => {
      if (name === "open" || name === "lost") doing = name;
      heard(name, data);
      channel.postMessage({ name, data });
    };
    const connect = () => {
      source?.close();
      isSlow = !audience.isSeen();
      const mine = new EventSource(`api/events?${new URLSearchParams({ lease: "page", ...(isSlow && { pace: "slow" }), ...(place && { after: place }) })}`);
      source = mine;
      for (const name of NAMES) mine.addEventListener(name, (event) => { place = event.lastEventId; tell(name, JSON.parse(event.data)); });
      mine.addEventListener("open", () => tell("open", null));
      mine.addEventListener("error", () => {
        tell("lost", null);
        // A browser gives up on a stream that is refused once; the sandbox may come back.
        if (mine.readyState === EventSource.CLOSED && mine === source) setTimeout(connect, 1_000);
      });
    };
    channel.addEventListener("message", ({ data }) => data.name === "hello" && channel.postMessage({ name: doing, data: null }));
    audience.changed = () => {
      const suits = () => audience.isSeen() === !isSlow;
      if (suits()) return;
      if (isSlow) connect();
      else setTimeout(() => suits() || connect(), SLOW_AFTER);
    };
    connect();
  });
}

function elect(channel, heard, stream) {
  let streams = false;
  let heardOf = 0;
  channel.onmessage = ({ data }) => {
    if (data.name === "who" && streams) channel.postMessage({ name: "me" });
    if (data.name === "me") heardOf = Date.now();
  };
  const ask = () => {
    if (streams) return;
    channel.postMessage({ name: "who" });
    setTimeout(() => {
      if (Date.now() - heardOf < ASKS_FOR * 2) return heard("poll", null);
      streams = true;
      channel.postMessage({ name: "me" });
      return stream();
    }, ASKS_FOR * (0.5 + Math.random() / 2));
  };
  ask();
  setInterval(ask, POLLS_EVERY);
}
