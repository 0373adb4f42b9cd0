// What the console page's tools compute: places of a search, held keys, time that is left.
import assert from "node:assert/strict";
import { test } from "node:test";
import { following, placesOf } from "../src/console/find.ts";
import { withHeld } from "../src/console/strip.ts";
import { leftWords, stageAt, WARN_MS } from "../src/ending.ts";
import { minutes } from "../src/live/looks.ts";

test("a search finds every place once, with or without regard to case", () => {
  assert.deepEqual(placesOf("aa", "aaaa AA", false), [0, 2, 5]);
  assert.deepEqual(placesOf("aa", "aaaa AA", true), [0, 2]);
  assert.deepEqual(placesOf("", "anything", false), []);
});

test("a search begins at the newest place and goes round at both ends", () => {
  const places = [10, 20, 30];
  assert.equal(following(places, null, "older", false), 2);
  assert.equal(following(places, 30, "older", false), 1);
  assert.equal(following(places, 10, "older", false), 2);
  assert.equal(following(places, 30, "newer", false), 0);
  assert.equal(following(places, 20, "older", true), 1);
  assert.equal(following([], 20, "older", false), -1);
});

test("held Ctrl and Alt make of a key what a keyboard would", () => {
  assert.equal(withHeld("c", { ctrl: true, alt: false }), "\x03");
  assert.equal(withHeld("[", { ctrl: true, alt: false }), "\x1b");
  assert.equal(withHeld(" ", { ctrl: true, alt: false }), "\0");
  assert.equal(withHeld("7", { ctrl: true, alt: false }), "7");
  assert.equal(withHeld("b", { ctrl: false, alt: true }), "\x1bb");
  assert.equal(withHeld("whole text", { ctrl: true, alt: false }), "whole text");
  assert.equal(withHeld("x", { ctrl: false, alt: false }), "x");
});

test("an end is far, near, then over; nobody is warned of an end that nobody knows", () => {
  assert.equal(stageAt(null, 0), "far");
  assert.equal(stageAt(WARN_MS + 1, 0), "far");
  assert.equal(stageAt(WARN_MS, 0), "near");
  assert.equal(stageAt(1000, 1000), "over");
});

test("time that is left or gone is told in steps", () => {
  assert.deepEqual([120_000, 61_000, 60_000, 41_000, 3_000].map(leftWords), ["2 min", "2 min", "60 s", "50 s", "10 s"]);
  assert.deepEqual([1, 540_000, 7_300_000].map(minutes), ["1 min", "9 min", "2 h"]);
});
