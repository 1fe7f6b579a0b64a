/** Why a figure is what it is: rule, formula, contributions with their sum, what was not counted, restatements, proof. */
import { address } from "../api/client";
import type { Explanation } from "../api/explain";
import { useAddress, useRead } from "../api/use_read";
import { currencyIn, figureOf, shown } from "../figures";
import { monthName } from "../format";
import { moment } from "../state/moment";
import { tenant, zone } from "../state/session";
import { type FigureName, closeWhy, explained, seenValue } from "../why";
import { Dialog } from "./Dialog";
import { Failure } from "./Failure";
import { Skeleton } from "./Skeleton";
import { Contributions } from "./why/Contributions";
import { Formula } from "./why/Formula";
import { NotCountedList } from "./why/NotCountedList";
import { Proof } from "./why/Proof";
import { Restated } from "./why/Restated";

/** The span that the figure is of, in words. */
function span(figure: FigureName): string {
  const { month, day, from, to, agent, ...rest } = figure.selection;
  const parts = [month && monthName(month), day, from && to && `${from} to ${to}`, agent, ...Object.values(rest)];
  return parts.filter(Boolean).join(" · ");
}

function Panel({ figure }: { figure: FigureName }) {
  const { label, unit } = figureOf(figure);
  const query = { model: figure.model, field: figure.field, ...figure.selection, ...moment.value };
  const route = "/api/v1/tenants/{tenant}/explain";
  const url = address(route, { tenant: tenant.value ?? "" }, { ...query, limit: 20 });
  const reading = useAddress<Explanation>(url);
  const { data, error, loading } = reading;
  const pipeline = useRead("/api/v1/tenants/{tenant}/pipeline", {}, {}, figure.model !== "pipeline");
  const currency =
    currencyIn(figure.field) ?? / of ([A-Z]{3})$/.exec(data?.unit ?? "")?.[1] ?? pipeline.data?.currency ?? null;
  const value = data && !loading ? shown(unit, data.value, currency) : (seenValue(figure) ?? "…");
  return (
    <Dialog side name={`Why ${value} ${label}`} close={closeWhy}>
      {error && !data ? (
        <Failure problem={error} retry={reading.reload} />
      ) : !data || loading ? (
        <Skeleton lines={10} />
      ) : (
        <>
          <p class="rule">
            {data.rule && <>Counted: {data.rule}. </>}
            <span class="soft">
              {span(figure)}
              {span(figure) && " "}in {zone.value}, true at position {data.position.toLocaleString()}.
            </span>
          </p>
          {data.formula && <Formula formula={data.formula} currency={currency} />}
          {!data.formula && <Contributions url={url} first={data} unit={unit} currency={currency} />}
          {!data.formula && (
            <NotCountedList
              url={address(route, { tenant: tenant.value ?? "" }, { ...query, counted: false, limit: 100 })}
              total={data.not_contributing_subjects}
            />
          )}
          <Restated figure={figure} unit={unit} />
          <Proof query={query} position={data.position} />
        </>
      )}
    </Dialog>
  );
}

export function WhyPanel() {
  const figure = explained.value;
  return figure ? <Panel key={JSON.stringify(figure)} figure={figure} /> : null;
}
