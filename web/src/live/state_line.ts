// The line that says how a connection is, in words with a look, and the lines of "What happened".
import { byId, make, say } from "../dom.ts";
import type { Look } from "./looks.ts";

const MAX_NOTES = 200;

/** Shows a look; a state that is another than the last one is noted and spoken, once. */
export class StateLine {
  readonly #name: string;
  readonly #render: () => void;
  #said: string | null = null;
  #clock: number | null = null;
  /** When this state began. */
  began = 0;

  /** @param name of the page's `data-` attribute with the state. */
  constructor(name: string, render: () => void) {
    this.#name = name;
    this.#render = render;
  }

  /** Call it first: whether the state is a new one. */
  enter(state: string): void {
    if (this.#said !== state) this.began = performance.now();
  }

  show(state: string, look: Look): void {
    byId("state").dataset["look"] = look.look;
    byId("state-icon").textContent = look.icon;
    const words = byId("state-words");
    if (words.textContent !== look.words) words.textContent = look.words;
    if (this.#said === state) return; // countdowns and delays are not read out
    this.#said = state;
    document.documentElement.dataset[this.#name] = state;
    note(look.words);
    if (look.spoken !== "no") say(look.words, look.spoken === "assertive");
    if (state === "denied") byId("name").focus();
  }

  /** Renders each second while the words count. */
  tick(wanted: boolean): void {
    if (wanted && this.#clock === null) this.#clock = window.setInterval(this.#render, 1_000);
    if (wanted || this.#clock === null) return;
    clearInterval(this.#clock);
    this.#clock = null;
  }
}

/** One more line of "What happened". */
export function note(words: string): void {
  const notes = byId("notes");
  const now = new Date();
  notes.append(make("li", {}, make("time", { dateTime: now.toISOString(), textContent: now.toLocaleTimeString() }), ` ${words}`));
  if (notes.childElementCount > MAX_NOTES) notes.firstElementChild?.remove();
}
