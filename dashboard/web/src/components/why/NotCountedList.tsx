/** Subjects of the same span that did not count, by reason in words. */
import type { Contribution, Explanation } from "../../api/explain";
import { useMore } from "../../api/use_more";
import { useAddress } from "../../api/use_read";
import { capital, count, shortId, words } from "../../format";
import { pageAddress } from "../Navigation";

const EMPTY: Contribution[] = [];

export function NotCountedList({ url, total }: { url: string; total: number | null }) {
  const { data } = useAddress<Explanation>(url);
  const { items, more, busy } = useMore<Contribution>(
    url,
    data?.contributions ?? EMPTY,
    data?.next_cursor ?? null,
    "contributions",
  );
  if (total === 0 || (data && items.length === 0)) return null;
  const groups = new Map<string, Contribution[]>();
  for (const item of items) {
    const name = item.reason ? capital(item.reason) : words(item.code);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return (
    <section aria-label="Not counted">
      <header class="section-head">
        <h3>Not counted</h3>
        <span class="soft">{total !== null && total !== undefined && count(total)}</span>
      </header>
      {[...groups].map(([reason, members]) => (
        <details key={reason} open={groups.size === 1 && members.length <= 5}>
          <summary>
            <span>{reason}</span>
            <span class="n">
              {count(members.length)}
              {more && "+"}
            </span>
          </summary>
          <ul class="subjects">
            {members.map((item, index) => (
              <li key={`${item.subject} ${index}`}>
                {item.position ? (
                  <a href={pageAddress(`facts/${item.position}`)}>{shortId(item.subject ?? String(item.position))}</a>
                ) : (
                  <bdi>{shortId(item.subject ?? "")}</bdi>
                )}
                {item.who && (
                  <span class="soft">
                    {" "}
                    <bdi>{item.who}</bdi>
                  </span>
                )}
              </li>
            ))}
          </ul>
        </details>
      ))}
      {more && (
        <button class="link" disabled={busy} onClick={more}>
          Load more
        </button>
      )}
    </section>
  );
}
