// What a person reads about each state of a console.
import { commonWording, type LineFacts, liveWords, type Look, look, minutes, PATIENCE_MS, waited, type Wording } from "../live/looks.ts";
import type { State } from "./states.ts";

/** `forMs` is for "quiet" since the last output, else since the state began. */
export interface Facts extends LineFacts {
  readonly bytesToCome: number;
}

const WORDING: Readonly<Record<State, Wording<Facts>>> = {
  ...commonWording<Facts>("console", "Your screen is kept."),
  "connecting": look("info", "◌", "polite", (f) =>
    (f.forMs ?? 0) > PATIENCE_MS ? `Still connecting to ${f.server}. The Agent is opening the console; some BMCs take 30 s.` : `Connecting to ${f.server}…`),
  "catching-up": look("info", "◌", "no", (f) => `Loading ${size(f.bytesToCome)} you have not seen…`),
  "live": look("ok", "●", "polite", liveWords),
  "quiet": look("ok", "●", "no", (f) => `Live, no output for ${minutes(f.forMs ?? 0)}`),
  "unstable": look("warn", "▲", "no", () => "Connection is slow"),
  "bmc-lost": look("warn", "◌", "polite", (f) => f.text || "The BMC dropped the console. The Agent is opening it again."),
  "server-off": look("off", "○", "polite", (f) => f.text || `${f.server} is off. The console stays open and will show the boot.`),
  "unreachable": look("bad", "✕", "assertive", (f) =>
    `${f.text || "The BMC does not answer. The server itself may be running."}${waited("Waiting for", f.forMs)}`),
  "busy": look("warn", "▲", "polite", (f) =>
    `${f.text || "The BMC allows one serial session; another system holds it."}${waited("Waiting for", f.forMs)}`),
};

export function describe(state: State, facts: Facts): Look {
  return WORDING[state](facts);
}

/** "12 bytes", "412 kB": as in SI, for people. */
export function size(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

const CAUSES: Readonly<Record<string, string>> = {
  bmc: "the BMC lost the console",
  history: "older than the history that is kept",
  slow: "this page read too slowly",
  skipped: "you went on to what is said now",
  restart: "the Agent restarted",
};

/** The line that stands for output that nobody here has. */
export function gapWords(gap: { bytes?: number; ms?: number; cause: string }): string {
  const parts = [gap.bytes === undefined ? null : `${size(gap.bytes)} missed`, gap.ms === undefined ? null : `${(gap.ms / 1000).toFixed(1)} s without a console`];
  const what = parts.filter((part) => part !== null).join(", ") || "output missed";
  const cause = CAUSES[gap.cause];
  return cause === undefined ? what : `${what}: ${cause}`;
}
