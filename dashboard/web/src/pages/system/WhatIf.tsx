/** What other rules would have made of some months: nothing is recorded until they are adopted. */
import { useState } from "preact/hooks";
import { type Done, ask } from "../../api/ask";
import { type Rules, useConfiguration } from "../../api/configuration";
import { useCommand } from "../../api/use_command";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { pageAddress } from "../../components/Navigation";
import { currentMonth } from "../../components/MonthPicker";
import { RulesFields, type RulesForm } from "../../components/RulesFields";
import { Table } from "../../components/Table";
import { currencyIn, figureOf, shown } from "../../figures";
import { addMonths, capital, count, monthName, shortId } from "../../format";
import { written } from "../../rules";
import { may } from "../../state/session";
import { Adopt } from "./Adopt";

const ROUTE = "/api/v1/tenants/{tenant}/what-if";
type Answer = Done<"post", typeof ROUTE>;

function Figures({ answer, currency }: { answer: Answer; currency: string | undefined }) {
  if (answer.figures.length === 0) return <p>No figure would be another.</p>;
  return (
    <Table title="Figures" head={[["Figure"], ["Of"], ["Now", "n"], ["Then", "n"]]}>
      {answer.figures.map((item, index) => {
        const { label, unit } = figureOf(item.figure);
        const { month, ...rest } = item.figure.selection;
        const of = currencyIn(item.figure.field) ?? currency ?? null;
        return (
          <tr key={index}>
            <th scope="row">{label}</th>
            <td>
              <bdi>{[month && monthName(month), ...Object.values(rest)].filter(Boolean).join(" · ")}</bdi>
            </td>
            <td class="n">{shown(unit, item.old, of)}</td>
            <td class="n">{shown(unit, item.new, of)}</td>
          </tr>
        );
      })}
    </Table>
  );
}

function Flipped({ answer, more, busy }: { answer: Answer; more: (() => void) | null; busy: boolean }) {
  if (answer.flipped_subjects === 0) return null;
  return (
    <section aria-label="Subjects that flip">
      <header class="section-head">
        <h3>{count(answer.flipped_subjects)} would count otherwise</h3>
      </header>
      <Table title="Subjects that flip" head={[["Subject"], ["Figure"], ["Now", "n"], ["Then", "n"], ["Why"]]}>
        {answer.items.map((item, index) => (
          <tr key={index}>
            <th scope="row">
              <a href={pageAddress(`facts/${item.position}`)}>{shortId(item.subject)}</a>
            </th>
            <td>{figureOf(item.figure).label}</td>
            <td class="n">{count(item.old)}</td>
            <td class="n">{count(item.new)}</td>
            <td>{capital(item.reason)}</td>
          </tr>
        ))}
      </Table>
      {more && (
        <button class="control" disabled={busy} onClick={more}>
          Load more
        </button>
      )}
    </section>
  );
}

export function WhatIf() {
  const configured = useConfiguration();
  const rules = configured?.body.rules;
  const last = addMonths(currentMonth(), -1);
  const [form, setForm] = useState<RulesForm>({});
  const [from, setFrom] = useState(last);
  const [to, setTo] = useState(currentMonth());
  const [asked, setAsked] = useState<{ rules: Rules; answer: Answer } | null>(null);
  const command = useCommand();
  const body = (tried: Rules) => ({ rules: tried as Record<string, never>, from, to });
  const tryOut = async () => {
    const tried = written(form);
    const found = await command.run(() => ask("post", ROUTE, { body: body(tried), query: { limit: 50 } }));
    setAsked(found ? { rules: tried, answer: found.answer } : null);
  };
  const more = async () => {
    if (!asked?.answer.next_cursor) return;
    const query = { limit: 50, cursor: asked.answer.next_cursor };
    const found = await command.run(() => ask("post", ROUTE, { body: body(asked.rules), query }));
    if (!found) return;
    const items = [...asked.answer.items, ...found.answer.items];
    setAsked({ rules: asked.rules, answer: { ...asked.answer, items, next_cursor: found.answer.next_cursor ?? null } });
  };
  const isNothing = Object.keys(written(form)).length === 0;
  return (
    <section aria-label="What if" class="stack">
      <header class="section-head">
        <h2>What if the rules were others?</h2>
      </header>
      <Form command={command} submit={() => void tryOut()} action="Try out" disabled={isNothing}>
        <RulesFields form={form} set={setForm} rules={rules} />
        <div class="pair">
          <Field label="From month" type="month" required value={from} set={setFrom} />
          <Field label="To month" type="month" required value={to} set={setTo} />
        </div>
      </Form>
      {asked && (
        <div role="status" class="stack">
          <p class="soft">
            The rules that hold at position {count(asked.answer.position)}, with those above instead, from{" "}
            {monthName(asked.answer.from)} to {monthName(asked.answer.to)}. Nothing was recorded.
          </p>
          <Figures answer={asked.answer} currency={configured?.body.currency} />
          <Flipped
            answer={asked.answer}
            more={asked.answer.next_cursor ? () => void more() : null}
            busy={command.busy}
          />
          {may("admin") && configured && (
            <Adopt configured={configured} rules={asked.rules} from={`${asked.answer.from}-01`} />
          )}
        </div>
      )}
    </section>
  );
}
