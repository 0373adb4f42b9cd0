// Four pages, each with only what it needs, into the Python package that serves them. Names of assets hold their content's
// hash, so that a server may say they never change. Nothing is inlined: the pages' policy (CSP) allows files alone.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The theme is chosen before the first paint, without an inline script. */
const beforePaint: Plugin = {
  name: "before-paint",
  transformIndexHtml: {
    order: "post",
    handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
  },
};

const LICENCES: Readonly<Record<string, readonly string[]>> = {
  "@novnc/novnc": ["AUTHORS", "LICENSE.txt", "docs/LICENSE.MPL-2.0", "vendor/pako/LICENSE"],
  "@xterm/addon-search": ["LICENSE"],
  "@xterm/xterm": ["LICENSE"],
};

/** What others have written in these pages, under which licences, and where its source is: beside the pages. */
const licences: Plugin = {
  name: "licences",
  generateBundle() {
    const own = JSON.parse(readFileSync(here("package.json"), "utf8")) as { dependencies: Record<string, string> };
    const parts = Object.entries(own.dependencies).map(([name, version]) => {
      const texts = LICENCES[name]!.map((file) => readFileSync(here(`node_modules/${name}/${file}`), "utf8").trim());
      return [`${name} ${version}, unchanged but made smaller; its source is the npm package of this name and version.`, ...texts].join("\n\n");
    });
    this.emitFile({ type: "asset", fileName: "third-party.txt", source: `${parts.join(`\n\n${"-".repeat(80)}\n\n`)}\n` });
  },
};

export default defineConfig({
  root: here("."),
  base: "/",
  plugins: [beforePaint, licences],
  logLevel: "warn",
  build: {
    outDir: here("../src/conduit/services/web/static"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["login", "servers", "console", "display"].map((page) => here(`${page}.html`)) },
  },
});
