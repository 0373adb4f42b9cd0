// One console over its life: sockets come and go, the offset stays. Time, chance, sockets and sessions are handed in.
import { type Attach, type Control, decode, DecodeError, encode, encodeInput, HUB_STATES, type HubState, type Message, SUBPROTOCOL, VERSION, type Viewer } from "./messages.ts";
import { type Event, next, retryDelay, type State, takesKeys } from "./states.ts";

export interface ConsoleSession {
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
  session(): Promise<ConsoleSession>;
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

export interface Listener {
  /** Anything that the bar shows has changed. */
  changed(): void;
  output(data: Uint8Array): void;
  /** The history is complete; `missed` bytes since the last connection are gone (null: this is the first one). */
  caughtUp(missed: number | null, awayMs: number): void;
  gap(gap: Extract<Control, { type: "gap" }>): void;
  refused(words: string): void;
  writer(message: Extract<Control, { type: "writer" }>): void;
}

export const PING_VISIBLE_MS = 5_000;
export const PING_HIDDEN_MS = 10_000;
export const LATE_MS = 3_000;
export const QUIET_MS = 60_000;
export const CONNECT_MS = 15_000;
export const HISTORY_BYTES = 262_144;
const MAX_MISSED_PINGS = 2;
const CLOSE_NORMAL = 1000;
const NO_DELAYS = { hub: null, bmc: null } as const;

const REASONS: Readonly<Record<string, string>> = {
  "not-live": "The console is not live: nothing was sent.",
  "read-only": "You are watching: nothing was sent.",
  "not-writer": "Somebody else has the keyboard: nothing was sent.",
  "too-fast": "Too much at once: the rest was not sent.",
};

/** Ends that are more than an end. */
const FINAL: Readonly<Record<string, Event>> = { denied: "denied", revoked: "denied" };

export class Connection {
  state: State = "connecting";
  text = "";
  /** Since when the hub is in its state, and who has the BMC's slot; by this page's clock. */
  since: number | null = null;
  holder = "";
  delays: { readonly hub: number | null; readonly bmc: number | null } = NO_DELAYS;
  lastOutput = 0;
  session: ConsoleSession | null = null;
  mayTake = false;
  retryAt: number | null = null;
  viewers: readonly Viewer[] = [];
  writer: { readonly viewer: number; readonly name: string } | null = null;
  me: number | null = null;
  target = 0;
  offset = 0;
  /** Where this connection's output began. */
  began = 0;

  readonly #world: World;
  readonly #listener: Listener;
  readonly #mode: "read" | "write";
  readonly #name: string;
  #epoch: string | null = null;
  #socket: Socket | null = null;
  #attempt = 0; // tells late answers of an abandoned attempt from those of the present one
  #failures = 0;
  #lostAt: number | null = null;
  #missed = 0;
  #hub: HubState = "connecting";
  #sequence = 0;
  #pings = { id: 0, missed: 0, sentAt: 0 };
  readonly #timers = new Map<string, () => void>();

  constructor(world: World, listener: Listener, mode: "read" | "write", name: string) {
    this.#world = world;
    this.#listener = listener;
    this.#mode = mode;
    this.#name = name;
  }

  /** Connects, unless a connection stands; also "Try now". */
  open(): void {
    if (this.#socket !== null || this.#timers.has("connect")) return;
    this.#stopTimers();
    this.retryAt = null;
    this.#move("open");
    const attempt = ++this.#attempt;
    this.#timer("connect", CONNECT_MS, () => this.#lose());
    this.#world.session().then(
      (session) => attempt === this.#attempt && this.#connect(session),
      (error: Error) => attempt === this.#attempt && (error instanceof Refused ? this.#finish(error.event, error.message) : this.#lose()),
    );
  }

  stop(): void {
    this.#socket?.send(encode("detach"));
    this.#finish("stopped", "You closed this console.");
  }

  offline(): void {
    this.#finish("offline", "");
  }

