// What a person reads about each state of a display.
import { again, commonWording, type LineFacts, liveWords, type Look, look, minutes, PATIENCE_MS, type Wording } from "../live/looks.ts";
import type { State } from "./states.ts";

export interface Facts extends LineFacts {
  /** The serial console says that the server is off. */
  readonly off: boolean;
}

const COMMON = commonWording<Facts>("display", "The last picture is kept.");

const WORDING: Readonly<Record<State, Wording<Facts>>> = {
  ...COMMON,
  "connecting": look("info", "◌", "polite", (f) =>
    (f.forMs ?? 0) > PATIENCE_MS ? `Still connecting to ${f.server}. The Agent is logging in to the display; some BMCs take 30 s.` : `Connecting to ${f.server}…`),
  "live": look("ok", "●", "polite", liveWords),
  "reconnecting": look("warn", "◌", "polite", (f) => (f.text === "" ? COMMON.reconnecting(f).words : `${sentence(f.text)} ${again(f)}`)),
  "refused": look("bad", "✕", "assertive", (f) => `${sentence(f.text)} ${again(f)}`),
  "resting": look("info", "◌", "no", () => "Paused while nobody sees this page."),
};

const OFF = look<Facts>("off", "○", "polite", (f) => `${f.server} is off. The screen stays open and will show the boot.`);

export function describe(state: State, facts: Facts): Look {
  return (state === "live" && facts.off ? OFF : WORDING[state])(facts);
}

/** What an Agent says begins small and has no full stop. */
export function sentence(text: string): string {
  const words = text.trim() || "the display is not to be had";
  return words[0]!.toUpperCase() + words.slice(1).replace(/[.\s]*$/, ".");
}

/** How old the last picture is. */
export function ageWords(ms: number): string {
  return ms < 60_000 ? `Last picture, ${Math.max(1, Math.round(ms / 1000))} s old` : `Last picture, ${minutes(ms)} old`;
}
