/** A field for each rule of a workspace, with what it means and what holds now. */
import type { Rules } from "../api/configuration";
import { DIRECTIONS, GROUPS, type Rule, asWritten } from "../rules";
import { Field } from "./Field";

export type RulesForm = Partial<Record<keyof Rules, string>>;

interface RulesFieldsProps {
  /** What was written so far. */
  form: RulesForm;
  set: (form: RulesForm) => void;
  /** The rules in force. */
  rules: Rules | undefined;
}

function RuleField({ rule, form, set, rules }: RulesFieldsProps & { rule: Rule }) {
  const now = asWritten(rule, rules);
  const shared = {
    label: rule.label,
    value: form[rule.name] ?? "",
    set: (value: string) => set({ ...form, [rule.name]: value }),
    hint: rule.meaning,
  };
  if (rule.kind === "directions")
    return <Field {...shared} options={[["", `As it is: ${now}`], ...DIRECTIONS]} />;
  if (rule.kind === "number") return <Field {...shared} type="number" placeholder={now} />;
  const hint = `${rule.meaning} One a line.`;
  return <Field {...shared} hint={hint} rows={3} placeholder={now} />;
}

export function RulesFields(props: RulesFieldsProps) {
  const [first, ...others] = GROUPS;
  const fields = (rules: readonly Rule[]) => (
    <div class="pair">
      {rules.map((rule) => (
        <RuleField key={rule.name} rule={rule} {...props} />
      ))}
    </div>
  );
  return (
    <>
      {first && fields(first[1])}
      {others.map(([title, rules]) => (
        <details key={title} open={rules.some(({ name }) => props.form[name])}>
          <summary>{title}</summary>
          {fields(rules)}
        </details>
      ))}
    </>
  );
}
