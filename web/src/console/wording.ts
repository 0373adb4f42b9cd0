// What a person reads about each state: a look, an icon and words; and how it is spoken.
import type { State } from "./states.ts";

export interface Facts {
  readonly server: string;
  /** What the hub or the refusal said, if anything. */
  readonly text: string;
  readonly delayMs: number | null;
  readonly retryIn: number | null;
  readonly bytesToCome: number;
  /** How long it has been so: for "quiet" since the last output, else since the state began; null where nobody knows. */
  readonly forMs: number | null;
}

export interface Look {
  readonly look: "ok" | "info" | "warn" | "bad" | "off";
  readonly icon: string;
  readonly words: string;
  readonly spoken: "no" | "polite" | "assertive";
}

const PATIENCE_MS = 2_000; // until "connecting" says more
const MINUTE_MS = 60_000;

type Wording = (facts: Facts) => Look;

const look = (kind: Look["look"], icon: string, spoken: Look["spoken"], words: (facts: Facts) => string): Wording =>
  (facts) => ({ look: kind, icon, spoken, words: words(facts) });

const WORDING: Readonly<Record<State, Wording>> = {
  "connecting": look("info", "◌", "polite", (f) =>
    (f.forMs ?? 0) > PATIENCE_MS ? `Still connecting to ${f.server}. The Agent is opening the console; some BMCs take 30 s.` : `Connecting to ${f.server}…`),
  "catching-up": look("info", "◌", "no", (f) => `Loading ${size(f.bytesToCome)} you have not seen…`),
  "live": look("ok", "●", "polite", (f) => (f.delayMs === null ? "Live" : `Live ${f.delayMs} ms`)),
  "quiet": look("ok", "●", "no", (f) => `Live, no output for ${minutes(f.forMs ?? 0)}`),
  "unstable": look("warn", "▲", "no", () => "Connection is slow"),
  "reconnecting": look("warn", "◌", "polite", (f) =>
    `Connection lost. ${f.retryIn === null ? "Trying again now." : `Trying again in ${f.retryIn} s.`} Your screen is kept.`),
  "bmc-lost": look("warn", "◌", "polite", (f) => f.text || "The BMC dropped the console. The Agent is opening it again."),
  "server-off": look("off", "○", "polite", (f) => f.text || `${f.server} is off. The console stays open and will show the boot.`),
  "unreachable": look("bad", "✕", "assertive", (f) =>
    `${f.text || "The BMC does not answer. The server itself may be running."}${waited("Waiting for", f.forMs)}`),
  "busy": look("warn", "▲", "polite", (f) =>
    `${f.text || "The BMC allows one serial session; another system holds it."}${waited("Waiting for", f.forMs)}`),
  "denied": look("bad", "✕", "assertive", (f) => f.text || `You may not open the console of ${f.server}.`),
  "ended": look("info", "✕", "assertive", (f) => f.text || "This session is closed."),
  "expired": look("warn", "✕", "assertive", () => "Signed out. Sign in and continue where you were."),
  "offline": look("warn", "✕", "polite", () => "Your device has no network."),
};

export function describe(state: State, facts: Facts): Look {
  return WORDING[state](facts);
}

/** "9 min", "2 h": whole ones. */
export function minutes(ms: number): string {
  const whole = Math.max(1, Math.floor(ms / MINUTE_MS));
  return whole < 120 ? `${whole} min` : `${Math.floor(whole / 60)} h`;
}

function waited(words: string, ms: number | null): string {
  return ms === null || ms < MINUTE_MS ? "" : ` ${words} ${minutes(ms)}.`;
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
