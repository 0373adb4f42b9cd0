// A display against a world without network and time: its seat, its ends, its keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Display, type DisplayWorld, REST_MS, type Screen, type ScreenNews, type Seat, SEAT_MS } from "../src/display/connection.ts";
import { type Chord, COMMANDS, CTRL_ALT_DEL, HELP, MENU } from "../src/display/keys.ts";
import { type Event, type State, TRANSITIONS } from "../src/display/states.ts";
import { keysOf, LAYOUTS, layout, typePaced } from "../src/display/text_keys.ts";
import { ageWords, describe, sentence } from "../src/display/wording.ts";
import { nextIn, Refused, type Socket } from "../src/live/line.ts";
import { FakeSocket, FakeWorld, settle } from "./world.ts";

class FakeScreen implements Screen {
  viewOnly = true;
  closed = false;
  pressed: Chord[] = [];
  readonly news: ScreenNews;

  constructor(news: ScreenNews) {
    this.news = news;
  }
  press(chord: Chord): void {
    this.pressed.push(chord);
  }
  close(): void {
    this.closed = true;
  }
}

class Bench extends FakeWorld implements DisplayWorld {
  screens: FakeScreen[] = [];
  seat: Seat | null;
  takes = 0;
  notReady: Error | null = null;
  mayType = true;
  readonly display: Display;

  constructor() {
    super((url, protocols) => new FakeSocket(url, protocols));
    this.seat = this.seated(7, true);
    this.display = new Display(this, () => undefined, () => this.seat, () => this.mayType);
  }
  screen(_socket: Socket, news: ScreenNews): Screen {
    const screen = new FakeScreen(news);
    this.screens.push(screen);
    return screen;
  }
  ready(): Promise<void> {
    return this.notReady === null ? Promise.resolve() : Promise.reject(this.notReady);
  }
  takeSeat(): void {
    this.takes++;
  }
  seated(number: number | null, hasKeyboard: boolean): Seat {
    return { number, hasKeyboard };
  }
  sit(number: number | null, hasKeyboard: boolean): void {
    this.seat = this.seated(number, hasKeyboard);
    this.display.seatChanged();
  }
  async open(): Promise<FakeScreen> {
    this.display.open();
    return await this.connected();
  }
  async connected(): Promise<FakeScreen> {
    await settle();
    const screen = this.screens.at(-1)!;
    screen.news.connected();
    return screen;
  }
}

test("a display takes its seat with it, and keys go while the seat has the keyboard", async () => {
  const bench = new Bench();
  const screen = await bench.open();
  assert.equal(bench.last.url, "ws://gateway?seat=7");
  assert.deepEqual(bench.last.protocols, ["binary", "ticket.t1"]);
  assert.equal(screen.viewOnly, false);
  assert.equal(bench.display.press(CTRL_ALT_DEL), true);
  bench.sit(7, false);
  assert.equal(screen.viewOnly, true);
  assert.equal(bench.display.press(CTRL_ALT_DEL), false);
  assert.deepEqual(screen.pressed, [CTRL_ALT_DEL]);
  assert.equal(bench.sockets.length, 1);
});

test("the picture waits for a seat, but not long, and is opened anew when the seat is there", async () => {
  const bench = new Bench();
  bench.seat = bench.seated(null, false);
  bench.display.open();
  await bench.turn(SEAT_MS - 1);
  assert.equal(bench.sessions, 0);
  await bench.turn(1);
  assert.equal(bench.display.isStanding, true);
  const standing = await bench.connected();
  assert.equal(bench.last.url, "ws://gateway");
  assert.equal(standing.viewOnly, true);
  bench.sit(8, true);
  assert.equal(standing.closed, true);
  const sitting = await bench.connected();
  assert.equal(bench.last.url, "ws://gateway?seat=8");
  assert.equal(bench.display.isStanding, false);
  assert.equal(sitting.viewOnly, false);
});

test("a seat that comes in time is waited for", async () => {
  const bench = new Bench();
  bench.seat = bench.seated(null, false);
  bench.display.open();
  await bench.turn(100);
  bench.sit(3, true);
  await bench.connected();
  assert.deepEqual(bench.sockets.map((socket) => socket.url), ["ws://gateway?seat=3"]);
});

test("a seat that comes while a ticket is fetched is taken as soon as the display is there", async () => {
  const bench = new Bench();
  bench.seat = bench.seated(null, false);
  bench.display.open();
  await bench.turn(SEAT_MS);
  bench.sit(4, true);
  await bench.connected();
  await settle();
  assert.deepEqual(bench.sockets.map((socket) => socket.url), ["ws://gateway", "ws://gateway?seat=4"]);
});

test("who has no seat at the console has the display's own keyboard", async () => {
  const bench = new Bench();
  bench.seat = null;
  const screen = await bench.open();
  assert.equal(bench.last.url, "ws://gateway");
  assert.equal(screen.viewOnly, false);
  assert.equal(bench.display.isStanding, false);
});

