// What a person reads about a state: a look, an icon and words; and how it is spoken.

export interface Look {
  readonly look: "ok" | "info" | "warn" | "bad" | "off";
  readonly icon: string;
  readonly words: string;
  readonly spoken: "no" | "polite" | "assertive";
}

/** What every line's words are made of. */
export interface LineFacts {
  readonly server: string;
  /** What the other end or the refusal said, if anything. */
  readonly text: string;
  readonly delayMs: number | null;
  readonly retryIn: number | null;
  /** How long it has been so; null where nobody knows. */
  readonly forMs: number | null;
}

export type Wording<F extends LineFacts> = (facts: F) => Look;

export const PATIENCE_MS = 2_000; // until "connecting" says more
const MINUTE_MS = 60_000;

export const look = <F extends LineFacts>(kind: Look["look"], icon: string, spoken: Look["spoken"], words: (facts: F) => string): Wording<F> =>
  (facts) => ({ look: kind, icon, spoken, words: words(facts) });

/** Words that a console and a display share. */
export function commonWording<F extends LineFacts>(what: "console" | "display", kept: string): Readonly<Record<"reconnecting" | "denied" | "ended" | "expired" | "offline", Wording<F>>> {
  return {
    reconnecting: look("warn", "◌", "polite", (f) => `Connection lost. ${again(f)} ${kept}`),
    denied: look("bad", "✕", "assertive", (f) => f.text || `You may not open the ${what} of ${f.server}.`),
    ended: look("info", "✕", "assertive", (f) => f.text || "This session is closed."),
    expired: look("warn", "✕", "assertive", () => "Signed out. Sign in and continue where you were."),
    offline: look("warn", "✕", "polite", () => "Your device has no network."),
  };
}

export function again(facts: LineFacts): string {
  return facts.retryIn === null ? "Trying again now." : `Trying again in ${facts.retryIn} s.`;
}

export function liveWords(facts: LineFacts): string {
  return facts.delayMs === null ? "Live" : `Live ${facts.delayMs} ms`;
}

/** "9 min", "2 h": whole ones. */
export function minutes(ms: number): string {
  const whole = Math.max(1, Math.floor(ms / MINUTE_MS));
  return whole < 120 ? `${whole} min` : `${Math.floor(whole / 60)} h`;
}

export function waited(words: string, ms: number | null): string {
  return ms === null || ms < MINUTE_MS ? "" : ` ${words} ${minutes(ms)}.`;
}
