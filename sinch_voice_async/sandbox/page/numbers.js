// Numbers: who answers at each, and the population of all others.

import * as api from "./api.js";
import { ask } from "./dialogs.js";
import { h } from "./dom.js";
import { phone, renumber } from "./phone.js";
import { go, hashOf } from "./routes.js";
import { attempt, changed, state, toast } from "./store.js";
import { button, field } from "./ui.js";
import { number } from "./words.js";

const it = { phones: [], everybody: null, population: null, shares: { answer: 60, busy: 20, noAnswer: 15, machine: 5, seed: 0 }, form: null, wrong: {}, share: "", own: null, ownWrong: "" };

export async function load() {
  const [phones, population] = await Promise.all([api.phones(), api.population()]);
  Object.assign(it, { phones: phones.phones, everybody: phones.default, population: population.population });
  if (it.population) for (const name of ["answer", "busy", "noAnswer", "machine"]) it.shares[name] = Math.round(it.population[name] * 10_000) / 100;
  if (it.population) it.shares.seed = it.population.seed;
  choose();
  changed();
}

/** Fill the form for the number that the address names. */
function choose() {
  const id = state.route.view === "numbers" ? state.route.id : "";
  if (!id) {
    it.form = null;
    return;
  }
  if (it.form?.opened === id) return;
  const person = id === "everybody" ? it.everybody : it.phones.find((each) => each.number === id.replace(/^\+/, ""));
  const from = person ?? it.everybody;
  if (!from) return;
  it.wrong = {};
  it.form = { opened: id, number: id === "new" || id === "everybody" ? "" : id, does: doesOf(from), answersAfter: from.answersAfter ?? 2, hangsUpAfter: from.hangsUpAfter ?? "", presses: from.presses.join(" "), says: from.says.join("\n"), beepsAfter: from.beepsAfter };
}

const doesOf = (person) => (person.manual ? "manual" : person.refuses ?? (person.answersAfter === null ? "noAnswer" : person.machine ? "machine" : "answers"));
const DOES = [["answers", "Answers"], ["busy", "Is busy"], ["declined", "Declines"], ["noAnswer", "Does not answer"], ["machine", "Has an answering machine"], ["manual", "Rings until a person answers"]];

function told(person) {
  const does = doesOf(person);
  if (does !== "answers" && does !== "machine") return DOES.find(([value]) => value === does)[1];
  const parts = [person.answersAfter ? `answers after ${person.answersAfter} s` : "answers at once"];
  if (person.machine) parts.push(`a machine, beeps after ${person.beepsAfter} s`);
  if (person.presses.length) parts.push(`presses ${person.presses.join(", then ")}`);
  if (person.says.length) parts.push(`says ${person.says.map((each) => `“${each}”`).join(", then ")}`);
  parts.push(person.hangsUpAfter === null ? "stays" : `hangs up after ${person.hangsUpAfter} s`);
  const all = parts.join(", ");
  return all[0].toUpperCase() + all.slice(1);
}

export function view() {
  choose();
  return h("div", { class: "wide-view", key: "numbers" },
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Numbers"), h("div", { class: "acts" }, button("Add a number", () => go(hashOf("number", "new")), { kind: "main", ic: "plus" }))),
    h("p", { class: "soft" }, "Every number answers as “everybody else” does. Add a number to change that."),
    h("div", { class: "card" }, h("table", { class: "roster" },
      h("thead", {}, h("tr", {}, ["Number", "What the person does", "Actions"].map((name) => h("th", { scope: "col", key: name }, name)))),
      h("tbody", {}, it.phones.map((each) => line(`+${each.number}`.replace(/^\+(?!\d)/, ""), each)), it.everybody && line("everybody", it.everybody)))),
    it.form && form(), own(), population());
}

