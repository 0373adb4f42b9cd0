// Small helpers over the DOM. Text only ever becomes text nodes: nothing here takes HTML.

/** The element with this id, which the page's HTML has. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found as T;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

const SPOKEN_WITHIN = 10_000; // ms, then it is no longer news

/** Says it to a screen reader, beside what else was just said; `urgent` interrupts. */
export function say(words: string, urgent = false): void {
  const line = make("p", { textContent: words });
  byId(urgent ? "assertive" : "polite").append(line);
  window.setTimeout(() => line.remove(), SPOKEN_WITHIN);
}

/** Shows `words` in the page's #error, or hides it. */
export function showError(words: string): void {
  const place = byId("error");
  place.hidden = words === "";
  place.textContent = words;
  if (words !== "") say(words, true);
}
