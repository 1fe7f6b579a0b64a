/** The targets of a month, set by an operator. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import { useCommand } from "../../api/use_command";
import { useRead } from "../../api/use_read";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { Members } from "../../components/Members";
import { currentMonth } from "../../components/MonthPicker";
import { Section } from "../../components/Section";
import { addMonths, count, monthName, words } from "../../format";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";

const METRICS = ["qualified", "positive_replies", "emails_sent"] as const;

export function TargetsForm() {
  const [month, setMonth] = useState(currentMonth());
  const [metric, setMetric] = useState<string>(METRICS[0]);
  const [value, setValue] = useState("");
  const command = useCommand();
  const reading = useRead("/api/v1/tenants/{tenant}/metrics/month", {}, { month });
  const months = Array.from({ length: 15 }, (_, index) => addMonths(currentMonth(), 2 - index));
  const set = async () => {
    const filling = { month, metric };
    const done = await command.run(() =>
      ask("put", "/api/v1/tenants/{tenant}/targets/{month}/{metric}", { filling, body: { value: Number(value) } }),
    );
    if (done) setValue("");
  };
  return (
    <Section title="Targets" reading={reading} lines={5}>
      {(data) => (
        <>
          <Field
            label="Month"
            value={month}
            set={setMonth}
            options={months.map((item): [string, string] => [item, monthName(item)])}
          />
          <Members
            members={METRICS.map((name) => [
              words(name),
              data.targets[name] ? count(data.targets[name].target) : "none",
            ])}
          />
          {may("operator") && isNow.value && (
            <Form command={command} submit={() => void set()} action="Set target">
              <div class="pair">
                <Field
                  label="Target for"
                  value={metric}
                  set={setMetric}
                  options={METRICS.map((name): [string, string] => [name, words(name)])}
                />
                <Field label="Value" type="number" required value={value} set={setValue} />
              </div>
            </Form>
          )}
        </>
      )}
    </Section>
  );
}
