// The terminal of a serial line: it has no size of its own, so 80x24 stays and the font follows the window.
import { SearchAddon } from "@xterm/addon-search";
import { type IDisposable, type IMarker, Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { Found, Searchable } from "./find.ts";
import { flash } from "../live/flash.ts";
import { useStrictStyles } from "./strict_styles.ts";

export const COLUMNS = 80;
export const ROWS = 24;
export const SCROLLBACK = 10_000;
const MIN_FONT = 7;
const MAX_FONT = 24;

const MAX_MATCHES = 1_000; // that are marked at a time
const MATCHES = { matchBackground: "#5c4a10", matchOverviewRuler: "#e3b341", activeMatchBorder: "#f2cc60", activeMatchColorOverviewRuler: "#f2cc60" };

// The tokens' dark colours in both themes: firmware's colours assume a dark screen.
const ANSI = "#3b4250 #ff7b72 #56d364 #e3b341 #79b8ff #d2a8ff #56d4dd #c9d1d9 #8b949e #ffa198 #7ee787 #f2cc60 #a5d6ff #e2c5ff #7ce8f0 #f0f6fc".split(" ");
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

function theme(): Record<string, string> {
  const colours: Record<string, string> = { background: "#0b0d10", foreground: "#d9dee6", cursor: "#d9dee6", selectionBackground: "#1d4f91", selectionInactiveBackground: "#1d4f91" };
  NAMES.forEach((name, index) => {
    colours[name] = ANSI[index]!;
    colours[`bright${name[0]!.toUpperCase()}${name.slice(1)}`] = ANSI[index + 8]!;
  });
  return colours;
}

export class Screen implements Searchable {
  readonly terminal: Terminal;
  readonly #search = new SearchAddon({ highlightLimit: MAX_MATCHES });
  readonly #host: HTMLElement;

  constructor(host: HTMLElement) {
    this.#host = host;
    useStrictStyles(document);
    this.terminal = new Terminal({
      cols: COLUMNS,
      rows: ROWS,
      scrollback: SCROLLBACK,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
      fontSize: 13,
      minimumContrastRatio: 4.5,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      convertEol: false,
      theme: theme(),
      allowProposedApi: true,
    });
    this.terminal.loadAddon(this.#search);
    this.terminal.open(host);
    this.#fit(); // before the first paint: the text does not jump
    this.terminal.onBell(() => flash(this.#host, "bell"));
    new ResizeObserver(() => this.#fit()).observe(host);
  }

  write(data: Uint8Array | string, done?: () => void): void {
    this.terminal.write(data, done);
  }

  /** A line in the text: only where output is missing, so that what is there stays as it was. */
  gap(words: string): void {
    this.terminal.write(`\x1b[0m\r\n\x1b[2m── ${words} ──\x1b[0m\r\n`);
  }

  /** A label beside the line that is the last one now; the text does not change. */
  mark(words: string): void {
    this.terminal.write("", () => {
      const marker: IMarker | undefined = this.terminal.registerMarker(0);
      const label = marker && this.terminal.registerDecoration({ marker, width: 1 });
      label?.onRender((element) => {
        element.classList.add("mark");
        element.textContent = words;
      });
    });
  }

  /** All lines that are kept, as text; a line that the terminal wrapped is one line. */
  text(): string {
    const buffer = this.terminal.buffer.normal;
    const lines: string[] = [];
    for (let row = 0; row < buffer.length; row++) {
      const line = buffer.getLine(row);
      const wraps = buffer.getLine(row + 1)?.isWrapped === true;
      const text = line?.translateToString(!wraps) ?? "";
      if (line?.isWrapped === true) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd() + "\n";
  }

  /** How many there are comes later, from `onFound`. */
  find(words: string, way: "older" | "newer", matchCase: boolean, again: boolean): Found | null {
    const options = { caseSensitive: matchCase, decorations: MATCHES };
    if (again) this.clear(); // from the newest one, with every letter; the add-on forgets what it found with other options
    if (way === "older") this.#search.findPrevious(words, options);
    else this.#search.findNext(words, options);
    return words === "" ? { index: -1, count: 0 } : null;
  }

  onFound(call: (found: Found) => void): void {
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => call({ index: resultIndex, count: resultCount }));
  }

  clear(): void {
    this.#search.clearDecorations();
    this.terminal.clearSelection();
  }

  refuse(): void {
    flash(this.#host, "refused");
  }

  /** `change` may make something else of what was typed. */
  onType(call: (data: Uint8Array) => void, change: (text: string) => string): IDisposable[] {
    return [
      this.terminal.onData((text) => call(new TextEncoder().encode(change(text)))),
      this.terminal.onBinary((text) => call(Uint8Array.from(text, (letter) => letter.charCodeAt(0)))),
    ];
  }

  /** Twice: cells are whole pixels, so that the first guess may be a little too large. */
  #fit(): void {
    const screen = this.#host.querySelector<HTMLElement>(".xterm-screen");
    for (let pass = 0; pass < 2; pass++) {
      const font = this.terminal.options.fontSize ?? MIN_FONT;
      if (screen === null || screen.clientWidth === 0) return;
      const scale = Math.min((this.#host.clientWidth - 30) / screen.clientWidth, (this.#host.clientHeight - 8) / screen.clientHeight);
      const wanted = Math.max(MIN_FONT, Math.min(MAX_FONT, Math.floor(font * scale)));
      if (wanted === font) return;
      this.terminal.options.fontSize = wanted;
    }
  }
}
