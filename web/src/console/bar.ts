// The lines above and below the terminal: state, and what happened. They show what the connection knows.
import { byId } from "../dom.ts";
import { FactsLine } from "../live/facts_line.ts";
import type { People } from "../live/people.ts";
import { StateLine } from "../live/state_line.ts";
import { type Actions } from "./actions.ts";
import type { Connection } from "./connection.ts";
import type { State } from "./states.ts";
import { describe, type Facts } from "./wording.ts";

const SIZE = "80×24";
const CLOCKED: ReadonlySet<State> = new Set(["connecting", "reconnecting", "quiet", "busy", "unreachable"]); // their words count

export class Bar {
  readonly #connection: Connection;
  readonly #server: string;
  readonly #actions: Actions;
  readonly #people: People;
  readonly #line = new StateLine("console", () => this.render());
  readonly #below = new FactsLine(SIZE);

  constructor(connection: Connection, server: string, actions: Actions, people: People) {
    this.#connection = connection;
    this.#server = server;
    this.#actions = actions;
    this.#people = people;
  }

  render(): void {
    const { state } = this.#connection;
    this.#line.enter(state);
    this.#line.show(state, describe(state, this.#facts()));
    this.#delays();
    this.#actions.render();
    this.#people.render();
    this.#line.tick(CLOCKED.has(state));
  }

  /** A key went nowhere: says why, where the size of the terminal stands. */
  refused(words: string): void {
    this.#below.refused(words);
  }

  #facts(): Facts {
    const { state, text, delays, target, offset, lastOutput, since, retryIn } = this.#connection;
    const began = state === "quiet" ? lastOutput : state === "connecting" ? this.#line.began : since;
    return {
      server: this.#server,
      text,
      delayMs: delays.hub === null ? null : delays.hub + (delays.bmc ?? 0),
      retryIn,
      bytesToCome: Math.max(0, target - offset),
      forMs: began === null ? null : performance.now() - began,
    };
  }

  /** Where the time of a key goes, once the hub knows the BMC's part. */
  #delays(): void {
    const { hub, bmc } = this.#connection.delays;
    byId("delays").textContent = hub === null || bmc === null ? "" : `you to Agent ${hub} ms, Agent to BMC ${bmc} ms`;
  }
}
