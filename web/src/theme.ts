// Light or dark: the person's choice if there is one, else the system's. Runs before the first paint, and follows other tabs.
export const THEME_KEY = "conduit-theme";

export type Theme = "system" | "light" | "dark";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** What this person has chosen; "system" without a choice, and where the browser keeps nothing. */
export function chosenTheme(): Theme {
  const choice = kept();
  return choice === "light" || choice === "dark" ? choice : "system";
}

function kept(): string | null {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null; // storage is blocked: the system's it is
  }
}

export function applyTheme(theme: Theme = chosenTheme()): void {
  document.documentElement.dataset["theme"] = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
}

/** Takes the choice and keeps it where it can. */
export function chooseTheme(theme: Theme): void {
  applyTheme(theme);
  try {
    if (theme === "system") localStorage.removeItem(THEME_KEY);
    else localStorage.setItem(THEME_KEY, theme);
  } catch {
    // it lasts as long as this page
  }
}

applyTheme();
dark.addEventListener("change", () => applyTheme());
addEventListener("storage", (event) => event.key === THEME_KEY && applyTheme());
