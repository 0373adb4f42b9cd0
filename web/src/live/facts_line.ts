// What stands below the picture or the terminal, and gives way for a moment to why a key went nowhere.
import { byId } from "../dom.ts";

const REFUSED_MS = 4_000;

export class FactsLine {
  #plain: string;
  #refused: number | null = null;

  constructor(plain: string) {
    this.#plain = plain;
    this.#show(plain);
  }

  set plain(words: string) {
    if (words === this.#plain) return;
    this.#plain = words;
    if (this.#refused === null) this.#show(words);
  }

  refused(words: string): void {
    if (this.#refused !== null) clearTimeout(this.#refused);
    this.#show(words);
    this.#refused = window.setTimeout(() => {
      this.#refused = null;
      this.#show(this.#plain);
    }, REFUSED_MS);
  }

  #show(words: string): void {
    byId("facts").textContent = words;
    byId("facts").classList.toggle("plain", words === this.#plain);
  }
}
