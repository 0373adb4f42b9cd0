// Keys as RFB has them: a keysym, and for servers that know scan codes the key's place, by its name in browsers.

export type Stroke = readonly [keysym: number, code: string];

/** Keys that go down in this order, and up in the other. */
export type Chord = readonly Stroke[];

const CTRL: Stroke = [0xffe3, "ControlLeft"];
const ALT: Stroke = [0xffe9, "AltLeft"];
export const SHIFT: Stroke = [0xffe1, "ShiftLeft"];
export const ALT_GR: Stroke = [0xfe03, "AltRight"];
const DELETE: Stroke = [0xffff, "Delete"];
const SYS_RQ: Stroke = [0xff15, "PrintScreen"];
export const ENTER: Stroke = [0xff0d, "Enter"];
export const TAB: Stroke = [0xff09, "Tab"];

const letter = (name: string): Stroke => [name.toLowerCase().charCodeAt(0), `Key${name}`];
const functionKey = (number: number): Stroke => [0xffbd + number, `F${number}`];
const FUNCTION_KEYS = Array.from({ length: 12 }, (_, index) => index + 1);

export const CTRL_ALT_DEL: Chord = [CTRL, ALT, DELETE];
export const LEADER: Chord = [CTRL, [0x5d, "BracketRight"]];

export interface MenuKey {
  readonly name: string;
  readonly chord: Chord;
  /** What it does to the server that has to be asked about. */
  readonly question?: string;
}

const one = (name: string, keysym: number, code: string): MenuKey => ({ name, chord: [[keysym, code]] });

/** What the keys menu sends: keys that browsers and window systems keep for themselves, or that small keyboards have not. */
export const MENU: readonly MenuKey[] = [
  one("Esc", 0xff1b, "Escape"), { name: "Tab", chord: [TAB] }, { name: "Enter", chord: [ENTER] }, { name: "Del", chord: [DELETE] },
  one("Ins", 0xff63, "Insert"), one("Backspace", 0xff08, "Backspace"), one("Space", 0x20, "Space"),
  one("↑", 0xff52, "ArrowUp"), one("↓", 0xff54, "ArrowDown"), one("←", 0xff51, "ArrowLeft"), one("→", 0xff53, "ArrowRight"),
  one("Home", 0xff50, "Home"), one("End", 0xff57, "End"), one("Page up", 0xff55, "PageUp"), one("Page down", 0xff56, "PageDown"),
  ...FUNCTION_KEYS.map((number) => ({ name: `F${number}`, chord: [functionKey(number)] })),
  one("Print", 0xff61, "PrintScreen"), one("Pause", 0xff13, "Pause"), one("Super", 0xffeb, "MetaLeft"), one("Menu", 0xff67, "ContextMenu"),
  { name: "Alt+Tab", chord: [ALT, TAB] }, { name: "Alt+F4", chord: [ALT, functionKey(4)] },
  { name: "Ctrl+Alt+F1", chord: [CTRL, ALT, functionKey(1)] }, { name: "Ctrl+Alt+F2", chord: [CTRL, ALT, functionKey(2)] },
  { name: "Ctrl+]", chord: LEADER },
  { name: "SysRq h: help", chord: [ALT, SYS_RQ, letter("H")] }, { name: "SysRq s: sync disks", chord: [ALT, SYS_RQ, letter("S")] },
  { name: "SysRq b: restart", chord: [ALT, SYS_RQ, letter("B")], question: "Linux restarts at once, without writing what is unsaved." },
];

export type Command = "leave" | "paste" | "keys" | "fullscreen" | "keyboard" | "screenshot" | "scale" | "help";

/** Keys that are this page's after the leader. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  Tab: "leave", p: "paste", k: "keys", f: "fullscreen", w: "keyboard", s: "screenshot", "1": "scale", "?": "help",
};

export const HELP: readonly (readonly [string, string])[] = [
  ["Tab", "leave the screen"], ["p", "paste as keystrokes"], ["k", "keys"], ["s", "screenshot"], ["1", "fit, or dot for dot"], ["f", "full screen"],
  ["w", "ask for or release the keyboard"], ["?", "this list"], ["Ctrl+]", "send Ctrl+] to the server"],
];
