// What the page knows, and when it is drawn: once per frame, after something changed.

import * as api from "./api.js";

export const state = {
  live: "connecting",
  instance: "",
  restarted: false,
  server: null,
  clock: { now: 0, speed: 0, heardAt: 0 },
  route: { view: "", id: "", params: new URLSearchParams() },
  dialog: null,
  toast: "",
  selectedAt: 0,
  call: null,
  request: null,
  conference: null,
};

let draw = () => {};
let waiting = false;
let turns = 0;

/** Have the page drawn by this function from now on. */
export function drawnBy(drawing) {
  draw = drawing;
}

/** Have the page drawn soon. */
export function changed() {
  if (waiting) return;
  waiting = true;
  const turn = (turns += 1);
  const now = () => {
    if (!waiting || turn !== turns) return;
    waiting = false;
    draw();
  };
  requestAnimationFrame(now);
  // A tab in the background gets no frames, but its title and its phone go on.
  setTimeout(now, document.hidden ? 100 : 300);
}

/** The exchange's time, which goes on between two events. */
export const now = () => state.clock.now + ((Date.now() - state.clock.heardAt) / 1_000) * state.clock.speed;

export function tick(clock) {
  state.clock = { ...clock, heardAt: Date.now() };
}

let hides = 0;

/** Say something for a short time, to eyes and to screen readers. */
export function toast(text) {
  state.toast = text;
  changed();
  clearTimeout(hides);
  hides = setTimeout(() => {
    state.toast = "";
    changed();
  }, 2_600);
}

/** Do something, and say why it could not be done. */
export async function attempt(something) {
  try {
    return await something();
  } catch (error) {
    toast(error.message);
    return undefined;
  } finally {
    changed();
  }
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http on another machine has no clipboard.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(`Copied ${what}`);
}

/** A list of calls or requests, newest first, of which pages are loaded when they are needed. */
export class Listing {
  constructor(fetchPage, nameOf, isBefore) {
    this.fetchPage = fetchPage;
    this.nameOf = nameOf;
    this.isBefore = isBefore;
    this.items = [];
    this.byId = new Map();
    this.query = "";
    this.filter = {};
    this.count = 0;
    this.total = 0;
    this.next = null;
    this.loaded = false;
    this.added = 0;
    this.paused = false;
    this.asked = 0;
    this.refreshes = 0;
  }

  get isSearch() {
    return Boolean(this.query || Object.values(this.filter).some(Boolean));
  }

  /** Search for something else. */
  async search(query, filter) {
    this.query = query;
    this.filter = filter;
    await this.reload();
  }

  /** Load the newest page, and keep what is older than it. */
  async reload({ forget = true } = {}) {
    const asked = (this.asked += 1);
    const found = await this.fetchPage({ q: this.query, ...this.filter });
    if (asked !== this.asked) return;
    const items = found.calls ?? found.requests;
    const last = items.at(-1);
    const place = last && !forget ? this.items.findIndex((each) => this.nameOf(each) === this.nameOf(last)) : -1;
    const older = place >= 0 ? this.items.slice(place + 1) : [];
    this.items = [...items, ...older];
    this.byId = new Map(this.items.map((each) => [this.nameOf(each), each]));
    this.next = older.length ? this.next : found.next;
    this.count = found.count;
    if (!this.isSearch) this.total = found.count;
    this.loaded = true;
    changed();
  }

  /** Load the page after the last one. */
  async more() {
    if (!this.next || this.loading) return;
    this.loading = true;
    try {
      const asked = this.asked;
      const found = await this.fetchPage({ q: this.query, ...this.filter, before: this.next, limit: 1_000 });
      if (asked !== this.asked) return;
      for (const each of found.calls ?? found.requests) {
        if (!this.byId.has(this.nameOf(each))) this.items.push(each);
        this.byId.set(this.nameOf(each), each);
      }
      this.next = found.next;
    } finally {
      this.loading = false;
      changed();
    }
  }

  /** Take note of items that changed; `more` is whether others did, too. */
  follow(items, total, more) {
    this.total = total;
    for (const item of items) {
      const known = this.byId.get(this.nameOf(item));
      if (known) this.items[this.items.indexOf(known)] = item;
      if (known) this.byId.set(this.nameOf(item), item);
    }
    if (this.paused) return;
    if (this.isSearch || (more && this.loaded)) return this.refreshSoon();
    for (const item of items) if (!this.byId.has(this.nameOf(item))) this.insert(item);
    this.count = total;
  }

  insert(item) {
    let place = 0;
    while (place < this.items.length && this.isBefore(this.items[place], item)) place += 1;
    this.items.splice(place, 0, item);
    this.byId.set(this.nameOf(item), item);
    this.added += 1;
  }

  refreshSoon() {
    if (this.refreshes) return;
    this.refreshes = setTimeout(() => {
      this.refreshes = 0;
      this.reload({ forget: false }).catch(() => {});
    }, 500);
  }

  clear() {
    this.items = [];
    this.byId.clear();
    this.count = this.total = 0;
    this.next = null;
    this.loaded = false;
  }
}

export const calls = new Listing(api.calls, (call) => call.callId, (one, other) => one.placedAt > other.placedAt);
export const requests = new Listing(api.requests, (entry) => entry.id, (one, other) => one.seq > other.seq);
