/** Keys: `?` lists them, `g` and a letter goes to a page, `/` searches, `e` asks why, `j` and `k` walk rows. */
import { useEffect, useRef, useState } from "preact/hooks";
import { PAGES } from "../pages";
import { go } from "../state/router";
import { may } from "../state/session";
import { Dialog } from "./Dialog";
import { pageAddress } from "./Navigation";

/** How long `g` waits for its letter. */
const WAIT = 1_500;

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return !!element && (/^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) || element.isContentEditable);
}

function walk(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + step))]?.focus();
}

export function Keys() {
  const [shown, setShown] = useState(false);
  const began = useRef(0);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented || isTyping(event.target)) return;
      const { key } = event;
      if (Date.now() - began.current < WAIT) {
        began.current = 0;
        const page = PAGES.find((entry) => entry.key === key && may(entry.need));
        if (page) {
          event.preventDefault();
          go(pageAddress(page.path));
        }
        return;
      }
      if (key === "?") setShown(true);
      else if (document.querySelector("dialog[open]")) return;
      else if (key === "g") began.current = Date.now();
      else if (key === "j" || key === "k") walk(key === "j" ? 1 : -1);
      else if (key === "/") {
        const search = document.querySelector<HTMLElement>('input[type="search"]');
        search?.focus();
        if (search) event.preventDefault();
      } else if (key === "e") {
        const figure = document.activeElement?.closest<HTMLElement>("[data-why]");
        (figure ?? document.querySelector<HTMLElement>("[data-why]"))?.click();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  if (!shown) return null;
  const rows: [string, string][] = [
    ["?", "These keys"],
    ["/", "Search"],
    ["e", "Why: the figure with the focus"],
    ["j, k", "Next and previous row"],
    ["1 to 8", "Dialer: the outcome"],
    ...PAGES.filter((page) => may(page.need)).map((page): [string, string] => [`g ${page.key}`, page.title]),
  ];
  return (
    <Dialog name="Keys" close={() => setShown(false)}>
      <table class="keys">
        <tbody>
          {rows.map(([keys, text]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{text}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}
