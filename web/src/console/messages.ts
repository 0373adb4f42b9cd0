// The console protocol, version 1, as docs/protocol/console.md has it: one message per binary WebSocket message, a type byte
// and a body. Input and output are bytes behind a number; all other bodies are JSON objects. Unknown types and keys are ignored.
export const VERSION = 1;
export const SUBPROTOCOL = "conduit.console.1";

const INPUT = 0x01;
const OUTPUT = 0x41;

const SENT = { attach: 0x00, break: 0x02, ask: 0x03, give: 0x04, keep: 0x05, take: 0x06, release: 0x07, ping: 0x08, detach: 0x09, free: 0x0a } as const;

const RECEIVED: Readonly<Record<number, Control["type"]>> = {
  0x40: "attached", 0x42: "gap", 0x43: "state", 0x44: "writer", 0x45: "viewers",
  0x46: "refused", 0x47: "taken", 0x48: "pong", 0x49: "ended",
};

export type HubState = "connecting" | "live" | "reconnecting" | "server-off" | "unreachable" | "busy" | "ended";

export const HUB_STATES: ReadonlySet<string> = new Set(["connecting", "live", "reconnecting", "server-off", "unreachable", "busy", "ended"]);

export interface Viewer {
  readonly viewer: number;
  readonly name: string;
  readonly mode?: "read" | "write";
}

export interface Attach {
  readonly version: number;
  readonly from?: number;
  readonly epoch?: string;
  readonly history?: number;
  readonly mode: "read" | "write";
  readonly take?: boolean;
  readonly name: string;
}

export interface Attached {
  readonly type: "attached";
  readonly version: number;
  readonly viewer: number;
  readonly epoch: string;
  readonly from: number;
  readonly live: number;
  readonly oldest: number;
  readonly state: HubState;
  readonly writer?: number | null;
  /** Whether this viewer may take what others hold: the keyboard, and the BMC's slot. */
  readonly may_take?: boolean;
}

export type Control =
  | Attached
  | { readonly type: "gap"; readonly at: number; readonly bytes?: number; readonly ms?: number; readonly cause: string }
  | { readonly type: "state"; readonly state: HubState; readonly text?: string; readonly since_ms?: number; readonly holder?: string }
  | { readonly type: "writer"; readonly viewer?: number | null; readonly name?: string | null;
      readonly asking?: { readonly viewer: number; readonly name: string; readonly ms: number } | null }
  | { readonly type: "viewers"; readonly viewers: readonly Viewer[] }
  | { readonly type: "refused"; readonly sequence: number; readonly bytes: number; readonly reason: string; readonly text?: string }
  | { readonly type: "taken"; readonly sequence: number }
  | { readonly type: "pong"; readonly id: number; readonly bmc_ms?: number }
  | { readonly type: "ended"; readonly reason: string; readonly text?: string; readonly retry?: boolean };

export type Message = Control | { readonly type: "output"; readonly offset: number; readonly data: Uint8Array };

/** What cannot be a message of this protocol. */
export class DecodeError extends Error {}

export function encodeInput(sequence: number, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(5 + data.length);
  new DataView(message.buffer).setUint32(1, sequence);
  message[0] = INPUT;
  message.set(data, 5);
  return message;
}

export function encode(type: keyof typeof SENT, body: object = {}): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(body));
  const message = new Uint8Array(1 + json.length);
  message[0] = SENT[type];
  message.set(json, 1);
  return message;
}

/** null: a type of some later version. Throws DecodeError, and nothing else. */
export function decode(message: Uint8Array): Message | null {
  const kind = message[0];
  if (kind === undefined) throw new DecodeError("an empty message");
  if (kind === OUTPUT) return decodeOutput(message);
  const type = RECEIVED[kind];
  if (type === undefined) return null;
  return { ...decodeObject(message.subarray(1)), type } as Control;
}

function decodeOutput(message: Uint8Array): Message {
  if (message.length < 9) throw new DecodeError("output without an offset");
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const offset = view.getUint32(1) * 2 ** 32 + view.getUint32(5);
  if (!Number.isSafeInteger(offset)) throw new DecodeError("an offset beyond 2^53");
  return { type: "output", offset, data: message.subarray(9) };
}

function decodeObject(body: Uint8Array): object {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new DecodeError("a body that is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new DecodeError("a body that is no object");
  return value;
}