  /** A new session in place of this one, from the byte after the last: nothing is missed. */
  renew(): void {
    if (this.#socket === null) return this.open();
    this.#drop();
    this.#move("renew");
    this.open();
  }

  /** Leaves out what is still to come of the past. */
  skip(): void {
    if (this.state !== "catching-up") return;
    this.#listener.gap({ type: "gap", at: this.offset, bytes: this.target - this.offset, cause: "skipped" });
    this.offset = this.target;
    this.renew();
  }

  get isWriter(): boolean {
    return this.me !== null && this.writer?.viewer === this.me;
  }

  get canType(): boolean {
    return takesKeys(this.state) && this.isWriter && this.#socket !== null;
  }

  /** Sends what was typed, or says why not; it is never kept for later. */
  type(data: Uint8Array): boolean {
    if (!this.canType) {
      this.#listener.refused(REASONS[takesKeys(this.state) ? (this.#mode === "read" ? "read-only" : "not-writer") : "not-live"]!);
      return false;
    }
    this.#sequence = (this.#sequence + 1) % 2 ** 32;
    this.#socket!.send(encodeInput(this.#sequence, data));
    return true;
  }

  break(): boolean {
    if (!this.canType) return this.type(new Uint8Array());
    this.#socket!.send(encode("break"));
    return true;
  }

  request(what: "ask" | "keep" | "take" | "release" | "free"): void {
    this.#socket?.send(encode(what));
  }

  give(viewer: number): void {
    this.#socket?.send(encode("give", { viewer }));
  }

  #connect(session: ConsoleSession): void {
    this.session = session;
    const socket = this.#world.socket(session.websocket_endpoint, [SUBPROTOCOL, `ticket.${session.ticket}`]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encode("attach", this.#attach()));
    socket.onmessage = (event) => this.#socket === socket && this.#receive(event.data);
    socket.onclose = () => this.#socket === socket && this.#lose();
    this.#socket = socket;
  }

  #attach(): Attach {
    const common = { version: VERSION, mode: this.#mode, name: this.#name, history: HISTORY_BYTES };
    return this.#epoch === null ? common : { ...common, from: this.offset, epoch: this.#epoch };
  }

  #receive(data: unknown): void {
    try {
      const message = data instanceof ArrayBuffer ? decode(new Uint8Array(data)) : null;
      if (message !== null) this.#handle(message);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#lose();
    }
  }

