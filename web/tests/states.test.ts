import assert from "node:assert/strict";
import { test } from "node:test";
import { type Event, type State, takesKeys, TRANSITIONS } from "../src/console/states.ts";
import { describe, gapWords, size } from "../src/console/wording.ts";
import { nextIn } from "../src/live/line.ts";
import { HIDDEN_DELAY, retryDelay } from "../src/live/retries.ts";

const STATES = Object.keys(TRANSITIONS) as State[];
const next = (state: State, event: Event): State => nextIn(TRANSITIONS, state, event);
const ATTACHED = STATES.filter((state) => TRANSITIONS[state]["hub-live"] !== undefined);

test("keys go out in the three live states and in no other", () => {
  assert.deepEqual(STATES.filter(takesKeys), ["live", "quiet", "unstable"]);
});

test("a line that is lost leads to another try from every state that has one", () => {
  for (const state of ATTACHED) assert.equal(next(state, "lost"), "reconnecting");
});

test("nothing but the person or another sign-in opens what was refused or ended", () => {
  const events: Event[] = ["lost", "attached", "hub-live", "output", "answered", "silence", "late"];
  for (const state of ["denied", "ended", "expired"] as const) for (const event of events) assert.equal(next(state, event), state);
});

test("every state that the hub tells has its own state here", () => {
  const told = (["connecting", "live", "reconnecting", "server-off", "unreachable", "busy", "ended"] as const).map((state) => next("live", `hub-${state}`));
  assert.equal(new Set(told).size, 7);
});

test("every state can be reached from the first one", () => {
  const seen = new Set<State>(["connecting"]);
  for (const state of seen) for (const target of Object.values(TRANSITIONS[state])) seen.add(target);
  assert.deepEqual([...seen].sort(), [...STATES].sort());
});

test("tries come later and later, and rarely while nobody looks", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 9].map((failures) => retryDelay(failures, true, 0.5)), [0.5, 1, 2, 4, 8, 15, 15, 15]);
  assert.equal(retryDelay(6, false, 0.5), HIDDEN_DELAY);
  assert.equal(retryDelay(1, true, 0), 0.8);
  assert.equal(retryDelay(1, true, 1), 1.2);
});

test("each state has an icon and words, and no two the same", () => {
  const facts = { server: "db-02", text: "", delayMs: null, retryIn: 4, bytesToCome: 412_000, forMs: 540_000 };
  const words = STATES.map((state) => describe(state, facts)).map((look) => `${look.icon} ${look.words}`);
  assert.equal(new Set(words).size, STATES.length);
  assert.ok(words.includes("◌ Connection lost. Trying again in 4 s. Your screen is kept."));
  assert.ok(words.includes("● Live, no output for 9 min"));
  assert.ok(words.includes("▲ The BMC allows one serial session; another system holds it. Waiting for 9 min."));
  assert.ok(words.includes("◌ Loading 412 kB you have not seen…"));
});

test("a gap tells how much is missing and why", () => {
  assert.equal(gapWords({ bytes: 3412, cause: "slow" }), "3 kB missed: this page read too slowly");
  assert.equal(gapWords({ ms: 1500, cause: "bmc" }), "1.5 s without a console: the BMC lost the console");
  assert.equal(gapWords({ cause: "new" }), "output missed");
  assert.equal(size(1), "1 byte");
  assert.equal(size(2_500_000), "2.5 MB");
});
