// What the pages of a live server do alike: open sessions, follow the network and other tabs, switch on, fill the screen.
import { ask } from "../dialog.ts";
import { byId, say } from "../dom.ts";
import { warnBeforeEnd } from "../ending.ts";
import { signedInFrame } from "../frame.ts";
import { CallFailed } from "../http.ts";
import { toolsMenu } from "../menu.ts";
import { callGateway, serverToken, switchPower } from "../servers_api.ts";
import { millis, onOtherTabs } from "../session.ts";
import { Refused, type Session, type World } from "./line.ts";
import { note } from "./state_line.ts";

/** The server in the page's address. */
export const server = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
/** Whether it was opened to watch, by `?mode=read`. */
export const readOnly = new URLSearchParams(location.search).get("mode") === "read";
let known: readonly string[] = [];

/** Whether the person may, as the last token said. */
export function may(permission: string): boolean {
  return known.includes(permission);
}

/** What the person may do here; throws Refused. */
export async function permissions(): Promise<readonly string[]> {
  return await refusable(async () => (known = (await serverToken(server)).permissions ?? []));
}

/** A new session; throws Refused. */
export async function openSession(path: "consoles" | "displays", watch: () => boolean): Promise<Session> {
  await permissions();
  return await refusable(() => callGateway<Session>(server, `/api/v1/${path}`, { method: "POST", body: { server_id: server, read_only: watch() } }));
}

async function refusable<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof CallFailed && error.status === 401) throw new Refused("expired", error.message);
    if (error instanceof CallFailed && (error.status === 403 || error.status === 404)) throw new Refused("denied", error.message);
    throw error;
  }
}

function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

/** The browser's. */
export function world(session: () => Promise<Session>): World {
  return { session, socket: (url, protocols) => new WebSocket(url, protocols), visible: () => !document.hidden, random: Math.random, after, now: () => performance.now() };
}

/** Asks, and switches the server on. */
export async function powerOn(what: "console" | "display"): Promise<void> {
  const sure = await ask(`Power on ${server}?`, [`The server starts; this ${what} shows its boot.`], [{ words: "Power on", value: true }]);
  if (sure !== true) return;
  const told = (words: string): void => {
    note(words);
    say(words);
  };
  told("power on: asking the BMC…");
  await switchPower(server, "on").then((state) => told(`power is ${state}`), (error: Error) => told(error.message));
}

export function fullScreen(): void {
  void (document.fullscreenElement === null ? document.documentElement.requestFullscreen() : document.exitFullscreen());
}

/** A line as the network, the clock and other tabs see it. */
export interface Followed {
  readonly state: string;
  readonly session: Session | null;
  readonly isOpen: boolean;
  open(): void;
  offline(): void;
  renew(): void;
}

/** Follows the network, the clock and other tabs; the first line's session is the one whose end is told. */
export function follow(what: "console" | "display", first: Followed, ...others: readonly Followed[]): void {
  const lines = [first, ...others];
  const each = (call: (line: Followed) => void): void => lines.forEach(call);
  document.addEventListener("visibilitychange", () => !document.hidden && each((line) => void (WAITING.has(line.state) && line.open())));
  addEventListener("online", () => each((line) => void (line.state !== "ended" && line.open())));
  addEventListener("offline", () => each((line) => line.offline()));
  onOtherTabs((news) => news !== "signed-out" && each((line) => void (line.state === "expired" && line.open())));
  const renew = (): void => each((line) => line.renew());
  warnBeforeEnd({
    banner: byId("session-banner"),
    ends: () => (!first.isOpen || first.session?.expires_at === undefined ? null : millis(first.session.expires_at)),
    warning: (left) => `This ${what} session ends in ${left}.`,
    over: `This ${what} session has ended.`,
    stay: "Stay",
    renew: async () => renew(),
    again: ["Open again", renew],
  });
}

const WAITING: ReadonlySet<string> = new Set(["reconnecting", "refused", "resting"]); // for a moment, or for somebody who looks

/** Where a phone's keyboard covers the page, the page is what it leaves. */
function fitAboveKeyboard(): void {
  const view = window.visualViewport;
  if (view === null || !matchMedia("(pointer: coarse)").matches) return;
  view.addEventListener("resize", () => void (document.body.style.height = `${view.height}px`));
}

/** The page's frame. @param leaving comes before signing out. */
export function livePage(title: "Console" | "Display", command: string, leaving: () => void): void {
  byId("name").textContent = server;
  document.title = `${server} · ${title} · Conduit`;
  byId("command").textContent = command;
  signedInFrame(leaving);
  toolsMenu();
  fitAboveKeyboard();
}
