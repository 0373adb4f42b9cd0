// Four pages, each with only what it needs, into the Python package that serves them. Names of assets hold their content's
// hash, so that a server may say they never change. Nothing is inlined: the pages' policy (CSP) allows files alone.
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

export default defineConfig({
  root: here("."),
  base: "/",
  plugins: [beforePaint],
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
