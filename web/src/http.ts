// JSON over HTTP, with one kind of failure.

const TIMEOUT_MS = 30_000;
export const LONG_TIMEOUT_MS = 90_000; // for what waits for hardware

/** What a server, or the way to it, refused: `status` is 0 when no answer came. */
export class CallFailed extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, words: string) {
    super(words);
    this.status = status;
    this.code = code;
  }
}

export interface CallOptions {
  readonly method?: "GET" | "POST";
  readonly token?: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** The Manager's cookie belongs to it alone. */
  readonly cookies?: boolean;
}

export async function call<T>(url: string, options: CallOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (options.token !== undefined) headers["Authorization"] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const request: RequestInit = {
    method: options.method ?? "GET",
    headers,
    credentials: options.cookies === true ? "same-origin" : "omit",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
  };
  if (options.body !== undefined) request.body = JSON.stringify(options.body);
  let answer: Response;
  try {
    answer = await fetch(url, request);
  } catch {
    throw new CallFailed(0, "unreachable", `${new URL(url, location.href).host} does not answer. Check your network, then try again.`);
  }
  return await readAnswer<T>(answer);
}

async function readAnswer<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  let value: unknown = null;
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    if (answer.ok) throw new CallFailed(answer.status, "not-json", "The server's answer is not JSON. Tell its operator.");
  }
  if (answer.ok) return value as T;
  const error = errorOf(value);
  throw new CallFailed(answer.status, error.code, error.message || `The server refused this: HTTP ${answer.status}.`);
}

/** A problem document (RFC 9457). */
function errorOf(value: unknown): { code: string; message: string } {
  const problem = isObject(value) ? value : {};
  return { code: textOf(problem["code"]), message: textOf(problem["detail"]) || textOf(problem["title"]) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
