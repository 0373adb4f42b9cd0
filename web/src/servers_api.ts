// What the pages ask of Manager and Gateway about servers.
import { call, CallFailed, type CallOptions, LONG_TIMEOUT_MS } from "./http.ts";
import { callManager, millis } from "./session.ts";

export interface Server {
  readonly id: string;
  readonly display_name?: string;
  readonly status?: string;
  readonly datacenter_id?: string;
  readonly region?: string;
  readonly last_seen?: string;
  readonly tags?: readonly string[];
  /** What it has besides power: "console", "display". */
  readonly features?: readonly string[];
}

export interface ServerPage {
  readonly servers?: readonly Server[];
  readonly next_page_token?: string;
  readonly total_count?: number;
}

export interface ServerToken {
  readonly token: string;
  readonly gateway_endpoint: string;
  readonly permissions?: readonly string[];
  readonly expires_at?: string | number;
}

export type PowerVerb = "on" | "soft" | "off" | "cycle" | "reset";

const SPARE_MS = 60_000;
const tokens = new Map<string, ServerToken>();

export function listServers(query: string, pageToken: string): Promise<ServerPage> {
  return callManager<ServerPage>(`/api/v1/servers?${new URLSearchParams({ query, page_token: pageToken })}`);
}

/** A token for one server, kept until it ends: its console comes back even while the Manager is away. */
export async function serverToken(id: string): Promise<ServerToken> {
  const kept = tokens.get(id);
  if (kept?.expires_at !== undefined && millis(kept.expires_at) - Date.now() > SPARE_MS) return kept;
  const token = await callManager<ServerToken>(`/api/v1/servers/${encodeURIComponent(id)}/token`, { method: "POST", body: {} });
  tokens.set(id, token);
  return token;
}

/** A call to the server's Gateway; a server token that it refuses is asked for anew, once. */
export async function callGateway<T>(id: string, path: string, options: CallOptions = {}): Promise<T> {
  const send = async (): Promise<T> => {
    const { token, gateway_endpoint } = await serverToken(id);
    return await call<T>(gateway_endpoint.replace(/\/$/, "") + path, { ...options, token });
  };
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof CallFailed) || error.status !== 401) throw error;
    tokens.delete(id);
    return await send();
  }
}

interface PowerAnswer {
  readonly state?: string | number;
  readonly message?: string;
}

const powerPath = (id: string): string => `/api/v1/servers/${encodeURIComponent(id)}/power`;

/** "on", "off", "cycling" or "unknown", whichever way the answer spells it. */
export function powerWord(state: string | number | undefined): string {
  if (typeof state === "number") return ["unknown", "on", "off", "cycling"][state] ?? "unknown";
  return (state ?? "unknown").replace(/^POWER_STATE_/, "").toLowerCase();
}

export async function powerState(id: string): Promise<string> {
  return powerWord((await callGateway<PowerAnswer>(id, powerPath(id))).state);
}

export async function switchPower(id: string, action: PowerVerb): Promise<string> {
  const body = { action, wait: true, idempotency_key: crypto.randomUUID() };
  return powerWord((await callGateway<PowerAnswer>(id, powerPath(id), { method: "POST", body, timeoutMs: LONG_TIMEOUT_MS })).state);
}

/** The screen as a PNG at most this wide, which may be so old; null where one may not look. Looking so takes nobody's place. */
export async function screenshot(id: string, width: number, maxAge: number): Promise<Blob | null> {
  if ((await serverToken(id)).permissions?.includes("vnc:read") !== true) return null;
  const query = new URLSearchParams({ max_width: String(width), max_age_seconds: String(maxAge) });
  const { image } = await callGateway<{ image: string }>(id, `/api/v1/servers/${encodeURIComponent(id)}/screenshot?${query}`);
  return new Blob([Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0))], { type: "image/png" });
}
