// The lines above and below the screen: state, what happened, size. They show what the connections know.
import type { Connection } from "../console/connection.ts";
import { byId } from "../dom.ts";
import { FactsLine } from "../live/facts_line.ts";
import { type Offer, Offers } from "../live/offers.ts";
import type { People } from "../live/people.ts";
import { StateLine } from "../live/state_line.ts";
import type { Display } from "./connection.ts";
import type { Picture } from "./screen.ts";
import type { State } from "./states.ts";
import { ageWords, describe } from "./wording.ts";

const CLOCKED: ReadonlySet<State> = new Set(["connecting", "reconnecting", "refused", "resting", "ended", "denied", "expired", "offline"]);

export interface Parts {
  readonly display: Display;
  readonly seat: Connection;
  readonly picture: Picture;
  readonly people: People;
  readonly server: string;
  /** Asks, and switches the server on; null for who may not. */
  powerOn(): (() => void) | null;
}

export class Bar {
  readonly #parts: Parts;
  readonly #line = new StateLine("display", () => this.render());
  readonly #below = new FactsLine("");
  readonly #buttons = new Offers();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  render(): void {
    const { display, seat, people } = this.#parts;
    const state = display.state;
    const off = seat.state === "server-off";
    const shown = state === "live" && off ? "off" : state;
    this.#line.enter(shown);
    const look = describe(state, {
      server: this.#parts.server,
      text: display.text,
      delayMs: seat.delays.hub,
      retryIn: display.retryIn,
      forMs: state === "connecting" ? performance.now() - this.#line.began : null,
      off,
    });
    this.#line.show(shown, look);
    this.#buttons.render(this.#offers(state, off));
    people.render();
    this.showSize();
    this.showCapture();
    this.#showAge();
    this.#line.tick(CLOCKED.has(state));
  }

  /** A key went nowhere: says why, where the size of the screen stands. */
  refused(words: string): void {
    this.#below.refused(words);
  }

  showSize(): void {
    const { size, factor, scale } = this.#parts.picture;
    if (size === null) return;
    const how = scale === "fit" ? `fitted: ${Math.round(factor * 100)} %` : "1:1";
    this.#below.plain = `${size.width} × ${size.height}, ${how}`;
    const words = `Screen of ${this.#parts.server}, ${size.width} by ${size.height} dots`;
    for (const canvas of document.querySelectorAll("#screen canvas")) canvas.setAttribute("aria-label", words);
  }

  /** Whether what is typed goes to the server. */
  showCapture(): void {
    const captured = this.#parts.display.canType && byId("screen").contains(document.activeElement);
    byId("capture").hidden = !captured;
  }

  #showAge(): void {
    const { stoppedAt } = this.#parts.picture;
    byId("age").hidden = stoppedAt === null;
    if (stoppedAt !== null) byId("age").textContent = ageWords(performance.now() - stoppedAt);
  }

  #offers(state: State, off: boolean): readonly Offer[] {
    const { display } = this.#parts;
    const again = (words: string): Offer => [words, () => display.open()];
    switch (state) {
      case "connecting": return [["Cancel", () => display.stop()]];
      case "reconnecting": case "refused": return [again("Try now"), ["Stop", () => display.stop()]];
      case "resting": return [again("Show it")];
      case "denied": return [again("Try again")];
      case "ended": return [again("Open again")];
      case "expired": return [["Sign in", () => void open("/login", "_blank", "noopener")], again("Try now")];
      case "live": return off ? this.#powerOn() : [];
      default: return [];
    }
  }

  #powerOn(): readonly Offer[] {
    const act = this.#parts.powerOn();
    return act === null ? [] : [["Power on…", act]];
  }
}
