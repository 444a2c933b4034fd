// A small keyed renderer. A text becomes a text node and never markup; a list keeps its nodes, so that focus, selection
// and scroll positions survive an update.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "path", "rect", "text", "line", "g", "title"]);

/** Describe an element. Of its members, `on…` are listeners, `--…` style properties, `key` names it in its list, and
 *  `ref` is called with the node after each rendering; `value` and `checked` are set only when they change here. */
export function h(tag, members, ...children) {
  const given = children.flat(9).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
  return { tag, members: members ?? {}, key: members?.key, children: given };
}

let depth = 0;
const refs = [];

/** Make the children of a node what is described. */
export function render(parent, wanted) {
  depth += 1;
  try {
    return reconcile(parent, wanted);
  } finally {
    depth -= 1;
    // Only now is each node where it belongs, and has a size.
    if (depth === 0) for (const [ref, node] of refs.splice(0)) ref(node);
  }
}

function reconcile(parent, wanted) {
  const before = parent.rendered ?? [];
  const keyed = new Map(before.filter((each) => each.key !== undefined).map((each) => [each.key, each]));
  const loose = before.filter((each) => each.key === undefined);
  const after = [wanted].flat(9).filter((each) => each !== null && each !== undefined && each !== false).map((each) => {
    const described = typeof each === "object" ? each : { tag: "#text", text: String(each) };
    const found = described.key === undefined
      ? loose[0]?.tag === described.tag ? loose.shift() : takeLoose(loose, described.tag)
      : keyed.get(described.key);
    if (described.key !== undefined) keyed.delete(described.key);
    return found && found.tag === described.tag ? update(found, described) : create(described, found, loose);
  });
  for (const each of [...keyed.values(), ...loose]) each.node.remove();
  after.forEach((each, place) => {
    const here = parent.childNodes[place];
    if (here !== each.node) parent.insertBefore(each.node, here ?? null);
  });
  parent.rendered = after;
  return parent;
}

function takeLoose(loose, tag) {
  const place = loose.findIndex((each) => each.tag === tag);
  return place < 0 ? undefined : loose.splice(place, 1)[0];
}

function create(described, replaced, loose) {
  if (replaced) loose.push(replaced);
  if (described.tag === "#text") return { ...described, node: document.createTextNode(described.text) };
  const node = DRAWN.has(described.tag) ? document.createElementNS(SVG, described.tag) : document.createElement(described.tag);
  return update({ tag: described.tag, key: described.key, members: {}, node }, described);
}

function update(old, described) {
  const { node } = old;
  if (described.tag === "#text") {
    if (old.text !== described.text) node.data = described.text;
    return { ...described, node };
  }
  for (const name of Object.keys(old.members)) if (!(name in described.members)) set(node, name, null, old.members[name]);
  for (const [name, value] of Object.entries(described.members)) if (value !== old.members[name]) set(node, name, value, old.members[name]);
  if (!described.members.own) render(node, described.children);
  if (described.members.ref) refs.push([described.members.ref, node]);
  return { tag: described.tag, key: described.key, members: described.members, node };
}

function set(node, name, value, before) {
  if (name === "key" || name === "ref" || name === "own") return;
  if (name.startsWith("on")) {
    if (before) node.removeEventListener(name.slice(2), before);
    if (value) node.addEventListener(name.slice(2), value);
  } else if (name.startsWith("--")) node.style.setProperty(name, value);
  else if (name === "value" || name === "checked" || name === "disabled") {
    if (node[name] !== value) node[name] = value ?? "";
  } else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}
