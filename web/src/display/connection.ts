// One display over its life: sockets come and go, and the last picture stays. Its keyboard is a seat at the console's hub.
import { Line, type Session, type Socket, type World } from "../live/line.ts";
import type { Chord } from "./keys.ts";
import { type Event, type State, TRANSITIONS } from "./states.ts";

/** Draws what a socket brings, and sends keys and the pointer. */
export interface Screen {
  viewOnly: boolean;
  press(chord: Chord): void;
  close(): void;
}

/** How it goes with a screen. */
export interface ScreenNews {
  connected(): void;
  /** The display turned us away, and said why. */
  refused(words: string): void;
  /** @param code of the WebSocket's end. */
  closed(code: number, words: string): void;
}

export interface DisplayWorld extends World {
  /** What the person may do is known then, and so whether there is a seat; throws as `session` does. */
  ready(): Promise<unknown>;
  /** Takes the seat, unless it is taken or about to be, or there is none. */
  takeSeat(): void;
  screen(socket: Socket, news: ScreenNews): Screen;
}

/** The console's viewer whose keyboard the display shares. */
export interface Seat {
  readonly number: number | null;
  readonly hasKeyboard: boolean;
}

const PROTOCOL = "binary";
export const REST_MS = 60_000; // that a page which nobody sees goes on drawing
export const SEAT_MS = 4_000; // that the picture waits for the seat
const GOING_AWAY = 1001; // try again: RFC 6455, section 7.4.1
const POLICY = 1008;

export class Display extends Line<DisplayWorld, State, Event> {
  readonly #seat: () => Seat | null;
  readonly #mayType: () => boolean;
  #screen: Screen | null = null;
  #sitting: number | null = null;
  #standing = false;
  #seated = (): void => undefined;

  /** @param seat null where the display has a keyboard of its own; asked each time. */
  constructor(world: DisplayWorld, changed: () => void, seat: () => Seat | null, mayType: () => boolean) {
    super(world, changed, TRANSITIONS, "connecting", ["reconnecting", "refused"]);
    this.#seat = seat;
    this.#mayType = mayType;
  }

  get isOpen(): boolean {
    return this.state === "live";
  }

  /** Whether keys and the pointer go to the server now. */
  get canType(): boolean {
    if (this.state !== "live" || !this.#mayType()) return false;
    const seat = this.#seat();
    return seat === null || (seat.hasKeyboard && seat.number === this.#sitting);
  }

  /** Whether it is open, or opening, to look until there is a seat: no other keyboard is to be taken meanwhile. */
  get isStanding(): boolean {
    return this.#standing;
  }

  /** The console's connection is another one, or the keyboard is with somebody else. */
  seatChanged(): void {
    if (!this.#awaitsSeat()) this.#seated();
    if (this.#sitsWrong() && (this.socket !== null || this.state === "reconnecting")) this.renew();
    else this.#obey();
  }

  #awaitsSeat(): boolean {
    return this.#seat()?.number === null;
  }

  #sitsWrong(): boolean {
    const seat = this.#seat();
    return seat === null ? this.#sitting !== null || this.#standing : seat.number !== null && seat.number !== this.#sitting;
  }

  /** Whether anybody sees the page has changed: pixels for nobody cost both ends. The seat, and the keyboard with it, stays. */
  looked(): void {
    if (this.world.visible()) this.stopTimer("rest");
    else if (this.state === "live") this.timer("rest", REST_MS, () => this.finish("unseen", ""));
  }

  /** Presses keys; false if none may be sent now. */
  press(chord: Chord): boolean {
    if (!this.canType) return false;
    this.#screen!.press(chord);
    return true;
  }

  stop(): void {
    this.finish("stopped", "You closed this display.");
  }

  /** The seat comes first, as the keyboard is with it; but the picture does not wait long. */
  protected override async prepare(): Promise<void> {
    await this.world.ready();
    this.world.takeSeat();
    if (this.#awaitsSeat()) {
      await new Promise<void>((done) => {
        this.#seated = done;
        this.timer("seat", SEAT_MS, done);
      });
    }
    const seat = this.#seat();
    this.#sitting = seat?.number ?? null;
    this.#standing = seat !== null && this.#sitting === null;
  }

  protected override connect(session: Session): Socket {
    const seat = this.#sitting === null ? "" : `?seat=${this.#sitting}`;
    const socket = this.world.socket(session.websocket_endpoint + seat, [PROTOCOL, `ticket.${session.ticket}`]);
    const present = (call: () => void): void => void (this.socket === socket && call());
    this.#screen = this.world.screen(socket, {
      connected: () => present(() => this.#connected()),
      refused: (words) => present(() => this.lose("refused", words)),
      closed: (code, words) => present(() => this.#closed(code, words)),
    });
    return socket;
  }

  protected override dropped(): void {
    const screen = this.#screen;
    this.#screen = null;
    screen?.close();
  }

  #connected(): void {
    this.connected();
    this.text = "";
    this.move("connected");
    this.looked();
    if (this.#standing) this.world.takeSeat(); // what works for us works for it
    this.seatChanged();
  }

  #closed(code: number, words: string): void {
    if (code === POLICY) return this.finish("ended", words);
    this.lose("lost", code === GOING_AWAY ? words : "");
  }

  #obey(): void {
    if (this.#screen !== null) this.#screen.viewOnly = !this.canType;
  }
}
