/** The workspace's configuration as it holds and since when, its numbers, its targets, and what held before. */
import { Failure } from "../../components/Failure";
import { Members } from "../../components/Members";
import { pageAddress } from "../../components/Navigation";
import { Skeleton } from "../../components/Skeleton";
import { Table } from "../../components/Table";
import { UNKNOWN, capital, count, day, instant, money, words } from "../../format";
import { GROUPS, type Rule } from "../../rules";
import { may, tenant, workspace, zone } from "../../state/session";
import { type Configuration, type Configured, type Rules, useConfigurations } from "../../api/configuration";
import { TargetsForm } from "./TargetsForm";

/** A rule's name without its unit, which stands beside its value. */
const ruleName = (name: string) => words(name.replace(/_(minor|seconds|percent)$/, ""));

/** A rule's value as people read it. */
function ruleText(name: keyof Rules, value: unknown, currency: string | undefined): string {
  if (Array.isArray(value))
    return value
      .map((item) =>
        typeof item === "object"
          ? `${(item as { name: string }).name}${(item as { likelihood_percent?: number }).likelihood_percent === undefined ? "" : ` ${(item as { likelihood_percent?: number }).likelihood_percent} %`}`
          : String(item),
      )
      .join(", ");
  if (typeof value !== "number") return String(value);
  if (name.endsWith("_minor")) return money(value, currency);
  if (name.endsWith("_seconds")) return `${count(value)} s`;
  return name.endsWith("_percent") ? `${count(value)} %` : count(value);
}

/** What holds of a rule that is not given. */
const byDefault = ({ name, otherwise }: Rule) => (/^\d+$/.test(otherwise) ? ruleText(name, Number(otherwise), "") : otherwise);

/** What a configuration changed of the one before, in words. */
function changes(now: Configuration, before: Configuration | undefined): string {
  if (!before) return "the first";
  const names = new Set([...Object.keys(now), ...Object.keys(before)]) as Set<keyof Configuration>;
  const apart = [...names].filter(
    (name) => name !== "effective_from" && JSON.stringify(now[name]) !== JSON.stringify(before[name]),
  );
  const told = apart.flatMap((name) => {
    if (name !== "rules") return [words(name).toLowerCase()];
    const rules = new Set([...Object.keys(now.rules ?? {}), ...Object.keys(before.rules ?? {})]) as Set<keyof Rules>;
    return [...rules]
      .filter((rule) => JSON.stringify(now.rules?.[rule]) !== JSON.stringify(before.rules?.[rule]))
      .map(
        (rule) =>
          `${ruleName(rule).toLowerCase()} ${ruleText(rule, before.rules?.[rule] ?? UNKNOWN, before.currency)} → ${ruleText(rule, now.rules?.[rule] ?? UNKNOWN, now.currency)}`,
      );
  });
  return told.join("; ") || "nothing but its date";
}

function Numbers({ body }: { body: Configuration }) {
  const numbers = body.tracking_numbers ?? [];
  return (
    <section aria-label="Numbers">
      <header class="section-head">
        <h2>Numbers</h2>
      </header>
      {numbers.length === 0 ? (
        <p class="soft">No tracking numbers: calls are assigned by their endpoint.</p>
      ) : (
        <Table title="Numbers" head={[["Number"], ["Agent"]]}>
          {numbers.map((item) => (
            <tr key={item.number}>
              <th scope="row">
                <bdi>{item.number}</bdi>
              </th>
              <td>
                <bdi>{item.agent ?? UNKNOWN}</bdi>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function History({ list }: { list: Configured[] }) {
  return (
    <section aria-label="History of the configuration">
      <header class="section-head">
        <h2>History of the configuration</h2>
      </header>
      <Table title="History of the configuration" head={[["Recorded"], ["Holds from"], ["By"], ["Changed"]]}>
        {list.map(({ fact, body }, index) => (
          <tr key={fact.position}>
            <th scope="row">
              <a href={pageAddress(`facts/${fact.position}`)}>{instant(fact.recorded_at, zone.value)}</a>
            </th>
            <td>
              {body.effective_from
                ? day(body.effective_from)
                : index === list.length - 1
                  ? "the beginning"
                  : "the day it was recorded"}
            </td>
            <td>{fact.provider === "factfold" ? "factfold.toml" : fact.provider}</td>
            <td>
              <bdi>{changes(body, list[index + 1]?.body)}</bdi>
            </td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

/** Every rule with what it means; what is not given holds by default. */
function RuleList({ rules, currency }: { rules: Rules | undefined; currency: string | undefined }) {
  return (
    <Table title="Rules" head={[["Rule"], ["Holds"]]}>
      {GROUPS.flatMap(([, group]) => group).map((rule) => {
        const given = rules?.[rule.name];
        const isGiven = given !== undefined && !(Array.isArray(given) && given.length === 0);
        return (
          <tr key={rule.name}>
            <th scope="row">
              {capital(ruleName(rule.name))} <small class="meaning">{rule.meaning}</small>
            </th>
            <td>
              <bdi>{isGiven ? ruleText(rule.name, given, currency) : `${byDefault(rule)}, by default`}</bdi>
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

export function ConfigurationView() {
  const { data: list, error, reload } = useConfigurations();
  const now = list?.[0];
  if (error && !list) return <Failure problem={error} retry={reload} />;
  if (!list) return <Skeleton lines={12} />;
  const body = now?.body;
  return (
    <>
      <div class="halves">
        <section aria-label="Workspace">
          <header class="section-head">
            <h2>Workspace</h2>
          </header>
          <Members
            members={[
              ["Name", body?.name ?? workspace.value?.name],
              ["Id", <code>{tenant.value}</code>],
              ["Time zone", body?.timezone ?? zone.value],
              ["Currency", body?.currency],
              ["Calls are recorded", body?.recording === undefined ? null : body.recording ? "Yes" : "No"],
              ["Outreach workspaces", body?.workspaces?.join(", ")],
              ["Your role", words(workspace.value?.role)],
            ]}
          />
        </section>
        <section aria-label="Rules">
          <header class="section-head">
            <h2>Rules</h2>
            <span class="grow" />
            {may("auditor") && <a href={`${pageAddress("system").split("?")[0]}?view=what-if`}>Try out others</a>}
          </header>
          <RuleList rules={body?.rules} currency={body?.currency} />
        </section>
      </div>
      <div class="halves">
        {body && <Numbers body={body} />}
        <TargetsForm />
      </div>
      {list.length > 0 && <History list={list} />}
    </>
  );
}
