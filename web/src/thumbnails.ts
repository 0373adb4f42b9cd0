// Small pictures of screens, for the rows that one sees: a few at a time, again while somebody looks, and quiet when one fails.
import { screenshot } from "./servers_api.ts";

const WIDTH = 160; // dots
const PERIOD_MS = 30_000;
const MAX_AGE = 20; // seconds
const AT_ONCE = 3;

export class Thumbnails {
  readonly #servers = new Map<Element, string>();
  readonly #seen = new Set<Element>();
  readonly #due = new Set<Element>();
  readonly #observer = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: "100px" });
  #asking = 0;

  constructor() {
    setInterval(() => this.#renew(), PERIOD_MS);
    document.addEventListener("visibilitychange", () => this.#renew());
  }

  add(picture: HTMLCanvasElement, server: string): void {
    this.#servers.set(picture, server);
    this.#observer.observe(picture);
  }

  clear(): void {
    this.#observer.disconnect();
    for (const all of [this.#servers, this.#seen, this.#due]) all.clear();
  }

  #moved(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) {
        this.#seen.delete(target);
        this.#due.delete(target);
      } else if (!this.#seen.has(target)) {
        this.#seen.add(target);
        this.#due.add(target);
      }
    }
    this.#next();
  }

  #renew(): void {
    if (document.hidden) return;
    for (const picture of this.#seen) this.#due.add(picture);
    this.#next();
  }

  #next(): void {
    for (const picture of this.#due) {
      if (this.#asking >= AT_ONCE) return;
      this.#due.delete(picture);
      this.#asking++;
      void this.#look(picture as HTMLCanvasElement).finally(() => {
        this.#asking--;
        this.#next();
      });
    }
  }

  async #look(picture: HTMLCanvasElement): Promise<void> {
    try {
      const png = await screenshot(this.#servers.get(picture)!, WIDTH, MAX_AGE);
      if (png === null) return this.#forget(picture);
      draw(picture, await createImageBitmap(png));
      picture.classList.remove("old");
    } catch {
      picture.classList.add("old"); // what was seen last is better than words about it in every row
    }
  }

  #forget(picture: Element): void {
    this.#observer.unobserve(picture);
    for (const all of [this.#servers, this.#seen, this.#due]) all.delete(picture);
  }
}

function draw(picture: HTMLCanvasElement, image: ImageBitmap): void {
  picture.width = image.width;
  picture.height = image.height;
  picture.getContext("2d")!.drawImage(image, 0, 0);
  image.close();
}
