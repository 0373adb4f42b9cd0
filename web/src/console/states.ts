// The states of a console and every legal move between them. An absent pair is an event that comes too late: ignored.
import type { HubState } from "./messages.ts";

export type State =
  | "connecting" | "catching-up" | "live" | "quiet" | "unstable" | "reconnecting" | "bmc-lost" | "server-off"
  | "unreachable" | "busy" | "denied" | "ended" | "expired" | "offline";

export type Event =
  | "open" // the person, a timer or the network's return wants a connection
  | "attached" | `hub-${HubState}` // what the hub says; after "attached" only once the history is there
  | "output" | "silence" | "late" | "answered" // about the line's life
  | "renew" // the person wants a new session in place of this one
  | "lost" | "denied" | "expired" | "ended" | "stopped" | "offline"; // how it ends

type Moves = Partial<Record<Event, State>>;

const AWAY: Moves = { renew: "connecting", lost: "reconnecting", denied: "denied", expired: "expired", ended: "ended", stopped: "ended", offline: "offline" };

const HUB: Moves = {
  "hub-connecting": "connecting", "hub-live": "live", "hub-reconnecting": "bmc-lost", "hub-server-off": "server-off",
  "hub-unreachable": "unreachable", "hub-busy": "busy", "hub-ended": "ended",
};

const HELD: Moves = { ...AWAY, ...HUB }; // attached, but the hub has no live line to the BMC
const CLOSED: Moves = { open: "connecting" };

export const TRANSITIONS: Readonly<Record<State, Moves>> = {
  "connecting": { ...AWAY, ...HUB, attached: "catching-up" },
  "catching-up": { ...AWAY, ...HUB },
  "live": { ...AWAY, ...HUB, silence: "quiet", late: "unstable" },
  "quiet": { ...AWAY, ...HUB, output: "live", late: "unstable" },
  "unstable": { ...AWAY, ...HUB, answered: "live" },
  "reconnecting": { ...AWAY, attached: "catching-up" },
  "bmc-lost": HELD,
  "server-off": HELD,
  "unreachable": HELD,
  "busy": HELD,
  "denied": CLOSED,
  "ended": CLOSED,
  "expired": { ...CLOSED, offline: "offline" },
  "offline": { open: "reconnecting", ended: "ended", stopped: "ended" },
};

export function next(state: State, event: Event): State {
  return TRANSITIONS[state][event] ?? state;
}

const TYPING: ReadonlySet<State> = new Set(["live", "quiet", "unstable"]);

/** Whether keys may be sent; in all other states they are refused, never queued. */
export function takesKeys(state: State): boolean {
  return TYPING.has(state);
}

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
