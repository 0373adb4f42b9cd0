// All that types besides the keyboard: the menu of keys, and pasting as keystrokes.
import { ask } from "../dialog.ts";
import { byId, make, say } from "../dom.ts";
import { note } from "../live/state_line.ts";
import type { Chord, MenuKey } from "./keys.ts";
import { MENU } from "./keys.ts";
import { isLayout, keysOf, LAYOUTS, type LayoutName, typePaced } from "./text_keys.ts";

const PAUSE_MS = 25; // for each key: what a BMC's keyboard, and a guest that boots, keep up with
const LAYOUT_KEY = "conduit-layout";

export class Typing {
  readonly #server: string;
  readonly #press: (chord: Chord) => boolean;
  readonly #focus: () => void;
  #cancelled = false;

  /**
   * @param press sends keys, or says why not and answers false.
   * @param focus gives the focus back to the screen.
   */
  constructor(server: string, press: (chord: Chord) => boolean, focus: () => void) {
    this.#server = server;
    this.#press = press;
    this.#focus = focus;
  }

  async keys(): Promise<void> {
    const chosen = await ask<MenuKey>("Send a key", [], MENU.map((key) => ({ words: key.name, value: key, danger: key.question !== undefined })));
    if (chosen !== null && (await this.#isSure(chosen))) this.#press(chosen.chord);
    this.#focus();
  }

  async #isSure({ name, question }: MenuKey): Promise<boolean> {
    return question === undefined || (await ask(`Send ${name} to ${this.#server}?`, [question], [{ words: "Send it", value: true, danger: true }])) === true;
  }

  async paste(words: string): Promise<void> {
    const chords = await askPaste(words);
    this.#focus();
    if (chords === null || chords.length === 0) return;
    const typed = await this.#type(chords);
    const told = typed === chords.length ? `typed ${characters(typed)}` : `typing stopped after ${typed} of ${characters(chords.length)}`;
    note(told);
    say(told);
  }

  async #type(chords: readonly Chord[]): Promise<number> {
    this.#cancelled = false;
    const progress = make("span");
    const cancel = make("button", { type: "button", textContent: "Cancel" });
    cancel.addEventListener("click", () => {
      this.#cancelled = true;
      this.#focus();
    });
    const banner = byId("typing-banner");
    banner.replaceChildren(progress, cancel);
    banner.hidden = false;
    const pause = async (typed: number): Promise<boolean> => {
      progress.textContent = `Typing: ${typed} of ${characters(chords.length)}`;
      await new Promise((done) => setTimeout(done, PAUSE_MS));
      return !this.#cancelled;
    };
    return await typePaced(chords, this.#press, pause).finally(() => (banner.hidden = true));
  }
}

const characters = (count: number): string => (count === 1 ? "1 character" : `${count} characters`);

/** Shows what would be typed, and which characters no key makes; answers the keys. */
async function askPaste(text: string): Promise<readonly Chord[] | null> {
  const box = make("textarea", { id: "paste-text", className: "pastebox", value: text, spellcheck: false });
  const layouts = make("select", { id: "paste-layout" }, ...LAYOUTS.map(([value, words]) => make("option", { value, textContent: words })));
  layouts.value = keptLayout();
  const count = make("p", { className: "muted" });
  const missing = make("p", { className: "unmapped" });
  missing.setAttribute("role", "status");
  const typed = (): ReturnType<typeof keysOf> => keysOf(box.value, layouts.value as LayoutName);
  const tell = (): void => {
    const { chords, unmapped } = typed();
    const lines = [...box.value].filter((character) => character === "\n").length;
    count.textContent = `${characters(chords.length)}, ${lines} line ends: each one is an Enter. About ${Math.ceil((chords.length * PAUSE_MS) / 1000)} s.`;
    const words = unmapped.length === 0 ? "" : `Not typed, as this keyboard has no key for them: ${unmapped.map(named).join(" ")}`;
    if (missing.textContent !== words) missing.textContent = words;
  };
  box.addEventListener("input", tell);
  layouts.addEventListener("change", tell);
  tell();
  const parts = [
    make("label", { htmlFor: box.id, textContent: "Text to type on the screen" }), box,
    make("label", { htmlFor: layouts.id, textContent: "Keyboard that the server believes to have" }), layouts, count, missing,
  ];
  if ((await ask("Paste as keystrokes?", parts, [{ words: "Type it", value: true }])) !== true) return null;
  keepLayout(layouts.value);
  return typed().chords;
}

/** A character that shows nothing by itself is told by its number. */
function named(character: string): string {
  return /[\p{C}\p{Z}]/u.test(character) ? `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}` : character;
}

function keptLayout(): LayoutName {
  try {
    const kept = localStorage.getItem(LAYOUT_KEY);
    return isLayout(kept) ? kept : "us";
  } catch {
    return "us"; // storage is blocked
  }
}

function keepLayout(name: string): void {
  try {
    localStorage.setItem(LAYOUT_KEY, name);
  } catch {
    // it is asked for each time
  }
}
