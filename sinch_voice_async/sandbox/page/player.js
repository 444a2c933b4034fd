// Recordings: their shape, and playing them.

import * as api from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { changed } from "./store.js";
import { minutes } from "./words.js";

const known = new Map();

function shape(key) {
  if (!known.has(key)) {
    known.set(key, { seconds: 0, peaks: [], at: 0, plays: false });
    api.peaks(key).then((found) => Object.assign(known.get(key), found), () => known.delete(key)).finally(changed);
  }
  return known.get(key);
}

/** A player with the waveform of a recording. */
export function recording(key) {
  const it = shape(key);
  const done = it.seconds ? it.at / it.seconds : 0;
  let audio;
  return h("section", { key: `recording ${key}`, "aria-label": "Recording" },
    h("h2", {}, "Recording", h("span", { class: "acts" }, h("a", { class: "btn quiet", href: api.recordingUrl(key), download: key }, "Download"))),
    h("div", { class: "card player" },
      h("audio", { src: api.recordingUrl(key), preload: "none", ref: (node) => { audio = node; },
        ontimeupdate: (event) => { it.at = event.target.currentTime; changed(); },
        onplay: () => { it.plays = true; changed(); }, onpause: () => { it.plays = false; changed(); }, onended: () => { it.at = 0; changed(); } }),
      h("button", { type: "button", class: "round", "aria-label": it.plays ? "Pause the recording" : "Play the recording", onclick: () => (it.plays ? audio.pause() : audio.play().catch(() => {})) }, icon(it.plays ? "pause" : "play")),
      h("div", { class: "wave", "aria-hidden": "true" }, it.peaks.map((peak, place) => h("i", { key: place, class: place / it.peaks.length < done ? "on" : null, "--h": Math.max(0.05, peak) }))),
      h("span", { class: "num soft" }, `${minutes(it.at)} / ${minutes(it.seconds)}`)));
}
