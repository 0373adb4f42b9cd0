// All that sends keys besides the keyboard: pasting, breaks, the menu of keys. Each gives the focus back to the terminal.
import { ask } from "../dialog.ts";
import { note } from "../live/state_line.ts";
import type { Connection } from "./connection.ts";
import { askPaste, chooseKey } from "./menus.ts";
import { needsQuestion, pasteBytes, PAUSE_MS, sendPaced } from "./paste.ts";
import { size } from "./wording.ts";

export class Typing {
  readonly #connection: Connection;
  readonly #server: string;
  readonly #focus: () => void;

  constructor(connection: Connection, server: string, focus: () => void) {
    this.#connection = connection;
    this.#server = server;
    this.#focus = focus;
  }

  send(keys: string): void {
    this.#connection.type(new TextEncoder().encode(keys));
  }

  /** @param asked whether to show the box in any case. */
  async paste(words: string, asked: boolean): Promise<void> {
    const chosen = asked || needsQuestion(words) ? await askPaste(words) : words;
    if (chosen === null || chosen === "") return;
    const data = pasteBytes(chosen);
    const sent = await sendPaced(data, (piece) => this.#connection.type(piece), () => new Promise((done) => setTimeout(done, PAUSE_MS)));
    note(sent === data.length ? `pasted ${size(sent)}` : `paste stopped after ${size(sent)} of ${size(data.length)}`);
    this.#focus();
  }

  async break(): Promise<void> {
    const sure = await ask(`Send a break to ${this.#server}?`, ["Linux may take it as the start of a SysRq command; some firmware stops."], [{ words: "Send break", value: true }]);
    if (sure === true) this.#connection.break();
    this.#focus();
  }

  async keys(): Promise<void> {
    const key = await chooseKey();
    if (key === "break") await this.break();
    else if (key !== null) this.send(key);
    this.#focus();
  }
}
