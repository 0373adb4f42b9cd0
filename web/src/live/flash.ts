const FLASH_MS = 1_000;

/** A border for a moment, at most once a second: the bell, or a key that went nowhere. */
export function flash(host: HTMLElement, name: "bell" | "refused"): void {
  if (host.classList.contains(name)) return;
  host.classList.add(name);
  setTimeout(() => host.classList.remove(name), FLASH_MS);
}
