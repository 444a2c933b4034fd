// The microphone and the loudspeaker of the test phone, while its call is connected to a media stream.

import { h } from "./dom.js";
import { changed } from "./store.js";
import { button } from "./ui.js";

const PROBLEMS = {
  NotAllowedError: "The browser does not allow this page to use the microphone.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "Another program uses the microphone.",
};
const FALLS = 0.8;

/** `current` is the talk that goes on; `problem` is why the last one ended, empty if a person or the call ended it. */
const talk = { current: null, callId: "", problem: "" };

async function start(callId) {
  stop();
  Object.assign(talk, { callId, problem: "" });
  const mine = (talk.current = { tracks: [], said: 0, heard: 0, ready: false });
  changed();
  try {
    if (!navigator.mediaDevices) throw new Error("Browsers open the microphone on https or localhost only.");
    const source = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true } });
    mine.tracks = source.getTracks();
    if (talk.current !== mine) close(mine);
    else connect(mine, source);
  } catch (error) {
    end(mine, PROBLEMS[error.name] ?? error.message);
  }
}

function connect(mine, source) {
  const address = new URL(`api/calls/${encodeURIComponent(talk.callId)}/talk`, location.href);
  address.protocol = address.protocol.replace("http", "ws");
  address.hash = "";
  mine.socket = new WebSocket(address);
  mine.socket.binaryType = "arraybuffer";
  mine.socket.onclose = ({ code, reason }) => end(mine, code === 1000 ? "" : reason || "The sandbox closed the connection.");
  mine.socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return mine.node?.port.postMessage(data, [data]);
    const { sampleRate } = JSON.parse(data);
    if (!sampleRate) return mine.node?.port.postMessage("clear");
    return open(mine, source, sampleRate).catch((error) => end(mine, error.message));
  };
}

async function open(mine, source, sampleRate) {
  mine.audio = new AudioContext({ sampleRate });
  await mine.audio.audioWorklet.addModule("page/talk-worklet.js");
  if (talk.current !== mine) return;
  mine.node = new AudioWorkletNode(mine.audio, "talk", { channelCount: 1, channelCountMode: "explicit", outputChannelCount: [1] });
  mine.node.port.onmessage = ({ data: { pcm, said, heard } }) => {
    // A connection that is slower than sound loses frames: nothing piles up. One second is the most.
    if (mine.socket.readyState === WebSocket.OPEN && mine.socket.bufferedAmount < 2 * sampleRate) mine.socket.send(pcm);
    mine.said = Math.max(said, mine.said * FALLS);
    mine.heard = Math.max(heard, mine.heard * FALLS);
    for (const name of ["said", "heard"]) for (const meter of document.querySelectorAll(`meter.${name}`)) meter.value = mine[name];
  };
  mine.audio.createMediaStreamSource(source).connect(mine.node).connect(mine.audio.destination);
  await mine.audio.resume();
  mine.ready = true;
  changed();
}

function close(mine) {
  for (const track of mine.tracks) track.stop();
  mine.socket?.close();
  if (mine.audio && mine.audio.state !== "closed") mine.audio.close();
}

function end(mine, problem) {
  if (talk.current === mine) Object.assign(talk, { current: null, problem });
  close(mine);
  changed();
}

/** Close the microphone. */
export function stop() {
  if (talk.current) end(talk.current, "");
}

/** Forget a talk whose call is over. */
export function over() {
  stop();
  talk.problem = "";
}

const level = (name, label) =>
  h("label", { class: "level" }, label, h("meter", { class: name, min: "0", max: "1", "aria-label": label }));

/** The button of a call, and both levels while somebody talks. */
export function view(call) {
  if (!call?.streams || call.result !== "ANSWERED") return null;
  const { callId } = call;
  const talks = talk.current && talk.callId === callId;
  return h("div", { class: "talk", key: "talk", "data-talks": String(Boolean(talks && talk.current.ready)) },
    talks ? button("Stop talking", stop, { key: "stop" }) : button("Talk", () => start(callId), { key: "start" }),
    talks && [level("said", "Microphone"), level("heard", "Loudspeaker")],
    talk.problem && talk.callId === callId && h("p", { role: "alert" }, talk.problem));
}
