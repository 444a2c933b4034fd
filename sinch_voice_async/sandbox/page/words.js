// Words, numbers and times as a person reads them.

export const two = (number) => String(number).padStart(2, "0");

/** Seconds as m:ss, or h:mm:ss. */
export function minutes(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3_600);
  return hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

export const seconds = (value) => `${value.toFixed(1)} s`;

/** The time of day of an ISO date, here. */
export function time(iso, precise = false) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "–";
  const day = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return precise ? `${day}.${String(date.getMilliseconds()).padStart(3, "0")}` : day;
}

const pairs = (text) => text.match(/../g) ?? [];

/** Milliseconds, with a decimal if they are few. */
export const took = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** A phone number in groups; anything else as it is. */
export function number(text) {
  const found = /^(\+46|\+1|\+44|\+49|\+33|\+\d\d)(\d{4,13})$/.exec(text ?? "");
  if (!found) return text || "Unknown";
  // +1 415 555 0132, +44 20 7946 0018, and +46 70 174 06 31.
  const local = { "+1": /^(\d{3})(\d{3})(\d{4})$/, "+44": /^(20)(\d{4})(\d{4})$/ }[found[1]]?.exec(found[2]);
  if (local) return [found[1], ...local.slice(1)].join(" ");
  const [first, rest] = [found[2].slice(0, found[1] === "+1" ? 3 : 2), found[2].slice(found[1] === "+1" ? 3 : 2)];
  const joined = [first, ...(rest.length % 2 ? [rest.slice(0, 3), ...pairs(rest.slice(3))] : pairs(rest))].filter(Boolean);
  return `${found[1]} ${joined.join(" ")}`;
}

export const plain = (text) => text.replace(/<[^>]*>/g, "");
export const bytes = (size) => (size < 1_024 ? `${size} bytes` : size < 1_048_576 ? `${(size / 1_024).toFixed(1)} kB` : `${(size / 1_048_576).toFixed(1)} MB`);
export const count = (value) => value.toLocaleString("en-US");

const KINDS = { ttsCallout: "Text-to-speech callout", conferenceCallout: "Conference callout", customCallout: "Custom callout" };
export const kind = (call) => (call.dialledIn ? "Incoming call" : KINDS[call.method] ?? "Call");

const ENDS = {
  MANAGERHANGUP: "by the application", CALLERHANGUP: "by the caller", CALLEEHANGUP: "by the person called", TIMEOUT: "timed out",
  CANCEL: "canceled", NOCREDITPARTNER: "no credit", INVALIDSVAMLACTION: "SVAML was not valid", CALLBACKERROR: "the callback failed",
  GENERALERROR: "by an error of the sandbox",
};
export const ended = (reason) => ENDS[reason] ?? reason.toLowerCase();

const RESULTS = { BUSY: "Busy", NOANSWER: "No answer", FAILED: "Failed" };

/** How a call is doing: its word, and the tone that the style sheet colours. */
export function outcome(call) {
  if (call.status !== "FINAL") {
    if (call.conferenceId && call.result === "ANSWERED") return { word: "In conference", tone: "ok" };
    return call.result === "ANSWERED" ? { word: "Talking", tone: "ok" } : { word: "Ringing", tone: "ring" };
  }
  if (call.failure && call.reason !== "MANAGERHANGUP") return { word: "Callback failed", tone: "bad" };
  if (call.result !== "ANSWERED") return { word: RESULTS[call.result] ?? call.result, tone: "bad" };
  return { word: "Completed", tone: "done" };
}

/** The number that a list shows: of the other party. */
export const other = (call) => (call.dialledIn ? call.from : call.to);
export const EVENTS = { ice: "ICE", ace: "ACE", pie: "PIE", dice: "DiCE", notify: "Notify" };
