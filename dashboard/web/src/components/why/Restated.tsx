/** Rows of the ledger of restatements that are of this figure. */
import { useRead } from "../../api/use_read";
import { type Unit, shown } from "../../figures";
import { day } from "../../format";
import type { FigureName } from "../../why";

export function Restated({ figure, unit }: { figure: FigureName; unit: Unit }) {
  const month = figure.selection.month ?? figure.selection.day?.slice(0, 7);
  const { data } = useRead(
    "/api/v1/tenants/{tenant}/restatements",
    {},
    { ...(month && { month }), limit: 500 },
    !month,
  );
  const rows = (data?.items ?? []).filter(
    (item) => item.figure === figure.field || item.figure.startsWith(`${figure.field}.`),
  );
  if (rows.length === 0) return null;
  return (
    <section aria-label="Restated">
      <h3>Restated</h3>
      <table>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              <td class="when">{day(row.recorded_on)}</td>
              <td>
                {row.causes.toLocaleString()}{" "}
                {row.cause === "rule"
                  ? "by rule"
                  : row.causes === 1
                    ? "late or corrected fact"
                    : "late or corrected facts"}
              </td>
              <td class="n">
                {shown(unit, row.old)} → {shown(unit, row.new)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
