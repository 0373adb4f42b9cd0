import "./theme.ts";
import "./base.css";
import { ask } from "./dialog.ts";
import { byId, make, say, showError } from "./dom.ts";
import { CallFailed } from "./http.ts";
import { listServers, powerState, type PowerVerb, type Server, switchPower } from "./servers_api.ts";
import { goToLogin, onOtherTabs, signedIn, signOut } from "./session.ts";

const query = byId<HTMLInputElement>("query");
const rows = byId<HTMLTableSectionElement>("rows");
const more = byId<HTMLButtonElement>("more");

const LOOKS: Readonly<Record<string, readonly [look: string, icon: string, words: string]>> = {
  online: ["ok", "●", "Online"],
  offline: ["bad", "✕", "BMC does not answer"],
};

const POWER: Readonly<Record<PowerVerb, { verb: string; question: string; consequence: string }>> = {
  on: { verb: "Power on", question: "Power on", consequence: "The server starts." },
  soft: { verb: "Ask the system to shut down", question: "Shut down", consequence: "The operating system is asked to shut down. It may refuse." },
  off: { verb: "Force off", question: "Force off", consequence: "The power goes at once. Unsaved data will be lost." },
  cycle: { verb: "Power cycle", question: "Power cycle", consequence: "The power goes at once and comes back. Unsaved data will be lost." },
  reset: { verb: "Reset", question: "Reset", consequence: "The server restarts at once. Unsaved data will be lost." },
};

let nextPage = "";
let asked = 0; // the latest list wanted; an older answer is dropped

const nameOf = (server: Server): string => server.display_name || server.id;

function statusCell(server: Server): HTMLTableCellElement {
  const [look, icon, words] = LOOKS[server.status ?? ""] ?? ["off", "○", server.status || "Unknown"];
  const icons = make("span", { textContent: icon });
  icons.setAttribute("aria-hidden", "true");
  const state = make("span", { className: "state" }, icons, ` ${words}`);
  state.dataset["look"] = look;
  return make("td", {}, state);
}

function nameCell(server: Server): HTMLTableCellElement {
  const place = [server.id, server.datacenter_id, ...(server.tags ?? [])].filter(Boolean).join(" · ");
  return make("td", {}, make("strong", { textContent: nameOf(server) }), make("small", { textContent: place }));
}

function powerCell(server: Server): { cell: HTMLTableCellElement; show: (words: string) => void } {
  const words = make("span", { textContent: "Not asked" });
  const button = make("button", { type: "button", textContent: "Ask" });
  button.setAttribute("aria-label", `Ask the power state of ${nameOf(server)}`);
  const show = (text: string): void => {
    words.textContent = text;
    say(`${nameOf(server)}: ${text}`);
  };
  button.addEventListener("click", () => {
    words.textContent = "Asking the BMC…";
    powerState(server.id).then((state) => show(atTime(state)), (error: Error) => show(error.message));
  });
  return { cell: make("td", {}, words, " ", button), show };
}

function atTime(state: string): string {
  const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return `${state.charAt(0).toUpperCase()}${state.slice(1)} at ${time}`;
}

async function choosePower(server: Server, show: (words: string) => void): Promise<void> {
  const verb = await ask(`Power of ${nameOf(server)}`, ["What should happen?"], (["on", "soft", "reset", "cycle", "off"] as const).map(
    (value) => ({ words: POWER[value].verb, value, danger: value !== "on" && value !== "soft" })));
  if (verb === null) return;
  const { verb: words, question, consequence } = POWER[verb];
  if (verb !== "on") {
    const sure = await ask(`${question} ${nameOf(server)}?`, [consequence], [{ words, value: true, danger: true }]);
    if (sure !== true) return;
  }
  show(`${words}: asking the BMC…`);
  await switchPower(server.id, verb).then((state) => show(atTime(state)), (error: Error) => show(error.message));
}

function row(server: Server): HTMLTableRowElement {
  const power = powerCell(server);
  const open = make("a", { className: "button", href: `/console/${encodeURIComponent(server.id)}`, textContent: "Console" });
  open.setAttribute("aria-label", `Console of ${nameOf(server)}`);
  const button = make("button", { type: "button", textContent: "Power…" });
  button.setAttribute("aria-label", `Power of ${nameOf(server)}`);
  button.addEventListener("click", () => void choosePower(server, power.show));
  const actions = make("td", {}, make("span", { className: "group" }, open, button));
  return make("tr", {}, statusCell(server), nameCell(server), power.cell, actions);
}

async function load(fresh: boolean): Promise<void> {
  const mine = ++asked;
  try {
    const page = await listServers(query.value.trim(), fresh ? "" : nextPage);
    if (mine !== asked) return;
    showError("");
    if (fresh) rows.replaceChildren();
    rows.append(...(page.servers ?? []).map(row));
    nextPage = page.next_page_token ?? "";
    showCounts(page.total_count);
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof CallFailed && error.status === 401) goToLogin();
    else showError((error as Error).message);
  }
}

function showCounts(total: number | undefined): void {
  const shown = rows.childElementCount;
  byId("table").hidden = shown === 0;
  byId("count").textContent = total === undefined ? String(shown) : `${shown} of ${total}`;
  more.hidden = nextPage === "";
  const empty = byId("empty");
  empty.hidden = shown > 0;
  empty.textContent = query.value.trim() === "" ? "You have no servers yet. Your provider grants them." : `No server matches “${query.value.trim()}”.`;
  say(shown === 0 ? empty.textContent : `${shown} servers shown`);
}

function search(event: Event): void {
  event.preventDefault();
  const words = query.value.trim();
  history.replaceState(null, "", words === "" ? "/servers" : `/servers?${new URLSearchParams({ q: words })}`);
  void load(true);
}

query.value = new URLSearchParams(location.search).get("q") ?? "";
byId("search").addEventListener("submit", search);
more.addEventListener("click", () => void load(false));
byId("logout").addEventListener("click", () => void signOut());
onOtherTabs((what) => what === "signed-out" && goToLogin());
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target instanceof HTMLInputElement || document.querySelector("dialog")) return;
  event.preventDefault();
  query.focus();
});
signedIn().then((who) => (byId("person").textContent = who.customer?.display_name || who.customer?.email || ""), () => undefined);
void load(true);
