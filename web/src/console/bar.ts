// The bar above the terminal: state, people, and what one can do about both. It shows what the connection knows.
import { ask } from "../dialog.ts";
import { byId, make, say } from "../dom.ts";
import type { Connection } from "./connection.ts";
import type { Control } from "./messages.ts";
import type { State } from "./states.ts";
import { describe, type Look } from "./wording.ts";

const MAX_NOTES = 200;
const REFUSED_MS = 4_000;

type Writer = Extract<Control, { type: "writer" }>;

export class Bar {
  readonly #connection: Connection;
  readonly #server: string;
  readonly #readOnly: boolean;
  #said: State | null = null;
  #actionsFor: State | null = null;
  #refusedUntil = 0;
  #clock: number | null = null;
  #writerTold = "";

  constructor(connection: Connection, server: string, readOnly: boolean) {
    this.#connection = connection;
    this.#server = server;
    this.#readOnly = readOnly;
    byId("keyboard").addEventListener("click", () => this.askOrRelease());
    byId("take").addEventListener("click", () => void this.#take());
  }

  render(): void {
    const { state, text, delayMs, target, offset } = this.#connection;
    const look = describe(state, { server: this.#server, text, delayMs, retryIn: this.#retryIn(), bytesToCome: Math.max(0, target - offset) });
    this.#state(look);
    this.#speak(state, look);
    this.#actions(state);
    this.#people();
    this.#tick();
  }

  note(words: string): void {
    const notes = byId("notes");
    const now = new Date();
    notes.append(make("li", {}, make("time", { dateTime: now.toISOString(), textContent: now.toLocaleTimeString() }), ` ${words}`));
    if (notes.childElementCount > MAX_NOTES) notes.firstElementChild?.remove();
  }

  /** A key went nowhere: says why, where the state stands. */
  refused(words: string): void {
    this.#refusedUntil = performance.now() + REFUSED_MS;
    byId("facts").textContent = words;
    setTimeout(() => performance.now() >= this.#refusedUntil && (byId("facts").textContent = "80×24"), REFUSED_MS + 1);
  }

  askOrRelease(): void {
    if (this.#readOnly) return this.refused("You opened this console to watch.");
    this.#connection.request(this.#connection.isWriter ? "release" : "ask");
    if (!this.#connection.isWriter) this.note("you asked for the keyboard");
  }

  writerChanged(message: Writer): void {
    const mine = this.#connection.isWriter;
    const banner = byId("banner");
    banner.replaceChildren();
    banner.hidden = !mine || message.asking == null;
    if (message.asking != null && mine) this.#asked(banner, message.asking);
    else this.#tellWriter(mine, message.name ?? "");
  }

  #tellWriter(mine: boolean, name: string): void {
    const words = mine ? "You have the keyboard." : name === "" ? "Nobody has the keyboard." : `${name} has the keyboard. You are watching.`;
    if (words === this.#writerTold) return;
    this.#writerTold = words;
    this.note(words);
    say(words, true);
  }

  #asked(banner: HTMLElement, asking: NonNullable<Writer["asking"]>): void {
    const words = `${asking.name} asks for the keyboard. It passes in ${Math.round(asking.ms / 1000)} s.`;
    const give = make("button", { textContent: "Give now" });
    const keep = make("button", { textContent: "Keep" });
    give.addEventListener("click", () => this.#answer(() => this.#connection.give(asking.viewer)));
    keep.addEventListener("click", () => this.#answer(() => this.#connection.request("keep")));
    banner.append(make("span", { textContent: words }), give, keep);
    this.note(words);
    say(words, true);
  }

  #answer(send: () => void): void {
    send();
    byId("banner").hidden = true;
    byId("terminal").querySelector("textarea")?.focus();
  }

  async #take(): Promise<void> {
    const writer = this.#connection.writer?.name || "the writer";
    const sure = await ask(`Take the keyboard of ${this.#server}?`, [`${writer} is typing and will only be watching.`], [{ words: "Take keyboard", value: true, danger: true }]);
    if (sure === true) this.#connection.request("take");
  }

  #retryIn(): number | null {
    const at = this.#connection.retryAt;
    return at === null ? null : Math.max(1, Math.ceil((at - performance.now()) / 1000));
  }

  #tick(): void {
    if (this.#clock !== null || this.#connection.retryAt === null) return;
    this.#clock = window.setInterval(() => {
      if (this.#connection.retryAt === null && this.#clock !== null) {
        clearInterval(this.#clock);
        this.#clock = null;
      }
      this.render();
    }, 1000);
  }

  #state(look: Look): void {
    byId("state").dataset["look"] = look.look;
    byId("state-icon").textContent = look.icon;
    byId("state-words").textContent = look.words;
  }

  /** Once for each state: countdowns and delays are not read out. */
  #speak(state: State, look: Look): void {
    if (this.#said === state) return;
    this.#said = state;
    document.documentElement.dataset["console"] = state;
    this.note(look.words);
    if (look.spoken !== "no") say(look.words, look.spoken === "assertive");
  }

  #actions(state: State): void {
    if (this.#actionsFor === state) return;
    this.#actionsFor = state;
    const offers: Partial<Record<State, [string, () => void][]>> = {
      "connecting": [["Cancel", () => this.#connection.stop()]],
      "reconnecting": [["Try now", () => this.#connection.open()], ["Stop", () => this.#connection.stop()]],
      "ended": [["Open again", () => this.#connection.open()]],
      "denied": [["Try again", () => this.#connection.open()]],
      "expired": [["Sign in", () => void open("/login", "_blank", "noopener")], ["Try now", () => this.#connection.open()]],
      "quiet": [["Send Enter", () => void this.#connection.type(new Uint8Array([13]))]],
    };
    byId("actions").replaceChildren(...(offers[state] ?? []).map(([words, act]) => {
      const button = make("button", { type: "button", textContent: words });
      button.addEventListener("click", act);
      return button;
    }));
  }

  #people(): void {
    const { writer, viewers, me, isWriter } = this.#connection;
    byId("writer").textContent = writer === null ? "" : `Writer: ${isWriter ? "you" : writer.name}`;
    const others = viewers.filter((viewer) => viewer.viewer !== me && viewer.viewer !== writer?.viewer).map((viewer) => viewer.name);
    byId("viewers").textContent = others.length === 0 ? "" : `Watching: ${others.join(", ")}`;
    const attached = me !== null && !this.#readOnly;
    byId("keyboard").hidden = !attached;
    byId("keyboard").textContent = isWriter ? "Release keyboard" : "Ask for keyboard";
    byId("take").hidden = !attached || isWriter || writer === null;
  }
}
