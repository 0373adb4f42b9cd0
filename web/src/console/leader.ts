// The leader: Ctrl+] makes the next key the page's. Every other key goes to the server.
export type Command = "leave" | "search" | "text" | "paste" | "break" | "keys" | "fullscreen" | "keyboard" | "help" | "send-leader" | "unknown";

export interface Key {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  Tab: "leave", s: "search", t: "text", p: "paste", b: "break", k: "keys", f: "fullscreen", w: "keyboard", "?": "help",
};
const MODIFIERS: ReadonlySet<string> = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock"]);

export const LEADER_BYTE = "\x1d";

export function isLeader(key: Key): boolean {
  return key.ctrlKey && (key.key === "]" || key.code === "BracketRight");
}

/** Takes each key that goes down: "server" lets it pass, "wait" and a command do not. */
export class Leader {
  #armed = false;

  press(key: Key): "server" | "wait" | Command {
    if (!this.#armed) {
      this.#armed = isLeader(key);
      return this.#armed ? "wait" : "server";
    }
    if (MODIFIERS.has(key.key)) return "wait";
    this.#armed = false;
    return isLeader(key) ? "send-leader" : (COMMANDS[key.key] ?? "unknown");
  }
}

/** What the keys menu sends: VT100+, as firmware set-ups want it. */
export const KEYS: readonly (readonly [name: string, bytes: string])[] = [
  ["Esc", "\x1b"], ["Tab", "\t"], ["Enter", "\r"], ["Del (set-up)", "\x1b-"], ["Delete", "\x1b[3~"], ["Backspace ^H", "\b"], ["Backspace ^?", "\x7f"],
  ["↑", "\x1b[A"], ["↓", "\x1b[B"], ["→", "\x1b[C"], ["←", "\x1b[D"], ["Home", "\x1b[1~"], ["End", "\x1b[4~"], ["Page up", "\x1b[5~"], ["Page down", "\x1b[6~"],
  ["F1", "\x1b1"], ["F2", "\x1b2"], ["F3", "\x1b3"], ["F4", "\x1b4"], ["F5", "\x1b5"], ["F6", "\x1b6"],
  ["F7", "\x1b7"], ["F8", "\x1b8"], ["F9", "\x1b9"], ["F10", "\x1b0"], ["F11", "\x1b!"], ["F12", "\x1b@"],
  ["Ctrl+]", LEADER_BYTE],
];
