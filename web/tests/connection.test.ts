// A connection against a world without network and time: the tests are the hub, and turn the clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection, type Listener, QUIET_MS } from "../src/console/connection.ts";
import { Refused } from "../src/live/line.ts";
import { FakeSocket, FakeWorld, settle } from "./world.ts";

const decoder = new TextDecoder();

class HubSocket extends FakeSocket {
  json(kind: number, body: object): void {
    this.raw(Uint8Array.from([kind, ...new TextEncoder().encode(JSON.stringify(body))]));
  }
  raw(data: Uint8Array): void {
    this.onmessage?.({ data: data.slice().buffer } as MessageEvent);
  }
  output(offset: number, text: string): void {
    const data = new TextEncoder().encode(text);
    const message = new Uint8Array(9 + data.length);
    message[0] = 0x41;
    new DataView(message.buffer).setUint32(5, offset);
    message.set(data, 9);
    this.raw(message);
  }
  of(kind: number): Record<string, unknown>[] {
    return this.sent.filter((one) => one[0] === kind).map((one) => JSON.parse(decoder.decode(one.subarray(1))) as Record<string, unknown>);
  }
}

class Bench extends FakeWorld<HubSocket> implements Listener {
  text = "";
  marks: (number | null)[] = [];
  refusals: string[] = [];
  gaps = 0;
  readonly connection: Connection;

  constructor(mode: "read" | "write" = "write") {
    super((url, protocols) => new HubSocket(url, protocols));
    this.connection = new Connection(this, this, () => mode, "test");
  }
  changed(): void {}
  output(data: Uint8Array): void { this.text += decoder.decode(data); }
  caughtUp(missed: number | null): void { this.marks.push(missed); }
  gap(): void { this.gaps++; }
  refused(words: string): void { this.refusals.push(words); }
  writer(): void {}

  async attach(body: object = {}): Promise<HubSocket> {
    await settle();
    this.last.onopen?.(null as never);
    this.last.json(0x40, { version: 1, viewer: 1, epoch: "e", from: 0, live: 0, oldest: 0, state: "live", writer: 1, viewers: 1, ...body });
    return this.last;
  }
}

async function live(mode: "read" | "write" = "write", body: object = {}): Promise<[Bench, HubSocket]> {
  const bench = new Bench(mode);
  bench.connection.open();
  return [bench, await bench.attach(body)];
}

test("a ticket goes into the subprotocols, and the first message attaches", async () => {
  const [bench, socket] = await live();
  assert.deepEqual(socket.protocols, ["conduit.console.1", "ticket.t1"]);
  assert.deepEqual(socket.of(0), [{ version: 1, mode: "write", name: "test", history: 262144 }]);
  assert.equal(bench.connection.state, "live");
});

test("the console is live when the history is there, not before", async () => {
  const [bench, socket] = await live("write", { from: 10, live: 14 });
  assert.equal(bench.connection.state, "catching-up");
  socket.output(10, "abcd");
  assert.equal(bench.connection.state, "live");
  assert.deepEqual(bench.marks, [null]);
});

test("after a loss it asks for the byte after the last one, with a new ticket", async () => {
  const [bench, socket] = await live();
  socket.output(0, "abc");
  socket.onclose?.({} as CloseEvent);
  assert.equal(bench.connection.state, "reconnecting");
  await bench.turn(500);
  const again = await bench.attach({ from: 3, live: 6 });
  assert.deepEqual(again.protocols, ["conduit.console.1", "ticket.t2"]);
  assert.equal(again.of(0)[0]!["from"], 3);
  again.output(3, "def");
  assert.equal(bench.text, "abcdef");
  assert.deepEqual(bench.marks, [null, 0]);
});

test("bytes that come twice are shown once", async () => {
  const [bench, socket] = await live();
  socket.output(0, "abc");
  socket.output(1, "bcd");
  socket.output(0, "ab");
  assert.equal(bench.text, "abcd");
});

test("missed bytes are counted once, by the gap or by the offsets", async () => {
  const [bench, socket] = await live();
  socket.output(0, "abc");
  socket.onclose?.({} as CloseEvent);
  await bench.turn(500);
  const again = await bench.attach({ from: 13, live: 15 });
  again.output(13, "xy");
  assert.deepEqual(bench.marks, [null, 10]);
});

test("a gap is counted once, whether or not the attachment already skipped it", async () => {
  for (const from of [3, 13]) {
    const [bench, socket] = await live();
    socket.output(0, "abc");
    socket.onclose?.({} as CloseEvent);
    await bench.turn(500);
    const again = await bench.attach({ from, live: 15 });
    again.json(0x42, { at: 3, bytes: 10, cause: "slow" });
    again.output(13, "xy");
    assert.deepEqual(bench.marks, [null, 10]);
  }
});

test("a word for the state that is newer than this page is as good as none", async () => {
  const [bench] = await live("write", { state: "dreaming" });
  assert.equal(bench.connection.state, "connecting");
});

test("a grant that is taken away is a refusal, not an end", async () => {
  const [bench, socket] = await live();
  socket.json(0x49, { reason: "revoked", text: "Your access was revoked.", retry: false });
  assert.equal(bench.connection.state, "denied");
});

test("a new epoch begins at its own offsets", async () => {
  const [bench, socket] = await live();
  socket.output(0, "abc");
  socket.onclose?.({} as CloseEvent);
  await bench.turn(500);
  const again = await bench.attach({ epoch: "f", from: 0, live: 2 });
  again.output(0, "xy");
  assert.equal(bench.text, "abcxy");
  assert.deepEqual([bench.gaps, bench.marks], [1, [null, null]]);
});

