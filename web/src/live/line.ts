// A connection over its life: sockets come and go, each with a session and a ticket of its own. Time, chance, sockets and
// sessions are handed in.
import { retryDelay } from "./retries.ts";

export interface Session {
  readonly websocket_endpoint: string;
  readonly ticket: string;
  /** ISO 8601, or seconds since 1970. */
  readonly expires_at?: string | number;
}

export interface Socket {
  binaryType: BinaryType;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

export interface World {
  /** A new session with a new ticket; throws Refused when trying again would not help. */
  session(): Promise<Session>;
  socket(url: string, protocols: string[]): Socket;
  visible(): boolean;
  random(): number;
  after(ms: number, call: () => void): () => void;
  now(): number;
}

/** Why a session is not given: the person may not (403), or is signed out (401). */
export class Refused extends Error {
  readonly event: "denied" | "expired";

  constructor(event: "denied" | "expired", words: string) {
    super(words);
    this.event = event;
  }
}

/** What happens to every line, whatever it carries. */
export type LineEvent =
  | "open" // the person, a timer or the network's return wants a connection
  | "renew" // the person wants a new session in place of this one
  | Ending;

export type Ending = "lost" | "denied" | "expired" | "ended" | "stopped" | "offline";

export type Transitions<S extends string, E extends string> = Readonly<Record<S, Partial<Record<E, S>>>>;

/** An absent pair is an event that comes too late: ignored. */
export function nextIn<S extends string, E extends string>(table: Transitions<S, E>, state: S, event: E): S {
  return table[state][event] ?? state;
}

export const CONNECT_MS = 15_000;
const CLOSE_NORMAL = 1000;

export abstract class Line<W extends World, S extends string, E extends string> {
  state: S;
  text = "";
  session: Session | null = null;
  retryAt: number | null = null;

  protected readonly world: W;
  protected socket: Socket | null = null;
  readonly #changed: () => void;
  readonly #table: Transitions<S, E | LineEvent>;
  readonly #waiting: ReadonlySet<S>;
  #attempt = 0; // tells late answers of an abandoned attempt from those of the present one
  #failures = 0;
  readonly #timers = new Map<string, () => void>();

  /** @param waiting the states in which the next try is on its way. */
  constructor(world: W, changed: () => void, table: Transitions<S, E | LineEvent>, first: S, waiting: readonly S[]) {
    this.world = world;
    this.state = first;
    this.#changed = changed;
    this.#table = table;
    this.#waiting = new Set(waiting);
  }

  /** Takes the session; answers the socket, whose callbacks are set. */
  protected abstract connect(session: Session): Socket;

  /** What comes before a session is asked for; fails as that does. */
  protected async prepare(): Promise<void> {}

  /** The socket is about to go. */
  protected abstract dropped(): void;

  /** Seconds until the next try. */
  get retryIn(): number | null {
    return this.retryAt === null ? null : Math.max(1, Math.ceil((this.retryAt - this.world.now()) / 1000));
  }

  /** Connects, unless a connection stands; also "Try now". */
  open(): void {
    if (this.socket !== null || this.#timers.has("connect")) return;
    this.#stopTimers();
    this.retryAt = null;
    this.move("open");
    this.timer("connect", CONNECT_MS, () => this.lose());
    void this.#try(++this.#attempt);
  }

  async #try(attempt: number): Promise<void> {
    const answer = await this.#ask(attempt).catch((error: Error) => error);
    if (attempt !== this.#attempt || answer === null) return;
    if (answer instanceof Refused) return this.finish(answer.event, answer.message);
    if (answer instanceof Error) return this.lose();
    this.session = answer;
    this.socket = this.connect(answer);
  }

  /** null: something else is wanted meanwhile. */
  async #ask(attempt: number): Promise<Session | null> {
    await this.prepare();
    return attempt === this.#attempt ? await this.world.session() : null;
  }

  offline(): void {
    this.finish("offline", "");
  }

  /** A new session in place of this one. */
  renew(): void {
    if (this.socket === null) return this.open();
    this.#drop();
    this.move("renew");
    this.open();
  }

  /** The other side has answered: failures before this one do not count any more. */
  protected connected(): void {
    this.#timers.get("connect")?.();
    this.#failures = 0;
  }

  /** The socket is gone, or no good: again after a while. */
  protected lose(event: E | LineEvent = "lost", text: string | null = null): void {
    this.#drop();
    if (text !== null) this.text = text;
    this.move(event);
    if (!this.#waiting.has(this.state)) return;
    const delay = retryDelay(this.#failures++, this.world.visible(), this.world.random()) * 1000;
    this.retryAt = this.world.now() + delay;
    this.timer("retry", delay, () => this.open());
    this.#changed();
  }

  protected finish(event: E | LineEvent, text: string): void {
    this.#drop();
    this.text = text;
    this.move(event);
    this.#changed();
  }

  protected move(event: E | LineEvent): void {
    const state = nextIn(this.#table, this.state, event);
    if (state === this.state) return;
    this.state = state;
    this.#changed();
  }

  protected timer(name: string, ms: number, call: () => void): void {
    this.#timers.get(name)?.();
    const cancel = this.world.after(ms, () => {
      this.#timers.delete(name);
      call();
    });
    this.#timers.set(name, () => {
      cancel();
      this.#timers.delete(name);
    });
  }

  protected stopTimer(name: string): void {
    this.#timers.get(name)?.();
  }

  #drop(): void {
    this.#attempt++;
    this.#stopTimers();
    this.retryAt = null;
    this.dropped();
    const socket = this.socket;
    this.socket = null;
    socket?.close(CLOSE_NORMAL);
  }

  #stopTimers(): void {
    for (const cancel of [...this.#timers.values()]) cancel();
  }
}
