// What keys are on a serial line, and which keys are this page's after the leader.

export type Command = "leave" | "search" | "text" | "paste" | "break" | "keys" | "fullscreen" | "keyboard" | "help";

export const COMMANDS: Readonly<Record<string, Command>> = {
  Tab: "leave", s: "search", t: "text", p: "paste", b: "break", k: "keys", f: "fullscreen", w: "keyboard", "?": "help",
};

export const HELP: readonly (readonly [string, string])[] = [
  ["Tab", "leave the terminal"], ["s", "search"], ["t", "text view: lines to read and copy"], ["p", "paste"], ["b", "break"], ["k", "keys"], ["f", "full screen"],
  ["w", "ask for or release the keyboard"], ["?", "this list"], ["Ctrl+]", "send Ctrl+] to the server"],
];

export const LEADER_BYTE = "\x1d";

/** What the keys menu sends: VT100+, as firmware set-ups want it. */
export const KEYS: readonly (readonly [name: string, bytes: string])[] = [
  ["Esc", "\x1b"], ["Tab", "\t"], ["Enter", "\r"], ["Del (set-up)", "\x1b-"], ["Delete", "\x1b[3~"], ["Backspace ^H", "\b"], ["Backspace ^?", "\x7f"],
  ["↑", "\x1b[A"], ["↓", "\x1b[B"], ["→", "\x1b[C"], ["←", "\x1b[D"], ["Home", "\x1b[1~"], ["End", "\x1b[4~"], ["Page up", "\x1b[5~"], ["Page down", "\x1b[6~"],
  ["F1", "\x1b1"], ["F2", "\x1b2"], ["F3", "\x1b3"], ["F4", "\x1b4"], ["F5", "\x1b5"], ["F6", "\x1b6"],
  ["F7", "\x1b7"], ["F8", "\x1b8"], ["F9", "\x1b9"], ["F10", "\x1b0"], ["F11", "\x1b!"], ["F12", "\x1b@"],
  ["Ctrl+]", LEADER_BYTE],
];
