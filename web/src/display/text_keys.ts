// Which keys make a text, on a keyboard of a country: servers that go by scan codes type what their own layout makes of them.
import { ALT_GR, type Chord, ENTER, SHIFT, TAB } from "./keys.ts";

// From the upper left to the lower right: the digits' row, three rows of letters; of the last, its first key is the one
// that American keyboards have not.
const PLACES = [
  "Backquote", ..."1234567890".split("").map((digit) => `Digit${digit}`), "Minus", "Equal",
  ..."QWERTYUIOP".split("").map((letter) => `Key${letter}`), "BracketLeft", "BracketRight",
  ..."ASDFGHJKL".split("").map((letter) => `Key${letter}`), "Semicolon", "Quote", "Backslash",
  "IntlBackslash", ..."ZXCVBNM".split("").map((letter) => `Key${letter}`), "Comma", "Period", "Slash",
];

interface Characters {
  readonly words: string;
  /** In the order of the places; a space where there is none. */
  readonly plain: string;
  readonly shift: string;
  /** With AltGr, and those of the same keys without. */
  readonly altGr: readonly [with_: string, without: string];
  /** Keys that wait for a letter to put their accent on: not typed. */
  readonly dead: string;
}

const CHARACTERS = {
  us: { words: "American", plain: "`1234567890-=qwertyuiop[]asdfghjkl;'\\ zxcvbnm,./", shift: "~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"| ZXCVBNM<>?", altGr: ["", ""], dead: "" },
  gb: { words: "British", plain: "`1234567890-=qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./", shift: "¬!\"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?", altGr: ["€", "4"], dead: "" },
  de: { words: "German", plain: "^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-", shift: "°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_", altGr: ["²³{[]}\\@€~|µ", "237890ßqe+<m"], dead: "^´`" },
  fr: { words: "French", plain: "²&é\"'(-è_çà)=azertyuiop^$qsdfghjklmù*<wxcvbn,;:!", shift: " 1234567890°+AZERTYUIOP¨£QSDFGHJKLM%µ>WXCVBN?./§", altGr: ["~#{[|`\\@]}€", "é\"'(-è_à)=e"], dead: "^¨" },
} as const satisfies Record<string, Characters>;

export type LayoutName = keyof typeof CHARACTERS;

export const LAYOUTS: readonly (readonly [name: LayoutName, words: string])[] = (Object.keys(CHARACTERS) as LayoutName[]).map((name) => [name, CHARACTERS[name].words]);

export function isLayout(name: string | null): name is LayoutName {
  return name !== null && Object.hasOwn(CHARACTERS, name);
}

const UNICODE = 0x0100_0000; // keysyms from here on are characters

function keysymOf(character: string): number {
  const code = character.codePointAt(0)!;
  return code >= 0x20 && code < 0x100 ? code : UNICODE + code;
}

/** What makes each character. */
export function layout(name: LayoutName): ReadonlyMap<string, Chord> {
  const { plain, shift, altGr, dead }: Characters = CHARACTERS[name];
  const chords = new Map<string, Chord>();
  const put = (character: string, place: string, ...before: Chord): void => {
    if (!dead.includes(character)) chords.set(character, [...before, [keysymOf(character), place]]);
  };
  [...altGr[0]].forEach((character, index) => put(character, PLACES[[...plain].indexOf(altGr[1][index]!)]!, ALT_GR));
  [...shift].forEach((character, index) => put(character, PLACES[index]!, SHIFT));
  [...plain].forEach((character, index) => put(character, PLACES[index]!));
  chords.set(" ", [[0x20, "Space"]]);
  chords.set("\t", [TAB]);
  chords.set("\n", [ENTER]);
  return chords;
}

export interface Typed {
  readonly chords: readonly Chord[];
  /** Characters that no key makes, each once. */
  readonly unmapped: readonly string[];
}

/** The keys that type a text; a line end is an Enter. */
export function keysOf(text: string, name: LayoutName): Typed {
  const chords = layout(name);
  const characters = [...text.replace(/\r\n?/g, "\n")];
  return {
    chords: characters.flatMap((character) => [chords.get(character) ?? []]).filter((chord) => chord.length > 0),
    unmapped: [...new Set(characters.filter((character) => !chords.has(character)))],
  };
}

/** Types key after key until all are gone or `press` refuses; answers how many were typed. */
export async function typePaced(chords: readonly Chord[], press: (chord: Chord) => boolean, pause: (typed: number) => Promise<boolean>): Promise<number> {
  for (let typed = 0; typed < chords.length; typed++) {
    if (!press(chords[typed]!)) return typed;
    if (!(await pause(typed + 1))) return typed + 1;
  }
  return chords.length;
}
