// One console over its life: sockets come and go, the offset stays.
import { Line, type LineEvent, type Session, type Socket, type World } from "../live/line.ts";
import { type Attach, type Control, decode, DecodeError, encode, encodeInput, HUB_STATES, type HubState, type Message, SUBPROTOCOL, VERSION, type Viewer } from "./messages.ts";
import { type Event, type State, takesKeys, TRANSITIONS } from "./states.ts";

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
export const HISTORY_BYTES = 262_144;
const MAX_MISSED_PINGS = 2;
const NO_DELAYS = { hub: null, bmc: null } as const;

const REASONS: Readonly<Record<string, string>> = {
  "not-live": "The console is not live: nothing was sent.",
  "read-only": "You are watching: nothing was sent.",
  "not-writer": "Somebody else has the keyboard: nothing was sent.",
  "too-fast": "Too much at once: the rest was not sent.",
};

/** Ends that are more than an end. */
const FINAL: Readonly<Record<string, LineEvent>> = { denied: "denied", revoked: "denied" };

export class Connection extends Line<World, State, Event> {
  /** Since when the hub is in its state, and who has the BMC's slot; by this page's clock. */
  since: number | null = null;
  holder = "";
  delays: { readonly hub: number | null; readonly bmc: number | null } = NO_DELAYS;
  lastOutput = 0;
  mayTake = false;
  viewers: readonly Viewer[] = [];
  writer: { readonly viewer: number; readonly name: string } | null = null;
  me: number | null = null;
  target = 0;
  offset = 0;
  /** Where this connection's output began. */
  began = 0;

  readonly #listener: Listener;
  readonly #mode: () => "read" | "write";
  readonly #name: string;
  readonly #history: number;
  #epoch: string | null = null;
  #lostAt: number | null = null;
  #missed = 0;
  #hub: HubState = "connecting";
  #sequence = 0;
  #pings = { id: 0, missed: 0, sentAt: 0 };

  /**
   * @param mode what it wants; asked at each attempt.
   * @param history bytes of the past to show first.
   */
  constructor(world: World, listener: Listener, mode: () => "read" | "write", name: string, history = HISTORY_BYTES) {
    super(world, () => listener.changed(), TRANSITIONS, "connecting", ["reconnecting"]);
    this.#listener = listener;
    this.#mode = mode;
    this.#name = name;
    this.#history = history;
  }

  stop(): void {
    this.socket?.send(encode("detach"));
    this.finish("stopped", "You closed this console.");
  }

  /** Leaves out what is still to come of the past. */
  skip(): void {
    if (this.state !== "catching-up") return;
    this.#listener.gap({ type: "gap", at: this.offset, bytes: this.target - this.offset, cause: "skipped" });
    this.offset = this.target;
    this.renew();
  }

  /** Whether the hub has taken us in. */
  get isOpen(): boolean {
    return this.me !== null;
  }

  get isWriter(): boolean {
    return this.me !== null && this.writer?.viewer === this.me;
  }

  get canType(): boolean {
    return takesKeys(this.state) && this.isWriter && this.socket !== null;
  }