test("what is typed while the console is not live is refused and never sent", async () => {
  const [bench, socket] = await live();
  socket.json(0x43, { state: "unreachable", text: "The BMC has not answered since 13:58." });
  assert.equal(bench.connection.type(Uint8Array.of(13)), false);
  socket.json(0x43, { state: "live" });
  assert.equal(socket.sent.some((one) => one[0] === 1), false);
  assert.equal(bench.refusals.length, 1);
  assert.equal(bench.connection.type(Uint8Array.of(13)), true);
});

test("a watcher's keys are refused", async () => {
  const [bench] = await live("read", { writer: 2 });
  bench.connection.type(Uint8Array.of(13));
  bench.connection.break();
  assert.deepEqual(bench.refusals, Array(2).fill("You are watching: nothing was sent."));
});

test("a late answer is a slow connection, an answer a good one, two without answer a lost one", async () => {
  const [bench, socket] = await live();
  await bench.turn(3_000);
  assert.equal(bench.connection.state, "unstable");
  socket.json(0x48, { id: socket.of(8).at(-1)!["id"] });
  assert.equal(bench.connection.state, "live");
  await bench.turn(15_000);
  assert.equal(bench.connection.state, "reconnecting");
  assert.ok(socket.closed);
});

test("a minute without output is quiet, and output ends it", async () => {
  const [bench, socket] = await live();
  socket.output(0, "a");
  for (let at = 0; at < QUIET_MS; at += 1_000) {
    socket.json(0x48, { id: socket.of(8).at(-1)!["id"] });
    await bench.turn(1_000);
  }
  assert.equal(bench.connection.state, "quiet");
  socket.output(1, "b");
  assert.equal(bench.connection.state, "live");
});

test("tries follow the table of delays until one succeeds", async () => {
  const [bench, socket] = await live();
  bench.failure = new Error("no answer");
  socket.onclose?.({} as CloseEvent);
  await bench.turn(500 + 1_000 + 2_000 + 4_000 + 8_000 + 15_000 + 15_000);
  assert.equal(bench.sessions, 8);
});

test("a session that never comes is given up after its deadline", async () => {
  const bench = new Bench();
  bench.connection.open();
  await settle();
  await bench.turn(15_000);
  assert.equal(bench.connection.state, "reconnecting");
  assert.ok(bench.last.closed);
});

for (const event of ["denied", "expired"] as const) {
  test(`${event} is final until the person tries again`, async () => {
    const bench = new Bench();
    bench.failure = new Refused(event, "Ask: ops@acme");
    bench.connection.open();
    await bench.turn(120_000);
    assert.equal(bench.connection.state, event);
    assert.equal(bench.sessions, 1);
    bench.failure = null;
    bench.connection.open();
    await bench.attach();
    assert.equal(bench.connection.state, "live");
  });
}

test("an end with retry leads to another try, one without does not", async () => {
  const [first, one] = await live();
  one.json(0x49, { reason: "drain", text: "", retry: true });
  assert.equal(first.connection.state, "reconnecting");
  const [second, two] = await live();
  two.json(0x49, { reason: "closed", text: "Staff ended this session.", retry: false });
  assert.equal(second.connection.state, "ended");
  assert.equal(second.connection.text, "Staff ended this session.");
  assert.equal(second.timers.length, 0);
});

test("a message that is none ends the connection, and another one begins", async () => {
  const [bench, socket] = await live();
  socket.raw(Uint8Array.of(0x41, 1));
  assert.equal(bench.connection.state, "reconnecting");
});

test("a socket that was given up says nothing any more", async () => {
  const [bench, socket] = await live();
  socket.onclose?.({} as CloseEvent);
  socket.output(0, "late");
  assert.equal(bench.text, "");
});

test("whoever stops it says goodbye", async () => {
  const [bench, socket] = await live();
  bench.connection.stop();
  assert.equal(socket.of(9).length, 1);
  assert.equal(bench.connection.state, "ended");
});

test("a renewed session goes on at the byte after the last one, and the old socket is closed", async () => {
  const [bench, socket] = await live();
  socket.output(0, "abc");
  bench.connection.renew();
  assert.equal(bench.connection.state, "connecting");
  assert.ok(socket.closed);
  const again = await bench.attach({ from: 3, live: 3 });
  assert.equal(again.of(0)[0]!["from"], 3);
  assert.equal(bench.connection.state, "live");
  assert.equal(bench.marks.at(-1), 0);
});

test("whoever skips the past goes on at what was live, and a gap says so", async () => {
  const [bench] = await live("write", { from: 10, live: 500_000 });
  assert.equal(bench.connection.state, "catching-up");
  bench.connection.skip();
  assert.equal(bench.gaps, 1);
  const again = await bench.attach({ from: 500_000, live: 500_000 });
  assert.equal(again.of(0)[0]!["from"], 500_000);
  assert.equal(bench.connection.state, "live");
});

test("only who came to write and may take is offered to", async () => {
  assert.equal((await live("write", { may_take: true }))[0].connection.mayTake, true);
  assert.equal((await live("read", { may_take: true }))[0].connection.mayTake, false);
  assert.equal((await live("write"))[0].connection.mayTake, false);
});

test("a busy slot's holder and time are known, and freeing it is one message", async () => {
  const [bench, socket] = await live();
  bench.time = 5_000;
  socket.json(0x43, { state: "busy", text: "held", since_ms: 2_000, holder: "10.0.4.9" });
  assert.deepEqual([bench.connection.state, bench.connection.holder, bench.connection.since], ["busy", "10.0.4.9", 3_000]);
  bench.connection.request("free");
  assert.deepEqual(socket.of(0x0a), [{}]);
});
