import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, DecodeError, encode, encodeInput } from "../src/console/messages.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const json = (kind: number, text: string): Uint8Array => Uint8Array.from([kind, ...new TextEncoder().encode(text)]);

test("input is its type, its number and its bytes", () => {
  assert.deepEqual(encodeInput(0x01020304, bytes(0x61, 0xff)), bytes(1, 1, 2, 3, 4, 0x61, 0xff));
});

test("what is not input is its type and JSON", () => {
  assert.deepEqual(encode("give", { viewer: 7 }), json(0x04, '{"viewer":7}'));
  assert.deepEqual(encode("detach"), json(0x09, "{}"));
});

test("output has an offset of eight bytes", () => {
  assert.deepEqual(decode(bytes(0x41, 0, 0, 0, 1, 0, 0, 0, 2, 0x78)), { type: "output", offset: 2 ** 32 + 2, data: bytes(0x78) });
});

test("an offset that a number cannot hold is refused", () => {
  assert.throws(() => decode(bytes(0x41, 255, 255, 255, 255, 255, 255, 255, 255)), DecodeError);
});

test("a body cannot change its own type", () => {
  assert.deepEqual(decode(json(0x48, '{"id":3,"type":"ended"}')), { type: "pong", id: 3 });
});

test("a type of a later version is nothing", () => {
  assert.equal(decode(json(0x7f, "{}")), null);
});

for (const [name, message] of [
  ["nothing at all", bytes()], ["output cut short", bytes(0x41, 0, 0)], ["half of an object", json(0x43, '{"state"')],
  ["a list", json(0x43, "[]")], ["null", json(0x43, "null")], ["bad UTF-8", bytes(0x43, 0x22, 0xff, 0x22)],
] as const) {
  test(`${name} is a DecodeError`, () => assert.throws(() => decode(message), DecodeError));
}
