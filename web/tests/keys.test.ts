import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS, KEYS } from "../src/console/keys.ts";
import { needsQuestion, pasteBytes, PIECE, sendPaced, visible } from "../src/console/paste.ts";
import { Leader } from "../src/live/leader.ts";
import { nextPage } from "../src/next_page.ts";

const key = (name: string, ctrlKey = false): { key: string; code: string; ctrlKey: boolean } => ({ key: name, code: "", ctrlKey });
const LEADER = key("]", true);

test("every key but the leader goes to the server", () => {
  const leader = new Leader(COMMANDS);
  for (const one of [key("a"), key("Tab"), key("Escape"), key("c", true), key("]")]) assert.equal(leader.press(one), "server");
});

test("the key after the leader is the page's, and only that one", () => {
  const leader = new Leader(COMMANDS);
  assert.deepEqual([LEADER, key("Control"), key("Tab"), key("Tab")].map((one) => leader.press(one)), ["wait", "wait", "leave", "server"]);
});

test("the leader twice sends it", () => {
  const leader = new Leader(COMMANDS);
  assert.deepEqual([LEADER, LEADER].map((one) => leader.press(one)), ["wait", "send-leader"]);
});

test("the place of ] on the keyboard counts too, for layouts that have it elsewhere", () => {
  assert.equal(new Leader(COMMANDS).press({ key: "+", code: "BracketRight", ctrlKey: true }), "wait");
});

test("a key that means nothing is not sent", () => {
  const leader = new Leader(COMMANDS);
  leader.press(LEADER);
  assert.equal(leader.press(key("x")), "unknown");
});

test("the twelve function keys send twelve different things", () => {
  assert.equal(new Set(KEYS.filter(([name]) => name.startsWith("F")).map(([, bytes]) => bytes)).size, 12);
});

test("one short line is pasted without a question", () => {
  assert.deepEqual([needsQuestion("ls"), needsQuestion("ls\n"), needsQuestion("x".repeat(201))], [false, true, true]);
});

test("line ends become Enter, and control characters can be seen", () => {
  assert.deepEqual(pasteBytes("a\r\nb\nc"), new TextEncoder().encode("a\rb\rc"));
  assert.equal(visible("a\x1b[31m\x7f"), "a␛[31m␡");
});

test("a paste stops at the first piece that is refused", async () => {
  let sent = 0;
  const count = await sendPaced(new Uint8Array(10 * PIECE), () => ++sent <= 3, () => Promise.resolve());
  assert.equal(count, 3 * PIECE);
});

for (const [wanted, page] of [
  ["/console/db-02?mode=read", "/console/db-02?mode=read"], ["//evil.example/", "/servers"], ["/\\evil.example", "/servers"],
  ["https://evil.example/", "/servers"], ["javascript:alert(1)", "/servers"], ["/\t/evil.example", "/servers"],
] as const) {
  test(`after signing in, ${JSON.stringify(wanted)} leads to ${page}`, () => {
    assert.equal(nextPage(`?next=${encodeURIComponent(wanted)}`, "https://conduit.example"), page);
  });
}
