// The states of a console and every legal move between them. An absent pair is an event that comes too late: ignored.
import { type LineEvent, type Transitions } from "../live/line.ts";
import type { HubState } from "./messages.ts";

export type State =
  | "connecting" | "catching-up" | "live" | "quiet" | "unstable" | "reconnecting" | "bmc-lost" | "server-off"
  | "unreachable" | "busy" | "denied" | "ended" | "expired" | "offline";

export type Event =
  | LineEvent
  | "attached" | `hub-${HubState}` // what the hub says; after "attached" only once the history is there
  | "output" | "silence" | "late" | "answered"; // about the line's life

type Moves = Partial<Record<Event, State>>;

const AWAY: Moves = { renew: "connecting", lost: "reconnecting", denied: "denied", expired: "expired", ended: "ended", stopped: "ended", offline: "offline" };

const HUB: Moves = {
  "hub-connecting": "connecting", "hub-live": "live", "hub-reconnecting": "bmc-lost", "hub-server-off": "server-off",
  "hub-unreachable": "unreachable", "hub-busy": "busy", "hub-ended": "ended",
};

const HELD: Moves = { ...AWAY, ...HUB }; // attached, but the hub has no live line to the BMC
const CLOSED: Moves = { open: "connecting" };

export const TRANSITIONS: Transitions<State, Event> = {
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

const TYPING: ReadonlySet<State> = new Set(["live", "quiet", "unstable"]);

/** Whether keys may be sent; in all other states they are refused, never queued. */
export function takesKeys(state: State): boolean {
  return TYPING.has(state);
}
