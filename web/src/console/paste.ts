// Pasting into a serial line: more than a little is shown first, and goes out at a pace that a line can take.
export const SILENT_LIMIT = 200; // characters that need no question
export const PIECE = 64; // bytes at a time
export const PAUSE_MS = 50; // between pieces: 1280 bytes a second, a ninth of 115200 baud

export function needsQuestion(text: string): boolean {
  return text.length > SILENT_LIMIT || /[\r\n]/.test(text);
}

/** Line ends become what Enter sends. */
export function pasteBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text.replace(/\r\n|\n/g, "\r"));
}

/** Control characters, made visible. */
export function visible(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f]/g, (letter) => String.fromCodePoint(0x2400 + letter.charCodeAt(0))).replace(/\x7f/g, "␡");
}

/** Sends piece by piece until all is gone or `send` refuses; answers how many bytes went. */
export async function sendPaced(data: Uint8Array, send: (piece: Uint8Array) => boolean, pause: () => Promise<void>): Promise<number> {
  for (let at = 0; at < data.length; at += PIECE) {
    if (!send(data.subarray(at, at + PIECE))) return at;
    await pause();
  }
  return data.length;
}
