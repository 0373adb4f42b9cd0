// Node's http2 as the server of our mux: prints its port, and ends with its standard input.
"use strict";
const http2 = require("node:http2");

const server = http2.createServer({ maxSessionMemory: 1000, settings: { initialWindowSize: 50_000, maxFrameSize: 20_000 } });
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const path = headers[":path"];
  if (path === "/refuse") {
    stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return;
  }
  stream.respond({ ":status": 200 });
  if (path === "/bytes") {
    const part = Buffer.alloc(251);
    part.forEach((_, at) => { part[at] = at; });
    stream.end(Buffer.alloc(6_000_000, part));
  } else {
    stream.pipe(stream);
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
