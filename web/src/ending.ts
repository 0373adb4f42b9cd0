// A warning before something ends by the clock, a sign-in or a session, with a button that makes it last (WCAG 2.2.1).
import { make, say } from "./dom.ts";

export const WARN_MS = 120_000;
const CHECK_MS = 1_000;

export interface Ending {
  readonly banner: HTMLElement;
  /** Milliseconds since 1970; null while nobody knows. */
  ends(): number | null;
  warning(left: string): string;
  readonly over: string;
  readonly stay: string;
  renew(): Promise<void>;
  /** What one can do once it is over. */
  readonly again: readonly [words: string, act: () => void];
}

export type Stage = "far" | "near" | "over";

export function stageAt(ends: number | null, now: number): Stage {
  if (ends === null || ends - now > WARN_MS) return "far";
  return ends > now ? "near" : "over";
}

/** "2 min", "40 s": in steps, so that it does not flicker. */
export function leftWords(ms: number): string {
  return ms > 60_000 ? `${Math.ceil(ms / 60_000)} min` : `${Math.max(10, Math.ceil(ms / 10_000) * 10)} s`;
}

/** Looks at the clock for as long as the page lives; `check` looks at once. */
export function warnBeforeEnd(ending: Ending): { check: () => void } {
  let shown: Stage = "far";
  const words = make("span");
  const check = (): void => {
    const ends = ending.ends();
    const stage = stageAt(ends, Date.now());
    const text = stage === "near" ? ending.warning(leftWords(ends! - Date.now())) : ending.over;
    words.textContent = text;
    if (stage === shown) return;
    shown = stage;
    ending.banner.hidden = stage === "far";
    ending.banner.dataset["look"] = "warn";
    ending.banner.replaceChildren(words, stage === "near" ? stayButton(ending, words, check) : actButton(...ending.again));
    if (stage !== "far") say(text, true); // once for each stage: the countdown is not read out
  };
  setInterval(check, CHECK_MS);
  document.addEventListener("visibilitychange", check);
  check();
  return { check };
}

function stayButton(ending: Ending, words: HTMLElement, check: () => void): HTMLButtonElement {
  return actButton(ending.stay, () => void ending.renew().then(check, (error: Error) => {
    words.textContent = error.message;
    say(error.message, true);
  }));
}

function actButton(words: string, act: () => void): HTMLButtonElement {
  const button = make("button", { type: "button", textContent: words });
  button.addEventListener("click", act);
  return button;
}
