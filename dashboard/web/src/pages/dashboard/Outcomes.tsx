/** The month's calls by their last disposition. */
import { useRead } from "../../api/use_read";
import { Bar } from "../../components/Bar";
import { Empty } from "../../components/Empty";
import { FigureLink } from "../../components/FigureLink";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { count, words } from "../../format";
import { Change, comparison, useCompared } from "./Compare";

export function Outcomes({ month }: { month: string }) {
  const [compares, compared] = [comparison() !== "none", useCompared(month)];
  const reading = useRead("/api/v1/tenants/{tenant}/metrics/month", {}, { month });
  return (
    <Section title="Outcomes" reading={reading}>
      {(data) => {
        const rows = Object.entries(data.outcomes)
          .filter(([, calls]) => calls > 0)
          .sort((one, other) => other[1] - one[1]);
        const most = rows[0]?.[1] ?? 1;
        if (rows.length === 0)
          return (
            <Empty title="No outcomes in this month">
              Calls are disposed of in the dialer; their outcomes will be counted here.
            </Empty>
          );
        return (
          <Table
            title="Outcomes"
            head={[["Outcome"], ["Calls", "n"], ...(compares ? ([["Change", "n"]] as const) : []), ["Share"]]}
          >
            {rows.map(([outcome, calls]) => (
              <tr key={outcome}>
                <th scope="row">{words(outcome)}</th>
                <td class="n">
                  <FigureLink
                    figure={{ model: "month", field: `outcomes.${outcome}`, selection: { month: data.month } }}
                  >
                    {count(calls)}
                  </FigureLink>
                </td>
                {compares && (
                  <td class="n small change">
                    <Change of={compared} figure={`outcomes.${outcome}`} better={0} />
                  </td>
                )}
                <td class="wide">
                  <Bar percent={(calls / most) * 100} />
                </td>
              </tr>
            ))}
          </Table>
        );
      }}
    </Section>
  );
}
