// What the terminal holds, as plain lines that stand still: for screen readers, for copying, and for reading in peace.
import { byId, say } from "../dom.ts";
import { type Found, following, placesOf, type Searchable } from "./find.ts";

const FOUND = "found"; // ::highlight(found) in console.css; a browser without it scrolls there all the same

export class TextView implements Searchable {
  readonly #view = byId("text-view");
  readonly #lines = byId("text-lines");
  readonly #text: () => string;
  readonly #back: () => void;
  #at: number | null = null;

  constructor(text: () => string, back: () => void) {
    this.#text = text;
    this.#back = back;
    byId("text").addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    byId("text-renew").addEventListener("click", () => this.#read());
    byId("text-copy").addEventListener("click", () => void this.#copy());
    byId("text-close").addEventListener("click", () => this.close());
    this.#view.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  get isOpen(): boolean {
    return !this.#view.hidden;
  }

  open(): void {
    this.#view.hidden = false;
    byId("terminal").inert = true;
    byId("text").setAttribute("aria-pressed", "true");
    this.#read();
    this.#lines.focus();
  }

  close(): void {
    this.#view.hidden = true;
    byId("terminal").inert = false;
    byId("text").setAttribute("aria-pressed", "false");
    this.#back();
  }

  find(words: string, way: "older" | "newer", matchCase: boolean, again: boolean): Found {
    const places = placesOf(words, this.#lines.textContent, matchCase);
    const index = following(places, this.#at, way, again);
    this.#at = places[index] ?? null;
    if (this.#at !== null) this.#mark(this.#at, words.length);
    return { index, count: places.length };
  }

  clear(): void {
    this.#at = null;
    CSS.highlights?.delete(FOUND);
  }

  #mark(at: number, length: number): void {
    const node = this.#lines.firstChild!;
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + length);
    CSS.highlights?.set(FOUND, new Highlight(range)); // a selection would take the focus from the search bar
    this.#lines.scrollTop += range.getBoundingClientRect().top - this.#lines.getBoundingClientRect().top - this.#lines.clientHeight / 2;
  }

  #read(): void {
    const text = this.#text();
    this.#lines.textContent = text;
    this.#at = null;
    const lines = text.split("\n").length - 1;
    const words = `${lines} ${lines === 1 ? "line" : "lines"}, as of ${new Date().toLocaleTimeString()}`;
    byId("text-facts").textContent = words;
    say(words);
    this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  async #copy(): Promise<void> {
    const words = await navigator.clipboard.writeText(this.#lines.textContent).then(() => "Copied.", () => "The browser does not allow copying here: select the lines and copy them.");
    byId("text-facts").textContent = words;
    say(words);
  }
}
