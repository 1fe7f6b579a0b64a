/** Whom alerts are told to: a signed webhook, an address of Slack's style, or a mail address. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { useAddress } from "../../api/use_read";
import { Confirm } from "../../components/Confirm";
import { Empty } from "../../components/Empty";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { Secret } from "../../components/Secret";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { When } from "../../components/When";
import { UNKNOWN, words } from "../../format";
import { Reach, reached } from "./Reach";

/** What a mail address may be told of. */
const TOPICS: Record<string, string[]> = {
  alerts: [],
  reports: ["report_published", "weekly_digest"],
};

function Add() {
  const [url, setUrl] = useState("");
  const [style, setStyle] = useState("webhook");
  const [topics, setTopics] = useState("alerts");
  const [reach, setReach] = useState("one");
  const [secret, setSecret] = useState<string | null>(null);
  const command = useCommand();
  const add = async () => {
    const address = style === "email" ? `mailto:${url}` : url;
    const rules = style === "email" ? (TOPICS[topics] ?? []) : [];
    const body = { url: address, style, rules, ...reached(reach) };
    const made = await command.run(() => ask("post", "/api/v1/alert-targets", { body }));
    if (!made) return;
    setUrl("");
    setSecret(made.answer.secret ?? null);
  };
  return (
    <>
      <Form command={command} submit={() => void add()} action="Add target">
        <div class="pair">
          <Field
            label="Address"
            type={style === "email" ? "email" : "url"}
            required
            value={url}
            set={setUrl}
            placeholder={style === "email" ? "ann@example.com" : "https://hooks.example.com/…"}
          />
          <Field
            label="Style"
            value={style}
            set={setStyle}
            options={[
              ["webhook", "Signed webhook"],
              ["slack", "Slack"],
              ["email", "Email"],
            ]}
          />
          {style === "email" && (
            <Field
              label="Mails"
              value={topics}
              set={setTopics}
              options={[
                ["alerts", "Every alert"],
                ["reports", "Published reports, and the week on Monday"],
              ]}
            />
          )}
          <Reach label="Alerts of" value={reach} set={setReach} />
        </div>
      </Form>
      {secret && (
        <Secret name="Secret that signs" value={secret} gone={() => setSecret(null)}>
          It is shown this once. Each alert is signed with it, as Standard Webhooks says.
        </Secret>
      )}
    </>
  );
}

export function AlertTargets() {
  const reading = useAddress<Answer<"/api/v1/alert-targets">>("/api/v1/alert-targets?limit=500");
  return (
    <Section title="Targets of alerts" reading={reading}>
      {(data) => (
        <>
          <Add />
          {data.items.length === 0 ? (
            <Empty title="Alerts are told to nobody">
              They stand on the dashboard and above, and nobody else hears of them.
            </Empty>
          ) : (
            <Table
              title="Targets of alerts"
              head={[["Host"], ["Style"], ["Workspaces"], ["Rules"], ["Since"], ["Action"]]}
            >
              {data.items.map((item) => (
                <tr key={item.target_id}>
                  <th scope="row">
                    <bdi>{item.host ?? UNKNOWN}</bdi>
                  </th>
                  <td>{words(item.style)}</td>
                  <td>
                    <bdi>{item.tenants.join(", ") || "all"}</bdi>
                  </td>
                  <td>{item.rules.map((rule) => words(rule).toLowerCase()).join(", ") || "all"}</td>
                  <td>
                    <When at={item.set_at} />
                  </td>
                  <td>
                    <Confirm
                      label="Remove"
                      question={`Remove the target ${item.host ?? item.target_id}?`}
                      act={() =>
                        ask("delete", "/api/v1/alert-targets/{target_id}", { filling: { target_id: item.target_id } })
                      }
                    >
                      <p>No further alerts are sent to it. Attempts that were made stay listed.</p>
                    </Confirm>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </>
      )}
    </Section>
  );
}