  /** Sends what was typed, or says why not; it is never kept for later. */
  type(data: Uint8Array): boolean {
    if (!this.canType) {
      this.#listener.refused(REASONS[takesKeys(this.state) ? (this.#mode() === "read" ? "read-only" : "not-writer") : "not-live"]!);
      return false;
    }
    this.#sequence = (this.#sequence + 1) % 2 ** 32;
    this.socket!.send(encodeInput(this.#sequence, data));
    return true;
  }

  break(): boolean {
    if (!this.canType) return this.type(new Uint8Array());
    this.socket!.send(encode("break"));
    return true;
  }

  request(what: "ask" | "keep" | "take" | "release" | "free"): void {
    this.socket?.send(encode(what));
  }

  give(viewer: number): void {
    this.socket?.send(encode("give", { viewer }));
  }

  protected override connect(session: Session): Socket {
    const socket = this.world.socket(session.websocket_endpoint, [SUBPROTOCOL, `ticket.${session.ticket}`]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encode("attach", this.#attach()));
    socket.onmessage = (event) => this.socket === socket && this.#receive(event.data);
    socket.onclose = () => this.socket === socket && this.lose();
    return socket;
  }

  #attach(): Attach {
    const common = { version: VERSION, mode: this.#mode(), name: this.#name, history: this.#history };
    return this.#epoch === null ? common : { ...common, from: this.offset, epoch: this.#epoch };
  }

  #receive(data: unknown): void {
    try {
      const message = data instanceof ArrayBuffer ? decode(new Uint8Array(data)) : null;
      if (message !== null) this.#handle(message);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.lose();
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
      case "ended": return message.retry === true ? this.lose() : this.finish(FINAL[message.reason] ?? "ended", message.text ?? "");
      case "taken": return;
    }
  }

  #attached(message: Extract<Control, { type: "attached" }>): void {
    this.connected();
    const known = this.#epoch === message.epoch;
    this.#missed = known ? Math.max(0, message.from - this.offset) : 0;
    if (!known) this.#beginAnew(message.from);
    this.offset = Math.max(this.offset, message.from);
    this.#epoch = message.epoch;
    this.began = this.offset;
    this.me = message.viewer;
    this.mayTake = message.may_take === true && this.#mode() === "write";
    this.lastOutput = this.world.now();
    this.writer = message.writer == null ? null : { viewer: message.writer, name: "" }; // its name follows
    this.target = message.live;
    this.#hub = HUB_STATES.has(message.state) ? message.state : "connecting";
    this.text = "";
    this.move("attached");
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
    this.lastOutput = this.world.now();
    this.move("output");
    this.timer("quiet", QUIET_MS, () => this.move("silence"));
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
    const away = this.#lostAt === null ? 0 : this.world.now() - this.#lostAt;
    this.#listener.caughtUp(this.#lostAt === null ? null : this.#missed, away);
    this.#lostAt = null;
    this.move(`hub-${this.#hub}`);
  }

  #hubState({ state, text, holder, since_ms }: Extract<Control, { type: "state" }>): void {
    this.#hub = state;
    this.text = text ?? "";
    this.holder = holder ?? "";
    this.since = since_ms === undefined ? null : this.world.now() - since_ms;
    if (this.state === "catching-up") return;
    this.move(`hub-${state}`);
    this.#listener.changed();
  }

  #writer(message: Extract<Control, { type: "writer" }>): void {
    const viewer = message.viewer ?? null;
    this.writer = viewer === null ? null : { viewer, name: message.name ?? "" };
    this.#listener.writer(message);
    this.#listener.changed();
  }

  #ping(): void {
    const period = this.world.visible() ? PING_VISIBLE_MS : PING_HIDDEN_MS;
    this.timer("ping", period, () => this.#ping());
    if (this.#pings.missed >= MAX_MISSED_PINGS) return this.lose();
    this.#pings = { id: this.#pings.id + 1, missed: this.#pings.missed + 1, sentAt: this.world.now() };
    this.socket?.send(encode("ping", { id: this.#pings.id }));
    this.timer("late", LATE_MS, () => this.move("late"));
  }

  #pong(id: number, bmcMs: number | null): void {
    if (id !== this.#pings.id) return;
    this.stopTimer("late");
    this.#pings.missed = 0;
    this.delays = { hub: Math.round(this.world.now() - this.#pings.sentAt), bmc: bmcMs };
    this.move("answered");
    this.#listener.changed();
  }

  protected override dropped(): void {
    if (this.#epoch !== null) this.#lostAt ??= this.world.now();
    this.#pings = { ...this.#pings, missed: 0 };
    this.delays = NO_DELAYS;
    this.since = null;
    this.holder = "";
    this.writer = null;
    this.viewers = [];
    this.me = null;
  }
}
