import "./theme.ts";
import "./base.css";
import { ask } from "./dialog.ts";
import { byId, make, say } from "./dom.ts";
import { CallFailed } from "./http.ts";
import { listServers, powerState, type PowerVerb, type Server, switchPower } from "./servers_api.ts";
import { signedInFrame } from "./frame.ts";
import { goToLogin, onOtherTabs, signedIn } from "./session.ts";
import { Thumbnails } from "./thumbnails.ts";

const query = byId<HTMLInputElement>("query");
const rows = byId<HTMLTableSectionElement>("rows");
const more = byId<HTMLButtonElement>("more");

const TYPING_MS = 250; // without a key, until the list is asked for

type Look = readonly [look: "ok" | "warn" | "bad" | "off", icon: string, words: string];

const POWER_LOOKS: Readonly<Record<string, Look>> = { on: ["ok", "●", "On"], off: ["off", "○", "Off"], cycling: ["warn", "◌", "Turning off and on"] };

const POWER: Readonly<Record<PowerVerb, { verb: string; question: string; consequence: string }>> = {
  on: { verb: "Power on", question: "Power on", consequence: "The server starts." },
  soft: { verb: "Ask the system to shut down", question: "Shut down", consequence: "The operating system is asked to shut down. It may refuse." },
  off: { verb: "Force off", question: "Force off", consequence: "The power goes at once. Unsaved data will be lost." },
  cycle: { verb: "Power cycle", question: "Power cycle", consequence: "The power goes at once and comes back. Unsaved data will be lost." },
  reset: { verb: "Reset", question: "Reset", consequence: "The server restarts at once. Unsaved data will be lost." },
};

const thumbnails = new Thumbnails();
let nextPage = "";
let asked = 0; // the latest list wanted; an older answer is dropped

const nameOf = (server: Server): string => server.display_name || server.id;

/** State as a word, an icon and a colour: never one alone. */
function state([look, icon, words]: Look): HTMLSpanElement {
  const icons = make("span", { textContent: icon, ariaHidden: "true" });
  const shown = make("span", { className: "state" }, icons, ` ${words}`);
  shown.dataset["look"] = look;
  return shown;
}

function statusLook(server: Server): Look {
  if (server.status === "online") return ["ok", "●", "Online"];
  if (server.status === "offline") return ["bad", "✕", "Offline"];
  return ["off", "○", server.status || "Unknown"];
}

function statusCell(server: Server): HTMLTableCellElement {
  const cell = make("td", {}, state(statusLook(server)));
  const seen = server.last_seen === undefined ? "" : ` since ${timeWords(new Date(server.last_seen))}`;
  if (server.status === "offline") cell.append(make("small", { textContent: `Its Agent has not reported it${seen}.` }));
  return cell;
}

