// A world without network and time: tests are the other end, and turn the clock.
import type { Session, Socket, World } from "../src/live/line.ts";

export class FakeSocket implements Socket {
  binaryType: BinaryType = "blob";
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readonly sent: Uint8Array[] = [];
  readonly url: string;
  readonly protocols: string[];
  closed = false;

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }
  send(data: Uint8Array): void {
    this.sent.push(data);
  }
  close(): void {
    this.closed = true;
  }
}

export class FakeWorld<S extends FakeSocket = FakeSocket> implements World {
  time = 0;
  sockets: S[] = [];
  timers: { at: number; call: () => void }[] = [];
  sessions = 0;
  seen = true;
  failure: Error | null = null;
  readonly #make: (url: string, protocols: string[]) => S;

  constructor(make: (url: string, protocols: string[]) => S) {
    this.#make = make;
  }
  session(): Promise<Session> {
    this.sessions++;
    return this.failure === null ? Promise.resolve({ websocket_endpoint: "ws://gateway", ticket: `t${this.sessions}` }) : Promise.reject(this.failure);
  }
  socket(url: string, protocols: string[]): Socket {
    const socket = this.#make(url, protocols);
    this.sockets.push(socket);
    return socket;
  }
  visible(): boolean { return this.seen; }
  random(): number { return 0.5; }
  now(): number { return this.time; }
  after(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((one) => one !== timer));
  }
  async turn(ms: number): Promise<void> {
    await settle();
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((one) => one !== due);
      this.time = due.at;
      due.call();
      await settle();
    }
    this.time = end;
  }
  get last(): S { return this.sockets.at(-1)!; }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
