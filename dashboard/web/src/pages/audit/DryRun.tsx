/** What voiding or restoring facts would change, by month and figure: nothing is recorded for it. */
import type { Done } from "../../api/ask";
import { Table } from "../../components/Table";
import { figureOf, shown } from "../../figures";
import { count, monthName } from "../../format";

export type Told = Extract<Done<"post", "/api/v1/tenants/{tenant}/void">, { changes: unknown }>;

export function DryRun({ told, undo }: { told: Told; undo: boolean }) {
  const refused = told.results.filter((one) => one.error);
  return (
    <div role="status" class="dry-run">
      <p>
        {count(told.facts)} {told.facts === 1 ? "fact" : "facts"} would be {undo ? "restored" : "voided"}
        {told.duplicates > 0 && `; ${count(told.duplicates)} ${undo ? "count already" : "are voided already"}`}
        {told.rejected > 0 && `; ${count(told.rejected)} cannot be`}.
      </p>
      {refused.slice(0, 5).map((one) => (
        <p key={one.line} class="refused">
          {one.error}
        </p>
      ))}
      {told.changes.length === 0 ? (
        <p class="soft">No figure of a month would change.</p>
      ) : (
        <Table title="What would change" head={[["Month"], ["Figure"], ["Now", "n"], ["Then", "n"]]}>
          {told.changes.map((change) => {
            const { label, unit } = figureOf({ model: "month", field: change.figure, selection: {} });
            return (
              <tr key={`${change.month} ${change.figure}`}>
                <th scope="row">{monthName(change.month)}</th>
                <td>{label}</td>
                <td class="n">{shown(unit, change.old)}</td>
                <td class="n">{shown(unit, change.new)}</td>
              </tr>
            );
          })}
        </Table>
      )}
      {told.changes_cut && <p class="soft">And more: these are the first.</p>}
    </div>
  );
}
