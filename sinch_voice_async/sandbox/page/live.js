// The stream of what changes, one for all tabs: a browser opens six connections to a host, and each stream is one.
//
// The tab that holds the lock "sandbox-stream" listens and tells the others by a broadcast channel; when it closes,
// another takes over. Where there are no locks (plain http on another machine) a tab that hears no other streams;
// the rest ask every two seconds.

const NAMES = ["state", "calls", "requests"];
const TOLD = new Set([...NAMES, "open", "lost"]);
const POLLS_EVERY = 2_000;
const ASKS_FOR = 400;

/** Call `heard(name, data)` for every event from now on: those of the stream, "lost", "open", and "poll". */
export function listen(heard) {
  const channel = new BroadcastChannel(`sandbox ${location.origin}`);
  const stream = () => open(channel, heard);
  if (navigator.locks) {
    channel.onmessage = ({ data }) => TOLD.has(data.name) && heard(data.name, data.data);
    navigator.locks.request("sandbox-stream", () => stream());
    // The tab that streams says how it does.
    channel.postMessage({ name: "hello" });
    return;
  }
  elect(channel, heard, stream);
}

/** Hold the stream for as long as the page lives. */
function open(channel, heard) {
  return new Promise(() => {
    const source = new EventSource("api/events?lease=page");
    let doing = "lost";
    const tell = (name, data) => {
      if (name === "open" || name === "lost") doing = name;
      heard(name, data);
      channel.postMessage({ name, data });
    };
    channel.addEventListener("message", ({ data }) => data.name === "hello" && channel.postMessage({ name: doing, data: null }));
    for (const name of NAMES) source.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
    source.addEventListener("open", () => tell("open", null));
    source.addEventListener("error", () => {
      tell("lost", null);
      // A browser gives up on a stream that is refused once; the sandbox may come back.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => open(channel, heard), 1_000);
    });
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