test("a seat that is refused later leaves the display a keyboard of its own", async () => {
  const bench = new Bench();
  await bench.open();
  bench.seat = null;
  bench.display.seatChanged();
  await bench.connected();
  assert.deepEqual(bench.sockets.map((socket) => socket.url), ["ws://gateway?seat=7", "ws://gateway"]);
});

test("a seat that is lost keeps the picture and takes no keys", async () => {
  const bench = new Bench();
  const screen = await bench.open();
  bench.sit(null, false);
  assert.equal(screen.closed, false);
  assert.equal(screen.viewOnly, true);
  assert.equal(bench.sockets.length, 1);
});

test("a display that is lost with its seat takes it again, and comes back with it", async () => {
  const bench = new Bench();
  const screen = await bench.open();
  bench.sit(null, false);
  screen.news.closed(1006, "");
  await bench.turn(500);
  assert.equal(bench.takes, 2);
  bench.sit(9, true);
  await bench.connected();
  assert.deepEqual(bench.sockets.map((socket) => socket.url), ["ws://gateway?seat=7", "ws://gateway?seat=9"]);
});

test("what the person may do is known before a seat is taken, and what fails there is tried again", async () => {
  const bench = new Bench();
  bench.notReady = new Error("no network");
  bench.display.open();
  await settle();
  assert.deepEqual([bench.display.state, bench.takes, bench.sessions], ["reconnecting", 0, 0]);
  bench.notReady = null;
  await bench.turn(500);
  await bench.connected();
  assert.deepEqual([bench.display.state, bench.takes, bench.last.url], ["live", 1, "ws://gateway?seat=7"]);
  bench.display.stop();
  bench.notReady = new Refused("denied", "not yours");
  bench.display.open();
  await settle();
  assert.equal(bench.display.state, "denied");
});

test("a seat that is back first brings the display back", async () => {
  const bench = new Bench();
  const screen = await bench.open();
  bench.sit(null, false);
  screen.news.closed(1006, "");
  bench.sit(9, true);
  await bench.connected();
  assert.equal(bench.time, 0);
  assert.equal(bench.last.url, "ws://gateway?seat=9");
});

test("who may not type never does", async () => {
  const bench = new Bench();
  bench.mayType = false;
  const screen = await bench.open();
  assert.equal(screen.viewOnly, true);
  assert.equal(bench.display.press(CTRL_ALT_DEL), false);
});

test("each end of a socket has its state, and only those that may pass are tried again", async () => {
  const ends: [code: number, words: string, state: State, text: string][] = [
    [1006, "", "reconnecting", ""], [0, "", "reconnecting", ""], [1000, "", "reconnecting", ""],
    [1001, "The Gateway is being restarted.", "reconnecting", "The Gateway is being restarted."], [1008, "This session was closed.", "ended", "This session was closed."],
  ];
  for (const [code, words, state, text] of ends) {
    const bench = new Bench();
    const screen = await bench.open();
    screen.news.closed(code, words);
    assert.deepEqual([bench.display.state, bench.display.text, screen.closed], [state, text, true]);
    await bench.turn(60_000);
    assert.equal(bench.sessions > 1, state === "reconnecting");
  }
});

test("a display that is not to be had says why, and is tried again, later and later", async () => {
  const bench = new Bench();
  bench.display.open();
  for (const [tries, delay] of [500, 1_000, 2_000].entries()) {
    await settle();
    assert.equal(bench.screens.length, tries + 1);
    bench.screens.at(-1)!.news.refused("the display does not answer");
    assert.deepEqual([bench.display.state, bench.display.text], ["refused", "the display does not answer"]);
    await bench.turn(delay - 1);
    assert.equal(bench.sessions, tries + 1);
    await bench.turn(1);
  }
  await bench.connected();
  assert.deepEqual([bench.display.state, bench.display.text], ["live", ""]);
});

test("what an old screen tells is nothing to the next one", async () => {
  const bench = new Bench();
  const old = await bench.open();
  bench.display.renew();
  await bench.connected();
  old.news.closed(1008, "late");
  old.news.refused("late");
  assert.equal(bench.display.state, "live");
});

test("who may not look is not tried for again", async () => {
  const bench = new Bench();
  bench.failure = new Refused("denied", "not yours");
  bench.display.open();
  await bench.turn(120_000);
  assert.deepEqual([bench.display.state, bench.display.text, bench.sessions], ["denied", "not yours", 1]);
});