function line(id, person) {
  const name = id === "everybody" ? "Everybody else" : number(id);
  const isOwn = id.replace("+", "") === phone.own.replace("+", "");
  return h("tr", { key: id }, h("td", {}, h("span", { class: "num" }, name), isOwn && h("div", { class: "faint" }, "The test phone of this page")), h("td", {}, told(person)),
    h("td", {}, button("Change", () => go(hashOf("number", id)), { "aria-label": `Change ${name}` }),
      id !== "everybody" && button("Remove", () => attempt(() => api.forgetPhone(id).then(load)), { kind: "quiet", "aria-label": `Remove ${name}` })));
}

function form() {
  const it_ = it.form;
  const put = (name) => (event) => { it_[name] = event.target.value; delete it.wrong[name]; changed(); };
  const input = (name, more = {}) => h("input", { value: String(it_[name] ?? ""), oninput: put(name), "aria-invalid": String(Boolean(it.wrong[name])), autocomplete: "off", id: `number-${name}`, ...more });
  const title = it_.opened === "new" ? "Add a number" : it_.opened === "everybody" ? "Everybody else" : number(it_.opened);
  const talks = it_.does === "answers" || it_.does === "machine";
  return h("form", { class: "card form", onsubmit: save, novalidate: true, key: `form ${it_.opened}`, "aria-label": title }, h("h2", {}, title),
    it_.opened === "new" && field("Number, user name or SIP address", input("number", { placeholder: "+46700000002", autofocus: true }), { wrong: it.wrong.number }),
    field("The person", h("select", { onchange: put("does"), id: "number-does" }, DOES.map(([value, label]) => h("option", { value, selected: value === it_.does }, label)))),
    talks && field("Answers after, seconds", input("answersAfter", { inputmode: "decimal" }), { wrong: it.wrong.answersAfter }),
    talks && field("Hangs up after, seconds", input("hangsUpAfter", { inputmode: "decimal" }), { note: "Empty: stays until the other side ends the call.", wrong: it.wrong.hangsUpAfter }),
    it_.does === "machine" && field("Beeps after, seconds", input("beepsAfter", { inputmode: "decimal" }), { wrong: it.wrong.beepsAfter }),
    it_.does === "answers" && field("Presses", input("presses"), { note: "One text for each time that a menu asks, as in: 1 4711#", wrong: it.wrong.presses }),
    it_.does === "answers" && field("Says on a media stream", h("textarea", { id: "number-says", rows: "2", value: it_.says, oninput: put("says") }), { note: "A line each, when the server has fallen silent." }),
    h("div", { class: "two" }, h("button", { class: "btn main" }, "Save"), button("Cancel", () => go("#numbers"), { kind: "quiet" })), h("span", { class: "err", role: "alert" }, it.wrong.all));
}

const isSeconds = (text) => /^\d+(\.\d+)?$/.test(String(text).trim());

