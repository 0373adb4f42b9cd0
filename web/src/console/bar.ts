// The lines above and below the terminal: state, and what happened. They show what the connection knows.
import { byId, make, say } from "../dom.ts";
import { type Actions } from "./actions.ts";
import type { Connection } from "./connection.ts";
import type { People } from "./people.ts";
import type { State } from "./states.ts";
import { describe, type Facts, type Look } from "./wording.ts";

const MAX_NOTES = 200;
const SIZE = "80×24";
const REFUSED_MS = 4_000;
const CLOCKED: ReadonlySet<State> = new Set(["connecting", "reconnecting", "quiet", "busy", "unreachable"]); // their words count

export class Bar {
  readonly #connection: Connection;
  readonly #server: string;
  readonly #actions: Actions;
  readonly #people: People;
  #said: State | null = null;
  #began = 0; // of this state
  #refused: number | null = null;
  #clock: number | null = null;

  constructor(connection: Connection, server: string, actions: Actions, people: People) {
    this.#connection = connection;
    this.#server = server;
    this.#actions = actions;
    this.#people = people;
  }

  render(): void {
    const { state } = this.#connection;
    if (this.#said !== state) this.#began = performance.now();
    const look = describe(state, this.#facts());
    this.#show(look);
    this.#speak(state, look);
    this.#actions.render();
    this.#people.render();
    this.#tick();
  }

  /** A key went nowhere: says why, where the size of the terminal stands. */
  refused(words: string): void {
    if (this.#refused !== null) clearTimeout(this.#refused);
    this.#fact(words);
    this.#refused = window.setTimeout(() => {
      this.#refused = null;
      this.#fact(SIZE);
    }, REFUSED_MS);
  }

  #fact(words: string): void {
    byId("facts").textContent = words;
    byId("facts").classList.toggle("plain", words === SIZE);
  }

  #facts(): Facts {
    const { state, text, delays, retryAt, target, offset, lastOutput, since } = this.#connection;
    const now = performance.now();
    const began = state === "quiet" ? lastOutput : state === "connecting" ? this.#began : since;
    return {
      server: this.#server,
      text,
      delayMs: delays.hub === null ? null : delays.hub + (delays.bmc ?? 0),
      retryIn: retryAt === null ? null : Math.max(1, Math.ceil((retryAt - now) / 1000)),
      bytesToCome: Math.max(0, target - offset),
      forMs: began === null ? null : now - began,
    };
  }

  #show(look: Look): void {
    byId("state").dataset["look"] = look.look;
    byId("state-icon").textContent = look.icon;
    const words = byId("state-words");
    if (words.textContent !== look.words) words.textContent = look.words;
    this.#delays();
  }

  /** Where the time of a key goes, once the hub knows the BMC's part. */
  #delays(): void {
    const { hub, bmc } = this.#connection.delays;
    byId("delays").textContent = hub === null || bmc === null ? "" : `you to Agent ${hub} ms, Agent to BMC ${bmc} ms`;
  }

  /** Once for each state: countdowns and delays are not read out. */
  #speak(state: State, look: Look): void {
    if (this.#said === state) return;
    this.#said = state;
    document.documentElement.dataset["console"] = state;
    note(look.words);
    if (look.spoken !== "no") say(look.words, look.spoken === "assertive");
    if (state === "denied") byId("name").focus();
  }

  #tick(): void {
    const wanted = CLOCKED.has(this.#connection.state);
    if (wanted && this.#clock === null) this.#clock = window.setInterval(() => this.render(), 1_000);
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
