// What one can do in each state, as buttons beside its words.
import { ask } from "../dialog.ts";
import { type Offer, Offers } from "../live/offers.ts";
import type { Connection } from "./connection.ts";
import type { State } from "./states.ts";

const ENTER = new Uint8Array([13]);

export interface Doings {
  /** Asks, and switches the server on; null for who may not. */
  powerOn(): (() => void) | null;
  showHistory(): void;
}

export class Actions {
  readonly #connection: Connection;
  readonly #server: string;
  readonly #doings: Doings;
  readonly #buttons = new Offers();

  constructor(connection: Connection, server: string, doings: Doings) {
    this.#connection = connection;
    this.#server = server;
    this.#doings = doings;
  }

  render(): void {
    this.#buttons.render(this.#offers(this.#connection.state));
  }

  #offers(state: State): readonly (Offer | string)[] {
    const connection = this.#connection;
    const again = (words: string): Offer => [words, () => connection.open()];
    switch (state) {
      case "connecting": return [["Cancel", () => connection.stop()]];
      case "catching-up": return [["Skip to now", () => connection.skip()]];
      case "quiet": return connection.isWriter ? [["Send Enter", () => void connection.type(ENTER)]] : [];
      case "reconnecting": return [again("Try now"), ["Stop", () => connection.stop()]];
      case "server-off": return this.#powerOn();
      case "unreachable": return [["Try now", () => connection.renew()], ["Show history", () => this.#doings.showHistory()]];
      case "busy": return [connection.mayTake ? ["Free it…", () => void this.#free()] : "Only your provider may free it.", ["Try now", () => connection.renew()]];
      case "denied": return [again("Try again")];
      case "ended": return [again("Open again")];
      case "expired": return [["Sign in", () => void open("/login", "_blank", "noopener")], again("Try now")];
      default: return [];
    }
  }

  #powerOn(): readonly Offer[] {
    const act = this.#doings.powerOn();
    return act === null ? [] : [["Power on…", act]];
  }

  async #free(): Promise<void> {
    const holder = this.#connection.holder || "Another system";
    const sure = await ask(`Free the serial console of ${this.#server}?`, [`${holder} has it now, loses it at once, and is not asked.`], [{ words: "Free it", value: true, danger: true }]);
    if (sure === true) this.#connection.request("free");
  }
}