/** The time alone today, with its day before. */
function timeWords(time: Date): string {
  const today = time.toDateString() === new Date().toDateString();
  return today ? time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : time.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function nameCell(server: Server): HTMLTableCellElement {
  const place = [server.id === nameOf(server) ? "" : server.id, server.datacenter_id, ...(server.tags ?? [])].filter(Boolean).join(" · ");
  return make("td", {}, make("strong", { textContent: nameOf(server) }), make("small", { textContent: place }));
}

interface PowerCell {
  readonly cell: HTMLTableCellElement;
  /** Words alone, for what is going on or went wrong. */
  say(words: string, look?: Look[0]): void;
  /** What the BMC reports, and when. */
  report(power: string): void;
}

function powerCell(server: Server): PowerCell {
  const words = make("span", { className: "muted", textContent: "Not asked" });
  const button = make("button", { type: "button", textContent: "Ask" });
  button.setAttribute("aria-label", `Ask the power state of ${nameOf(server)}`);
  const show = (text: string, ...nodes: (Node | string)[]): void => {
    words.className = "";
    words.replaceChildren(...nodes);
    say(`${nameOf(server)}: ${text}`);
  };
  const tell = (text: string, look?: Look[0]): void => show(text, look === undefined ? text : state([look, "✕", text]));
  const report = (power: string): void => {
    const look = POWER_LOOKS[power] ?? ["off", "○", "Unknown"];
    const at = ` at ${timeWords(new Date())}`;
    show(look[2] + at, state(look), at);
  };
  button.addEventListener("click", () => {
    tell("Asking the BMC…");
    powerState(server.id).then(report, (error: Error) => tell(error.message, "bad"));
  });
  return { cell: make("td", {}, words, " ", button), say: tell, report };
}

async function choosePower(server: Server, power: PowerCell): Promise<void> {
  const verb = await ask(`Power of ${nameOf(server)}`, ["What should happen?"], (["on", "soft", "reset", "cycle", "off"] as const).map(
    (value) => ({ words: POWER[value].verb, value, danger: value !== "on" && value !== "soft" })));
  if (verb === null) return;
  const { verb: words, question, consequence } = POWER[verb];
  if (verb !== "on") {
    const sure = await ask(`${question} ${nameOf(server)}?`, [consequence], [{ words, value: true, danger: true }]);
    if (sure !== true) return;
  }
  power.say(`${words}: asking the BMC…`);
  await switchPower(server.id, verb).then(power.report, (error: Error) => power.say(error.message, "bad"));
}

type Face = "console" | "display";

const has = (server: Server, face: Face): boolean => server.features?.includes(face) === true;

function openLink(page: Face, words: string, server: Server): HTMLAnchorElement {
  const link = make("a", { className: "button", href: `/${page}/${encodeURIComponent(server.id)}`, textContent: words });
  link.setAttribute("aria-label", `${words} of ${nameOf(server)}`);
  return link;
}

/** A picture to click; for all others there is the link beside it. */
function screenCell(server: Server): HTMLTableCellElement {
  const cell = make("td", { className: "screen" });
  if (!has(server, "display")) return cell;
  const picture = make("canvas", { width: 0, height: 0 });
  const link = make("a", { className: "thumbnail", href: `/display/${encodeURIComponent(server.id)}`, tabIndex: -1, ariaHidden: "true" }, picture);
  thumbnails.add(picture, server.id);
  cell.append(link);
  return cell;
}

function row(server: Server): HTMLTableRowElement {
  const power = powerCell(server);
  const button = make("button", { type: "button", textContent: "Power…" });
  button.setAttribute("aria-label", `Power of ${nameOf(server)}`);
  button.addEventListener("click", () => void choosePower(server, power));
  const links = ([["console", "Console"], ["display", "Display"]] as const).filter(([face]) => has(server, face)).map(([face, words]) => openLink(face, words, server));
  const actions = make("td", {}, make("span", { className: "group" }, ...links, button));
  return make("tr", {}, screenCell(server), statusCell(server), nameCell(server), power.cell, actions);
}

async function load(fresh: boolean): Promise<void> {
  const mine = ++asked;
  rows.parentElement!.setAttribute("aria-busy", "true");
  try {
    const page = await listServers(query.value.trim(), fresh ? "" : nextPage);
    if (mine !== asked) return;
    byId("trouble").hidden = true;
    if (fresh) {
      thumbnails.clear();
      rows.replaceChildren();
    }
    rows.append(...(page.servers ?? []).map(row));
    nextPage = page.next_page_token ?? "";
    showCounts(page.total_count);
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof CallFailed && error.status === 401) goToLogin();
    else showTrouble(error as Error);
  } finally {
    if (mine === asked) rows.parentElement!.removeAttribute("aria-busy");
  }
}

/** What is listed stays: it may be old, and it is better than nothing. */
function showTrouble(error: Error): void {
  const old = rows.childElementCount === 0 ? "" : " What you see below may be old.";
  const words = `The list cannot be read: ${error.message.replace(/\.?$/, ".")}${old}`;
  byId("error").textContent = words;
  byId("trouble").hidden = false;
  byId("empty").hidden = true;
  say(words, true);
}

function showCounts(total: number | undefined): void {
  const shown = rows.childElementCount;
  const wanted = query.value.trim();
  byId("table").hidden = shown === 0;
  byId("count").textContent = total === undefined ? String(shown) : `${shown} of ${total}`;
  more.hidden = nextPage === "";
  byId("empty").hidden = shown > 0;
  byId("all").hidden = wanted === "";
  const empty = wanted === "" ? "You have no servers yet. They appear here when your provider assigns them to you: ask there." : `No server matches “${wanted}”. Names, ids and tags are searched.`;
  byId("empty-words").textContent = empty;
  say(shown === 0 ? empty : `${shown} servers shown`);
}

function search(): void {
  clearTimeout(typing);
  const words = query.value.trim();
  if (words === searched) return;
  searched = words;
  history.replaceState(null, "", words === "" ? "/servers" : `/servers?${new URLSearchParams({ q: words })}`);
  void load(true);
}

/** Down and up lead through the servers, from the search box on. */
function moveFocus(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [query, ...rows.querySelectorAll<HTMLElement>(".group > :first-child")];
  const here = stops.findIndex((stop) => stop === document.activeElement || stop.closest("tr")?.contains(document.activeElement) === true);
  const next = stops[here + (event.key === "ArrowDown" ? 1 : -1)];
  if (here < 0 || next === undefined) return;
  event.preventDefault();
  next.focus();
}

let searched = new URLSearchParams(location.search).get("q") ?? "";
let typing = 0;
query.value = searched;
query.addEventListener("input", () => {
  clearTimeout(typing);
  typing = window.setTimeout(search, TYPING_MS);
});
query.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  query.value = "";
  search();
});
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
byId("again").addEventListener("click", () => void load(true));
byId("all").addEventListener("click", () => {
  query.value = "";
  search();
  query.focus();
});
more.addEventListener("click", () => void load(false));
signedInFrame();
onOtherTabs((what) => what === "signed-out" && goToLogin());
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog") !== null) return;
  if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLInputElement) return moveFocus(event);
  event.preventDefault();
  query.focus();
  query.select();
});
signedIn().then((who) => (byId("person").textContent = who.customer?.display_name || who.customer?.email || ""), () => undefined);
void load(true);
