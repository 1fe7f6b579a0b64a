/** The facts that moved the figure, with their deltas and the sum. */
import type { Contribution, Explanation } from "../../api/explain";
import { useMore } from "../../api/use_more";
import { type Unit, shown } from "../../figures";
import { count, shortId, shortInstant, words } from "../../format";
import { zone } from "../../state/session";
import { pageAddress } from "../Navigation";

function signed(unit: Unit, delta: number | null | undefined, currency: string | null): string {
  if (delta === null || delta === undefined) return "";
  const text = shown(unit, Math.abs(delta), currency);
  return delta < 0 ? `−${text}` : `+${text}`;
}

/** What a state was and became. */
function change(item: Contribution): string {
  if (item.before === undefined && item.after === undefined) return "";
  const text = (value: unknown) => (value === null || value === undefined ? "nothing" : words(String(value)));
  return `${text(item.before)} → ${text(item.after)}`;
}

interface ContributionsProps {
  url: string;
  first: Explanation;
  unit: Unit;
  currency: string | null;
}

export function Contributions({ url, first, unit, currency }: ContributionsProps) {
  const { items, more, busy } = useMore<Contribution>(
    url,
    first.contributions,
    first.next_cursor ?? null,
    "contributions",
  );
  const subjects = first.contributing_subjects;
  return (
    <section aria-label="Contributions">
      <table class="contributions">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col">Who</th>
            <th scope="col" class="n">
              Adds
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item, index) => (
            <tr key={`${item.position} ${index}`} data-row>
              <td class="when">{shortInstant(item.occurred_at, zone.value)}</td>
              <td>
                <a href={pageAddress(`facts/${item.position}`)}>{item.kind}</a>{" "}
                <code title={`${item.provider} ${item.external_id}`}>{shortId(item.external_id)}</code>
                <span class="soft">
                  {item.subject && <bdi>{shortId(item.subject)}</bdi>}
                  {item.reason !== "rules_satisfied" && item.reason && ` · ${words(item.reason).toLowerCase()}`}
                  {change(item) && ` · ${change(item)}`}
                </span>
              </td>
              <td class="who">{item.who && <bdi>{item.who}</bdi>}</td>
              <td class={`n ${(item.delta ?? 0) < 0 ? "negative" : "positive"}`}>
                {signed(unit, item.delta, currency)}
              </td>
            </tr>
          ))}
          {more && (
            <tr>
              <td />
              <td>
                <button class="link" disabled={busy} onClick={more}>
                  Load more
                </button>
              </td>
              <td />
              <td />
            </tr>
          )}
        </tbody>
        {first.total !== null && first.total !== undefined && (
          <tfoot>
            <tr>
              <td />
              <th scope="row">
                Sum
                {subjects !== null &&
                  subjects !== undefined &&
                  ` on ${count(subjects)} ${subjects === 1 ? "subject" : "subjects"}`}
              </th>
              <td />
              <td class="n">{shown(unit, first.total, currency)}</td>
            </tr>
          </tfoot>
        )}
      </table>
      {items.length === 0 && <p class="soft">No fact moved this figure.</p>}
    </section>
  );
}
