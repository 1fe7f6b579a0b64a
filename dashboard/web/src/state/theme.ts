/** Light or dark: as the system says, or as chosen here. */
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "factfold.theme";

function kept(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = signal<Theme>(kept());
/** Grows when colours change: charts are drawn anew. */
export const painted = signal(0);

window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (painted.value += 1));

export function applyTheme(): void {
  const root = document.documentElement;
  if (theme.value === "system") root.removeAttribute("data-theme");
  else root.dataset.theme = theme.value;
  painted.value += 1;
}

export function setTheme(next: Theme): void {
  theme.value = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // It holds for this visit.
  }
  applyTheme();
}
