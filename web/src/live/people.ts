// Who looks and who types, and what one can do about it.
import { ask } from "../dialog.ts";
import { byId, make, say } from "../dom.ts";
import type { Connection } from "../console/connection.ts";
import type { Control } from "../console/messages.ts";
import { note } from "./state_line.ts";

type Writer = Extract<Control, { type: "writer" }>;

export class People {
  readonly #connection: Connection;
  readonly #server: string;
  readonly #watching: () => boolean;
  readonly #focus: () => void;
  #mine = false;
  #letGo = false; // the person gave the keyboard away
  #taken = ""; // who took it, and when
  #told = "";

  /**
   * @param watching whether one is here to look only.
   * @param focus gives the focus back to what one types on.
   */
  constructor(connection: Connection, server: string, watching: () => boolean, focus: () => void) {
    this.#connection = connection;
    this.#server = server;
    this.#watching = watching;
    this.#focus = focus;
    byId("keyboard").addEventListener("click", () => this.askOrRelease());
    byId("take").addEventListener("click", () => void this.#take());
  }

  render(): void {
    const { writer, viewers, me, isWriter, mayTake } = this.#connection;
    const who = byId("writer");
    who.textContent = this.#words();
    who.dataset["look"] = me !== null && !isWriter ? (this.#taken === "" ? "info" : "warn") : "";
    const others = viewers.filter((viewer) => viewer.viewer !== me && viewer.viewer !== writer?.viewer).map((viewer) => viewer.name);
    byId("viewers").textContent = others.length === 0 ? "" : `Watching: ${others.join(", ")}`;
    const mayType = me !== null && !this.#watching();
    byId("keyboard").hidden = !mayType;
    byId("keyboard").textContent = isWriter ? "Release keyboard" : "Ask for keyboard";
    byId("take").hidden = !mayType || !mayTake || isWriter || writer === null;
    if (me === null) byId("banner").hidden = true;
  }

  #words(): string {
    const { writer, me, isWriter } = this.#connection;
    if (me === null) return "";
    if (isWriter) return "You have the keyboard.";
    if (this.#taken !== "") return this.#taken;
    if (writer === null) return this.#watching() ? "You are watching." : "Nobody has the keyboard.";
    return `You are watching. ${writer.name || "Somebody else"} has the keyboard.`;
  }

  askOrRelease(): void {
    this.#letGo = this.#connection.isWriter;
    this.#connection.request(this.#connection.isWriter ? "release" : "ask");
    if (!this.#connection.isWriter) note("you asked for the keyboard");
  }

  writerChanged(message: Writer): void {
    const mine = this.#connection.isWriter;
    const asked = mine && message.asking != null;
    const banner = byId("banner");
    banner.hidden = !asked;
    if (asked) return this.#asked(banner, message.asking!);
    const name = message.name || "Somebody else";
    if (mine || message.viewer == null) this.#taken = "";
    else if (this.#mine && !this.#letGo) this.#taken = `${name} took the keyboard at ${clock()}. You are watching.`;
    this.#mine = mine;
    this.#letGo = false;
    this.#tell();
  }

  #tell(): void {
    const words = this.#words();
    if (words === this.#told) return;
    this.#told = words;
    note(words);
    say(words, true);
  }

  #asked(banner: HTMLElement, asking: NonNullable<Writer["asking"]>): void {
    const words = `${asking.name} asks for the keyboard. It passes in ${Math.round(asking.ms / 1000)} s.`;
    const give = make("button", { type: "button", textContent: "Give now" });
    const keep = make("button", { type: "button", textContent: "Keep" });
    give.addEventListener("click", () => {
      this.#letGo = true;
      this.#answer(() => this.#connection.give(asking.viewer));
    });
    keep.addEventListener("click", () => this.#answer(() => this.#connection.request("keep")));
    banner.replaceChildren(make("span", { textContent: words }), give, keep);
    note(words);
    say(words, true);
  }

  #answer(send: () => void): void {
    send();
    byId("banner").hidden = true;
    this.#focus();
  }

  async #take(): Promise<void> {
    const writer = this.#connection.writer?.name || "the writer";
    const sure = await ask(`Take the keyboard of ${this.#server}?`, [`${writer} is typing and will only be watching.`], [{ words: "Take keyboard", value: true, danger: true }]);
    if (sure === true) this.#connection.request("take");
  }
}

function clock(): string {
  return new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}
