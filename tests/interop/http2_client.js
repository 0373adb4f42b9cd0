// Node's http2 as the client of our mux: node http2_client.js PORT; prints what it found as JSON.
"use strict";
const http2 = require("node:http2");
const crypto = require("node:crypto");

const SIZE = 8_000_000;
const session = http2.connect(`http://127.0.0.1:${process.argv[2]}`, { settings: { initialWindowSize: 100_000 } });
session.on("error", (error) => { console.error(error); process.exit(1); });

function call(path, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path, ":method": "POST" });
    const hash = crypto.createHash("sha256");
    let length = 0;
    stream.on("data", (part) => { hash.update(part); length += part.length; });
    stream.on("end", () => resolve({ length, hash: hash.digest("hex") }));
    stream.on("error", reject);
    stream.end(body);
  });
}

function cancelled(path) {
  return new Promise((resolve) => {
    const stream = session.request({ ":path": path, ":method": "POST" });
    stream.on("error", () => {});
    stream.on("close", () => resolve(stream.rstCode));
    stream.write("x");
    setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 20);
  });
}

function refused(path) {
  return new Promise((resolve) => {
    const stream = session.request({ ":path": path, ":method": "POST" });
    stream.on("error", () => {});
    stream.on("close", () => resolve(stream.rstCode));
    stream.end();
  });
}

async function main() {
  const body = Buffer.alloc(SIZE, (() => { const part = Buffer.alloc(251); part.forEach((_, at) => { part[at] = at; }); return part; })());
  const sent = crypto.createHash("sha256").update(body).digest("hex");
  const echoed = await call("/echo", body);
  const slow = await call("/slow", body);
  const codes = await Promise.all(Array.from({ length: 20 }, () => cancelled("/hang")));
  const code = await refused("/refuse");
  const many = await Promise.all(Array.from({ length: 200 }, (_, at) => call("/echo", Buffer.alloc(5000 + at, at))));
  const ping = await new Promise((resolve) => session.ping((error, duration) => resolve(error === null)));
  console.log(JSON.stringify({ sent, echoed, slow, codes, code, many: many.map((one) => one.length), ping }));
  session.close();
}
main();
