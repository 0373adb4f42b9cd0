// The keys that a phone's keyboard has not, in a strip above it. Ctrl and Alt hold for the one key that follows.
import { byId, make } from "../dom.ts";

export interface Held {
  readonly ctrl: boolean;
  readonly alt: boolean;
}

type StripKey = readonly [words: string, spoken: string, bytes: string];

const KEYS: readonly StripKey[] = [
  ["Esc", "Esc", "\x1b"], ["Tab", "Tab", "\t"], ["↑", "Up", "A"], ["↓", "Down", "B"], ["←", "Left", "D"], ["→", "Right", "C"],
  ["/", "Slash", "/"], ["|", "Pipe", "|"], ["-", "Minus", "-"],
];
const ARROWS: ReadonlySet<string> = new Set(["↑", "↓", "←", "→"]);

/** What a key is worth while Ctrl or Alt is held: "c" with Ctrl is the byte 3. */
export function withHeld(text: string, held: Held): string {
  const code = text.length === 1 ? text.toUpperCase().charCodeAt(0) : 0;
  const controlled = held.ctrl && code >= 0x40 && code <= 0x5f ? String.fromCharCode(code & 0x1f) : held.ctrl && text === " " ? "\0" : text;
  return held.alt ? `\x1b${controlled}` : controlled;
}

export class Strip {
  readonly #send: (text: string) => void;
  readonly #applicationKeys: () => boolean;
  readonly #holders = new Map<keyof Held, HTMLButtonElement>();

  constructor(send: (text: string) => void, applicationKeys: () => boolean, keysMenu: () => void) {
    this.#send = send;
    this.#applicationKeys = applicationKeys;
    const strip = byId("strip");
    const [escape, tab, ...rest] = KEYS.map((key) => this.#key(key));
    strip.append(escape!, tab!, this.#holder("Ctrl", "ctrl"), this.#holder("Alt", "alt"), ...rest, this.#button("Keys…", "Keys…", keysMenu));
    strip.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus, and with it the phone's keyboard, stays
  }

  /** What was typed, as the keys that are held make it; they are let go. */
  apply(text: string): string {
    const held = { ctrl: this.#isHeld("ctrl"), alt: this.#isHeld("alt") };
    for (const button of this.#holders.values()) button.setAttribute("aria-pressed", "false");
    return withHeld(text, held);
  }

  #isHeld(which: keyof Held): boolean {
    return this.#holders.get(which)?.getAttribute("aria-pressed") === "true";
  }

  #key([words, spoken, bytes]: StripKey): HTMLButtonElement {
    const text = (): string => (ARROWS.has(words) ? `\x1b${this.#applicationKeys() ? "O" : "["}${bytes}` : bytes);
    return this.#button(words, spoken, () => this.#send(this.apply(text())));
  }

  #holder(words: string, which: keyof Held): HTMLButtonElement {
    const button = this.#button(words, words, () => button.setAttribute("aria-pressed", String(!this.#isHeld(which))));
    button.setAttribute("aria-pressed", "false");
    this.#holders.set(which, button);
    return button;
  }

  #button(words: string, spoken: string, act: () => void): HTMLButtonElement {
    const button = make("button", { type: "button", textContent: words, ariaLabel: spoken });
    button.addEventListener("click", act);
    return button;
  }
}
