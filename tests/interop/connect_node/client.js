// The Connect project's own client for Node, in one of its forms, at Manager and Gateway.
//   node client.js DESCRIPTORS <settings
// DESCRIPTORS is what `buf build --as-file-descriptor-set` makes; the settings are JSON, and so is the answer.
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { readFileSync } from "node:fs";

const TIMEOUT_MS = 20_000;
const settings = JSON.parse(readFileSync(0, "utf8"));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2])));
const transports = { connect: createConnectTransport, grpc: createGrpcTransport, "grpc-web": createGrpcWebTransport };

function client(service, baseUrl) {
  const { form, httpVersion, useBinaryFormat } = settings;
  const transport = transports[form]({ baseUrl, httpVersion, useBinaryFormat, defaultTimeoutMs: TIMEOUT_MS });
  return createClient(registry.getService(service), transport);
}

const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });

async function codeOf(call) {
  try {
    await call;
    return "OK";
  } catch (error) {
    return Code[ConnectError.from(error).code];
  }
}

const manager = client("manager.v1.BMCManagerService", settings.manager);
const { email, password, server } = settings;
const { accessToken } = await manager.authenticate({ email, password });
const { servers } = await manager.listServers({}, bearer(accessToken));
const { token, gatewayEndpoint } = await manager.getServerToken({ serverId: server }, bearer(accessToken));
const gateway = client("gateway.v1.GatewayService", gatewayEndpoint);
const switched = await gateway.powerOn({ serverId: server, wait: true, timeoutSeconds: 15 }, bearer(token));

// What a client of this form can do with a stream: over HTTP/1.1 it has said everything before it hears anything.
async function console_() {
  const { sessionId } = await gateway.createSOLSession({ serverId: server }, bearer(token));
  const said = [];
  const queue = [{ sessionId, serverId: server, isHandshake: true }];
  let wake = () => {};
  let ended = false;
  const type = (chunk) => (queue.push(chunk), wake());
  async function* chunks() {
    for (;;) {
      while (queue.length) yield queue.shift();
      if (ended) return;
      await new Promise((resolve) => (wake = resolve));
    }
  }
  let text = "";
  let typed = 0;
  let state = "";
  let since = 0; // the firmware talks, too: what answers the last word may be followed by anything
  const words = ["one", "two", "three"];
  for await (const chunk of gateway.streamConsoleData(chunks(), bearer(token))) {
    if (chunk.control) {
      const message = JSON.parse(chunk.control);
      said.push(message.type);
      state = message.state ?? state;
    }
    text += Buffer.from(chunk.data).toString("latin1");
    if (typed === 0 && state === "live" && said.includes(0x44)) type({ data: Buffer.from(words[typed++]) });
    else if (typed && text.includes(words[typed - 1].toUpperCase(), since)) {
      since = text.length;
      if (typed < words.length) type({ data: Buffer.from(words[typed++]) });
      else (ended = true), wake();
    }
  }
  return text;
}

async function watchHealth() {
  const health = client("grpc.health.v1.Health", settings.manager);
  for await (const { status } of health.watch({ service: "" })) return status;
}

const many = Array.from({ length: settings.calls }, () => gateway.healthCheck({}));
const answer = {
  servers: servers.map((each) => each.id).sort(),
  state: switched.state,
  healthy: (await Promise.all(many)).filter((each) => each.status === "healthy").length,
  nobody: await codeOf(gateway.getPowerStatus({ serverId: server })),
  foreign: await codeOf(gateway.getPowerStatus({ serverId: settings.foreign }, bearer(token))),
  unknown: await codeOf(manager.getServer({ serverId: settings.foreign }, bearer(accessToken))),
  late: await codeOf(gateway.listSensors({ serverId: server }, { ...bearer(token), timeoutMs: 1 })),
  watched: await watchHealth(),
  console: settings.bidi ? await console_() : null,
};
process.stdout.write(JSON.stringify(answer));
process.exit(0);
