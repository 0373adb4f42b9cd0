// When to try again.

/** Seconds before each try; the last one repeats while somebody looks, HIDDEN_DELAY while nobody does. */
export const RETRY_DELAYS = [0.5, 1, 2, 4, 8, 15] as const;
export const HIDDEN_DELAY = 60;
const JITTER = 0.2;

/** `random` is from 0 to 1, so that a thousand pages do not come back at one moment. */
export function retryDelay(failures: number, visible: boolean, random: number): number {
  const step = RETRY_DELAYS[failures];
  const delay = step ?? (visible ? RETRY_DELAYS[RETRY_DELAYS.length - 1]! : HIDDEN_DELAY);
  return delay * (1 + JITTER * (2 * random - 1));
}
