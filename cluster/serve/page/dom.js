// Making elements, and telling people things.

import { byId } from "./desk.js";

// An element: attributes by name, `on...` listeners, other properties that are no strings as properties; then its children.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "string" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const button = (words, onclick, attributes = {}) => h("button", { type: "button", onclick, ...attributes }, words);

export function options(select, choices, chosen) {  // choices: values, or pairs of value and words
  select.replaceChildren(...choices.map((choice) => {
    const [value, words] = Array.isArray(choice) ? choice : [choice, spoken(choice)];
    return h("option", { value, selected: value === chosen }, words);
  }));
}

export const spoken = (name) => name.replaceAll("_", " ");

// Whether keys are for a field that is written in, or for a dialog.
export const isTyping = (target) => byId("chord-dialog").open || target.matches("input:not([type=range]), textarea, select");

// A sentence at the foot of the page, with ways on; it stays until it is closed, or for some seconds where nothing is wrong.
export function tell(words, { isWrong = false, ways = [], key = words } = {}) {
  const box = byId("notices");
  [...box.children].find((one) => one.dataset.key === key)?.remove();
  const notice = h("div", { class: isWrong ? "notice is-wrong" : "notice", role: isWrong ? "alert" : "status", "data-key": key });
  const close = () => notice.remove();
  notice.append(
    h("p", {}, words),
    ...ways.map(([label, action]) => button(label, () => { close(); action(); })),
    button("×", close, { class: "close", "aria-label": "Close this notice" }),
  );
  box.append(notice);
  if (!isWrong && !ways.length) setTimeout(close, 6000);
  return close;
}

export const wrong = (problem, ways = []) => tell(problem.message || String(problem), { isWrong: true, ways });

// What a button does, with its problem told until it is tried again; the button rests meanwhile.
export function doing(action, again = true) {
  let close = () => {};
  return async (event) => {
    close();
    const control = event?.currentTarget;
    if (control) control.disabled = true;
    try {
      await action(event);
    } catch (problem) {
      close = wrong(problem, again ? [["Try again", doing(action)]] : []);
    } finally {
      if (control) control.disabled = false;
    }
  };
}
