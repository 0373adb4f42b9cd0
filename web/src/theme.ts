// Light or dark: the person's choice if there is one, else the system's. Runs before the first paint.
export const THEME_KEY = "conduit-theme";

const dark = matchMedia("(prefers-color-scheme: dark)");

export function applyTheme(): void {
  const choice = localStorage.getItem(THEME_KEY);
  document.documentElement.dataset["theme"] = choice ?? (dark.matches ? "dark" : "light");
}

applyTheme();
dark.addEventListener("change", applyTheme);