async function save(event) {
  event.preventDefault();
  const { does, opened, presses } = it.form;
  const address = opened === "new" ? it.form.number.trim() : opened;
  const talks = does === "answers" || does === "machine";
  const wrong = {};
  if (!address) wrong.number = "Enter a number, for example +46700000002.";
  if (/^[\d\s]+$/.test(address) && opened === "new") wrong.number = "Use the international form, for example +46700000001.";
  for (const name of talks ? ["answersAfter", "beepsAfter"] : []) if (!isSeconds(it.form[name])) wrong[name] = "Enter a number of seconds.";
  if (talks && String(it.form.hangsUpAfter).trim() && !isSeconds(it.form.hangsUpAfter)) wrong.hangsUpAfter = "Enter a number of seconds, or nothing.";
  const keys = presses.split(/\s+/).filter(Boolean);
  if (!keys.every((each) => /^[0-9*#]+$/.test(each))) wrong.presses = "Keys are 0-9, * and #.";
  it.wrong = wrong;
  if (Object.keys(wrong).length) {
    changed();
    return requestAnimationFrame(() => document.querySelector("form.form [aria-invalid=true]")?.focus());
  }
  const stays = String(it.form.hangsUpAfter).trim();
  const person = {
    ...(does === "noAnswer" ? { answersAfter: null } : talks ? { answersAfter: Number(it.form.answersAfter), hangsUpAfter: stays ? Number(stays) : null } : {}),
    ...(does === "busy" || does === "declined" ? { refuses: does } : {}),
    ...(does === "machine" ? { machine: true, beepsAfter: Number(it.form.beepsAfter) } : {}),
    ...(does === "manual" ? { manual: true } : {}), ...(does === "answers" ? { presses: keys, says: it.form.says.split("\n").map((each) => each.trim()).filter(Boolean) } : {}),
  };
  try {
    await (address === "everybody" ? api.setEverybody(person) : api.setPhone(address.replace(/[ ]/g, ""), { ...person, ...(does === "manual" ? { lease: null } : {}) }));
    it.form = null;
    go("#numbers");
    toast("Saved");
    return await load();
  } catch (error) {
    it.wrong = { all: error.message };
    return changed();
  }
}

function own() {
  const submit = async (event) => {
    event.preventDefault();
    const text = (it.own ?? phone.own).replace(/[ ]/g, "");
    it.ownWrong = /^\+[1-9]\d{4,14}$/.test(text) ? "" : "Use the international form, for example +46700000001.";
    if (it.ownWrong) return changed();
    await attempt(() => renumber(text));
    toast("The test phone has this number now");
    return load();
  };
  return h("form", { class: "card form", onsubmit: submit, novalidate: true, key: "own", "aria-label": "Test phone" }, h("h2", {}, "Test phone"),
    field("Its number", h("input", { value: it.own ?? phone.own, inputmode: "tel", id: "own", "aria-invalid": String(Boolean(it.ownWrong)), oninput: (event) => { it.own = event.target.value; } }), { wrong: it.ownWrong, note: "Calls to this number ring on this page." }),
    h("div", { class: "two" }, h("button", { class: "btn" }, "Use this number"), h("a", { class: "btn quiet", href: `?phone=${encodeURIComponent(after(phone.own))}#phone`, target: "_blank", rel: "noopener" }, "Open a second phone")));
}

/** The number after this one. */
const after = (text) => `+${Number(text.replace(/\D/g, "")) + 1}`;

const SHARES = [["answer", "A person answers"], ["busy", "The line is busy"], ["noAnswer", "No one answers"], ["machine", "An answering machine"]];

function population() {
  const sum = SHARES.reduce((all, [name]) => all + Number(it.shares[name] || 0), 0);
  const wrong = Math.abs(sum - 100) > 0.001 ? `The shares sum to ${Math.round(sum * 100) / 100} %; they must be 100 %.` : "";
  const submit = (event) => {
    event.preventDefault();
    if (wrong) return undefined;
    const shares = Object.fromEntries(SHARES.map(([name]) => [name, Number(it.shares[name]) / 100]));
    return attempt(() => api.setPopulation({ ...shares, seed: Number(it.shares.seed) || 0 }).then(load).then(() => toast("The population is set")));
  };
  const input = (name, label) => field(label, h("input", { inputmode: "decimal", value: String(it.shares[name]), id: `share-${name}`, oninput: (event) => { it.shares[name] = event.target.value; changed(); } }));
  return h("form", { class: "card form", onsubmit: submit, novalidate: true, key: "population", "aria-label": "Population" }, h("h2", {}, "Population", it.population && h("span", { class: "pill ok" }, "on")),
    h("p", { class: "soft" }, "Draws a person for every number that is not in the table above, always the same one. Shares in percent."),
    h("div", { class: "grid" }, SHARES.map(([name, label]) => input(name, label)), input("seed", "Seed")),
    h("span", { class: "err", role: "alert" }, wrong),
    h("div", { class: "two" }, h("button", { class: "btn", disabled: Boolean(wrong) }, "Set the population"),
      it.population && button("Remove", () => ask("Remove the population?", "Every other number answers as “everybody else” again.", "Remove", () => api.clearPopulation().then(load)), { kind: "quiet" })));
}
