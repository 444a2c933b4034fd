// Making elements: text becomes text, never markup, whoever wrote it.

/** Return the element of this id. */
export const at = (id) => document.getElementById(id);

/** Make an element; a member of `members` is a property where the element has one, and an attribute where not. */
export function element(tag, members = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(members)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Seconds as m:ss. */
export function minutes(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** What a text sounds like: speech markup without its tags. */
export const plain = (text) => text.replace(/<[^>]*>/g, "");
