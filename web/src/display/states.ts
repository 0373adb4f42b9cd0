// The states of a display and every legal move between them. An absent pair is an event that comes too late: ignored.
import { type LineEvent, type Transitions } from "../live/line.ts";

export type State = "connecting" | "live" | "reconnecting" | "refused" | "resting" | "denied" | "ended" | "expired" | "offline";

export type Event =
  | LineEvent
  | "connected" // the first picture is on its way
  | "refused" // there is no display just now; the words say why
  | "unseen"; // nobody has looked for a while

type Moves = Partial<Record<Event, State>>;

const AWAY: Moves = { renew: "connecting", lost: "reconnecting", refused: "refused", denied: "denied", expired: "expired", ended: "ended", stopped: "ended", offline: "offline" };
const CLOSED: Moves = { open: "connecting" };

export const TRANSITIONS: Transitions<State, Event> = {
  "connecting": { ...AWAY, connected: "live" },
  "live": { ...AWAY, unseen: "resting" },
  "reconnecting": { ...AWAY, connected: "live" },
  "refused": { ...AWAY, connected: "live" },
  "resting": { ...CLOSED, renew: "connecting", stopped: "ended", offline: "offline" },
  "denied": CLOSED,
  "ended": CLOSED,
  "expired": { ...CLOSED, offline: "offline" },
  "offline": { open: "reconnecting", ended: "ended", stopped: "ended" },
};