test("a page that nobody sees rests after a while, until it is opened again", async () => {
  const bench = new Bench();
  const screen = await bench.open();
  bench.seen = false;
  bench.display.looked();
  await bench.turn(REST_MS - 1);
  bench.seen = true;
  bench.display.looked();
  await bench.turn(REST_MS);
  assert.deepEqual([bench.display.state, screen.closed], ["live", false]);
  bench.seen = false;
  bench.display.looked();
  await bench.turn(REST_MS);
  assert.deepEqual([bench.display.state, screen.closed, bench.sessions], ["resting", true, 1]);
  await bench.turn(10 * REST_MS);
  bench.sit(7, true);
  assert.equal(bench.sessions, 1);
  await bench.open();
  assert.equal(bench.display.state, "live");
  await bench.turn(REST_MS);
  assert.equal(bench.display.state, "resting");
});

test("a display that is closed stays so until it is opened", async () => {
  const bench = new Bench();
  await bench.open();
  bench.display.stop();
  await bench.turn(120_000);
  assert.equal(bench.display.state, "ended");
  await bench.open();
  assert.equal(bench.display.state, "live");
});

// --- states and words ---

const STATES = Object.keys(TRANSITIONS) as State[];
const next = (state: State, event: Event): State => nextIn(TRANSITIONS, state, event);

test("every state can be reached from the first one, and has words of its own", () => {
  const seen = new Set<State>(["connecting"]);
  for (const state of seen) for (const target of Object.values(TRANSITIONS[state])) seen.add(target);
  assert.deepEqual([...seen].sort(), [...STATES].sort());
  const facts = { server: "db-02", text: "", delayMs: 12, retryIn: 4, forMs: 100, off: false };
  const words = STATES.map((state) => describe(state, facts).words);
  assert.equal(new Set(words).size, STATES.length);
  assert.ok(words.includes("Live 12 ms"));
  assert.ok(words.includes("Connection lost. Trying again in 4 s. The last picture is kept."));
  assert.equal(describe("live", { ...facts, off: true }).words, "db-02 is off. The screen stays open and will show the boot.");
  assert.equal(describe("connecting", { ...facts, forMs: 3_000 }).words, "Still connecting to db-02. The Agent is logging in to the display; some BMCs take 30 s.");
  assert.equal(describe("reconnecting", { ...facts, text: "The Gateway is being restarted." }).words, "The Gateway is being restarted. Trying again in 4 s.");
});

test("what was ended or refused is opened by a person alone", () => {
  for (const state of ["denied", "ended", "expired"] as const) for (const event of ["lost", "connected", "refused"] as const) assert.equal(next(state, event), state);
});

test("an Agent's words become a sentence", () => {
  assert.equal(sentence("the display does not answer"), "The display does not answer.");
  assert.equal(sentence("Too many viewers. "), "Too many viewers.");
  assert.equal(sentence(""), "The display is not to be had.");
  assert.equal(ageWords(0), "Last picture, 1 s old");
  assert.equal(ageWords(125_000), "Last picture, 2 min old");
});

// --- keys ---

test("each layout has a chord for each letter, and none for what it has not", () => {
  for (const [name] of LAYOUTS) {
    const chords = layout(name);
    for (const letter of "abcxyzABCXYZ0123456789 \n\t") assert.ok(chords.has(letter), `${name} ${letter}`);
    assert.equal(chords.has("→"), false);
  }
});

test("a text's keys hold Shift and AltGr where that makes the letter", () => {
  const strokes = (text: string, name: "us" | "de"): string[] => keysOf(text, name).chords.map((chord) => chord.map(([, code]) => code).join("+"));
  assert.deepEqual(strokes("aA$\r\n", "us"), ["KeyA", "ShiftLeft+KeyA", "ShiftLeft+Digit4", "Enter"]);
  assert.deepEqual(strokes("z@ß|", "de"), ["KeyY", "AltRight+KeyQ", "Minus", "AltRight+IntlBackslash"]);
  assert.deepEqual(keysOf("a→b→^", "de").unmapped, ["→", "^"]);
  assert.deepEqual(keysOf("€", "de").chords[0]!.at(-1), [0x010020ac, "KeyE"]);
});

test("typing stops when a key is refused or somebody cancels", async () => {
  const { chords } = keysOf("abcd", "us");
  const press = (limit: number): [(chord: Chord) => boolean, Chord[]] => {
    const done: Chord[] = [];
    return [(chord) => done.length < limit && done.push(chord) > 0, done];
  };
  const [all, typed] = press(9);
  assert.equal(await typePaced(chords, all, async () => true), 4);
  assert.equal(typed.length, 4);
  assert.equal(await typePaced(chords, press(2)[0], async () => true), 2);
  assert.equal(await typePaced(chords, press(9)[0], async (count) => count < 3), 3);
});

test("the menu's keys have names of their own, and what restarts a server is asked about", () => {
  assert.equal(new Set(MENU.map((key) => key.name)).size, MENU.length);
  assert.deepEqual(MENU.filter((key) => key.question !== undefined).map((key) => key.name), ["SysRq b: restart"]);
  assert.deepEqual(HELP.map(([key]) => key).slice(0, -1).sort(), Object.keys(COMMANDS).sort());
});
