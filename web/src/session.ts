// Who is signed in. The access token lives in this page's memory alone; the refresh token is a cookie that no script reads.
import { call, CallFailed } from "./http.ts";

export interface SignedIn {
  readonly access_token: string;
  /** ISO 8601, or seconds since 1970. */
  readonly expires_at: string | number;
  /** When the refresh token in the cookie is worth nothing any more; in the same two forms. */
  readonly refresh_expires_at?: string | number;
  readonly customer?: { readonly id?: string; readonly email?: string; readonly display_name?: string };
}

const SPARE_MS = 60_000; // a token with less than this left is renewed first
const LOCK = "conduit-refresh";

let current: SignedIn | null = null;
let ends: number | null = null; // of the refresh token, which all tabs share
const tabs = new BroadcastChannel("conduit-session");

export function millis(time: string | number): number {
  return typeof time === "number" ? time * 1000 : Date.parse(time);
}

function usable(): SignedIn | null {
  return current !== null && millis(current.expires_at) - Date.now() > SPARE_MS ? current : null;
}

/** When the sign-in ends unless it is renewed, in milliseconds since 1970; null where the Manager does not say. */
export function signInEnds(): number | null {
  return ends;
}

function keep(answer: SignedIn, news: "signed-in" | "renewed"): SignedIn {
  current = answer;
  ends = answer.refresh_expires_at === undefined ? null : millis(answer.refresh_expires_at);
  tabs.postMessage({ what: news, ends });
  return answer;
}

export async function signIn(email: string, password: string): Promise<SignedIn> {
  return keep(await call<SignedIn>("/api/v1/auth/login", { method: "POST", body: { email, password }, cookies: true }), "signed-in");
}

/** Makes the sign-in last again, whatever its access token is still worth. */
export async function renewSignIn(): Promise<void> {
  current = null;
  await signedIn();
}

/** Refresh tokens are for one use, so two tabs must not offer the same one: one at a time, where the browser can. */
export async function signedIn(): Promise<SignedIn> {
  const now = usable();
  if (now !== null) return now;
  const refresh = async (): Promise<SignedIn> =>
    usable() ?? keep(await call<SignedIn>("/api/v1/auth/refresh", { method: "POST", body: {}, cookies: true }), "renewed");
  return "locks" in navigator ? await navigator.locks.request(LOCK, refresh) : await refresh();
}

/** A call to the Manager as the person signed in; a token that it refuses is renewed once. */
export async function callManager<T>(path: string, options: { method?: "GET" | "POST"; body?: unknown } = {}): Promise<T> {
  try {
    return await call<T>(path, { ...options, token: (await signedIn()).access_token });
  } catch (error) {
    if (!(error instanceof CallFailed) || error.status !== 401) throw error;
    current = null;
    return await call<T>(path, { ...options, token: (await signedIn()).access_token });
  }
}

export async function signOut(): Promise<void> {
  try {
    await call("/api/v1/auth/logout", { method: "POST", body: {}, cookies: true });
  } finally {
    current = null;
    tabs.postMessage({ what: "signed-out" });
    location.assign("/login");
  }
}

export type TabNews = "signed-in" | "renewed" | "signed-out";

/** Calls back when another tab signs in, renews the sign-in, or signs out. */
export function onOtherTabs(callback: (what: TabNews) => void): void {
  tabs.addEventListener("message", (event: MessageEvent<{ what: TabNews; ends?: number | null }>) => {
    if (event.data.ends !== undefined) ends = event.data.ends;
    callback(event.data.what);
  });
}

/** Off to the login page, and back here afterwards. */
export function goToLogin(): void {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
}