  #handle(message: Message): void {
    switch (message.type) {
      case "output": return this.#output(message.offset, message.data);
      case "attached": return this.#attached(message);
      case "state": return this.#hubState(message);
      case "gap": return this.#gap(message);
      case "writer": return this.#writer(message);
      case "viewers": this.viewers = message.viewers; return this.#listener.changed();
      case "refused": return this.#listener.refused(message.text || REASONS[message.reason] || "Nothing was sent.");
      case "pong": return this.#pong(message.id, message.bmc_ms ?? null);
      case "ended": return message.retry === true ? this.#lose() : this.#finish(FINAL[message.reason] ?? "ended", message.text ?? "");
      case "taken": return;
    }
  }

  #attached(message: Extract<Control, { type: "attached" }>): void {
    this.#timers.get("connect")?.();
    this.#failures = 0;
    const known = this.#epoch === message.epoch;
    this.#missed = known ? Math.max(0, message.from - this.offset) : 0;
    if (!known) this.#beginAnew(message.from);
    this.offset = Math.max(this.offset, message.from);
    this.#epoch = message.epoch;
    this.began = this.offset;
    this.me = message.viewer;
    this.mayTake = message.may_take === true && this.#mode === "write";
    this.lastOutput = this.#world.now();
    this.writer = message.writer == null ? null : { viewer: message.writer, name: "" }; // its name follows
    this.target = message.live;
    this.#hub = HUB_STATES.has(message.state) ? message.state : "connecting";
    this.text = "";
    this.#move("attached");
    this.#ping();
    this.#checkCaughtUp();
  }

  /** Offsets of another epoch mean nothing here: what was missed, nobody knows. */
  #beginAnew(from: number): void {
    if (this.#epoch !== null) this.#listener.gap({ type: "gap", at: from, cause: "restart" });
    this.#lostAt = null;
    this.offset = from;
  }

  /** Bytes that were seen are dropped and bytes that are not there are counted, so that the text is right in any case. */
  #output(offset: number, data: Uint8Array): void {
    const seen = this.offset - offset;
    if (seen >= data.length) return;
    if (seen < 0) this.#missed -= seen;
    this.#listener.output(seen > 0 ? data.subarray(seen) : data);
    this.offset = offset + data.length;
    this.lastOutput = this.#world.now();
    this.#move("output");
    this.#timer("quiet", QUIET_MS, () => this.#move("silence"));
    this.#checkCaughtUp();
  }

  #gap(message: Extract<Control, { type: "gap" }>): void {
    if (message.bytes !== undefined) {
      const end = Math.max(this.offset, message.at + message.bytes);
      this.#missed += end - this.offset;
      this.offset = end;
    }
    this.#listener.gap(message);
    this.#checkCaughtUp();
  }

  #checkCaughtUp(): void {
    if (this.state !== "catching-up" || this.offset < this.target) return;
    const away = this.#lostAt === null ? 0 : this.#world.now() - this.#lostAt;
    this.#listener.caughtUp(this.#lostAt === null ? null : this.#missed, away);
    this.#lostAt = null;
    this.#move(`hub-${this.#hub}`);
  }

  #hubState({ state, text, holder, since_ms }: Extract<Control, { type: "state" }>): void {
    this.#hub = state;
    this.text = text ?? "";
    this.holder = holder ?? "";
    this.since = since_ms === undefined ? null : this.#world.now() - since_ms;
    if (this.state === "catching-up") return;
    this.#move(`hub-${state}`);
    this.#listener.changed();
  }

  #writer(message: Extract<Control, { type: "writer" }>): void {
    const viewer = message.viewer ?? null;
    this.writer = viewer === null ? null : { viewer, name: message.name ?? "" };
    this.#listener.writer(message);
    this.#listener.changed();
  }

  #ping(): void {
    const period = this.#world.visible() ? PING_VISIBLE_MS : PING_HIDDEN_MS;
    this.#timer("ping", period, () => this.#ping());
    if (this.#pings.missed >= MAX_MISSED_PINGS) return this.#lose();
    this.#pings = { id: this.#pings.id + 1, missed: this.#pings.missed + 1, sentAt: this.#world.now() };
    this.#socket?.send(encode("ping", { id: this.#pings.id }));
    this.#timer("late", LATE_MS, () => this.#move("late"));
  }

  #pong(id: number, bmcMs: number | null): void {
    if (id !== this.#pings.id) return;
    this.#timers.get("late")?.();
    this.#pings.missed = 0;
    this.delays = { hub: Math.round(this.#world.now() - this.#pings.sentAt), bmc: bmcMs };
    this.#move("answered");
    this.#listener.changed();
  }

  /** The line is gone: again after a while, and from the byte after the last one. */
  #lose(): void {
    this.#drop();
    this.#move("lost");
    if (this.state !== "reconnecting") return;
    const delay = retryDelay(this.#failures++, this.#world.visible(), this.#world.random()) * 1000;
    this.retryAt = this.#world.now() + delay;
    this.#timer("retry", delay, () => this.open());
    this.#listener.changed();
  }

  #finish(event: Event, text: string): void {
    this.#drop();
    this.text = text;
    this.#move(event);
    this.#listener.changed();
  }

  #drop(): void {
    this.#attempt++;
    this.#stopTimers();
    if (this.#epoch !== null) this.#lostAt ??= this.#world.now();
    this.#pings = { ...this.#pings, missed: 0 };
    this.delays = NO_DELAYS;
    this.since = null;
    this.holder = "";
    this.retryAt = null;
    this.writer = null;
    this.viewers = [];
    this.me = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(CLOSE_NORMAL);
  }

  #move(event: Event): void {
    const state = next(this.state, event);
    if (state === this.state) return;
    this.state = state;
    this.#listener.changed();
  }

  #timer(name: string, ms: number, call: () => void): void {
    this.#timers.get(name)?.();
    const cancel = this.#world.after(ms, () => {
      this.#timers.delete(name);
      call();
    });
    this.#timers.set(name, () => {
      cancel();
      this.#timers.delete(name);
    });
  }

  #stopTimers(): void {
    for (const cancel of [...this.#timers.values()]) cancel();
  }
}
