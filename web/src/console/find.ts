// The search bar: in the terminal's lines, or in those of the text view while that is open.
import { byId } from "../dom.ts";

export interface Found {
  /** From 0; -1: nowhere. */
  readonly index: number;
  readonly count: number;
}

/** Where the bar searches. It finds at once while one types: `again` keeps the match that still fits. */
export interface Searchable {
  find(words: string, way: "older" | "newer", matchCase: boolean, again: boolean): Found | null;
  clear(): void;
}

export class Find {
  readonly #bar = byId<HTMLFormElement>("find");
  readonly #words = byId<HTMLInputElement>("find-words");
  readonly #case = byId<HTMLInputElement>("find-case");
  readonly #where: () => Searchable;
  readonly #back: () => void;

  /** @param back gives the focus back. */
  constructor(where: () => Searchable, back: () => void) {
    this.#where = where;
    this.#back = back;
    this.#bar.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#find("older");
    });
    this.#bar.addEventListener("keydown", (event) => this.#key(event));
    this.#words.addEventListener("input", () => this.#find("older", true));
    this.#case.addEventListener("change", () => this.#find("older", true));
    byId("find-older").addEventListener("click", () => this.#find("older"));
    byId("find-newer").addEventListener("click", () => this.#find("newer"));
    byId("find-close").addEventListener("click", () => this.close());
  }

  open(): void {
    this.#bar.hidden = false;
    this.#words.focus();
    this.#words.select();
  }

  close(): void {
    if (this.#bar.hidden) return;
    this.#bar.hidden = true;
    this.#where().clear();
    this.#back();
  }

  show(found: Found): void {
    const none = this.#words.value === "" ? "" : "No match";
    byId("find-count").textContent = found.count === 0 ? none : found.index < 0 ? `More than ${found.count} matches` : `${found.index + 1} of ${found.count}`;
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && event.shiftKey) this.#find("newer");
    else return;
    event.preventDefault();
  }

  #find(way: "older" | "newer", again = false): void {
    const found = this.#where().find(this.#words.value, way, this.#case.checked, again);
    if (found !== null) this.show(found);
  }
}

/** Every place of `words` in `text`. */
export function placesOf(words: string, text: string, matchCase: boolean): number[] {
  if (words === "") return [];
  const [needle, straw] = matchCase ? [words, text] : [words.toLowerCase(), text.toLowerCase()];
  const places: number[] = [];
  for (let at = straw.indexOf(needle); at >= 0; at = straw.indexOf(needle, at + needle.length)) places.push(at);
  return places;
}

/** The place that comes next: from the newest one upwards, or down again, and round at the ends. */
export function following(places: readonly number[], from: number | null, way: "older" | "newer", again: boolean): number {
  if (places.length === 0) return -1;
  if (from === null) return places.length - 1;
  if (way === "newer") {
    const index = places.findIndex((place) => place > from);
    return index < 0 ? 0 : index;
  }
  const index = places.findLastIndex((place) => (again ? place <= from : place < from));
  return index < 0 ? places.length - 1 : index;
}
