/** Figures of a published month that have changed since, old and new. */
import { useRead } from "../../api/use_read";
import { figureOf, shown } from "../../figures";
import { day } from "../../format";

export function RestatedSince({ month, position }: { month: string; position: number }) {
  const { data } = useRead("/api/v1/tenants/{tenant}/restatements", {}, { month, limit: 500 });
  const rows = (data?.items ?? []).filter((item) => item.positions.some((at) => at > position));
  if (rows.length === 0) return null;
  return (
    <section aria-label="Restated since publication">
      <header class="section-head">
        <h2>Restated since publication</h2>
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">Figure</th>
            <th scope="col">On</th>
            <th scope="col" class="n">
              Old
            </th>
            <th scope="col" class="n">
              New
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((item, index) => {
            const { label, unit } = figureOf({ model: "month", field: item.figure, selection: {} });
            return (
              <tr key={index}>
                <th scope="row">{label}</th>
                <td>{day(item.recorded_on)}</td>
                <td class="n">{shown(unit, item.old)}</td>
                <td class="n">{shown(unit, item.new)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
