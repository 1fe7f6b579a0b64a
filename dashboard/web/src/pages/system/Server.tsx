/** The server: whether it is ready, what it warns of, what it has taken and holds. */
import { useEffect, useState } from "preact/hooks";
import { here } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useAddress } from "../../api/use_read";
import { Members } from "../../components/Members";
import { Section } from "../../components/Section";
import { count } from "../../format";

interface Ready {
  status: string;
  position: number;
  warnings: string[];
}

/** Figures of `/metrics` that say how the server is; sums over labels. */
const SHOWN: [string, string, RegExp][] = [
  ["The log takes facts", "yes", /^factfold_log_writable\b/],
  ["Facts behind the log", "", /^factfold_fold_lag_facts\b/],
  ["Deliveries since the start", "", /^factfold_deliveries_total\b/],
  ["Open streams", "", /^factfold_streams_open\b/],
];

export function Server() {
  const ready = useAddress<Ready>("/readyz");
  const version = useAddress<Answer<"/version">>("/version");
  const [text, setText] = useState("");
  useEffect(() => {
    void fetch(here("/metrics"), { credentials: "same-origin" })
      .then((response) => (response.ok ? response.text() : ""))
      .then(setText, () => setText(""));
  }, []);
  const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
  const figure = (pattern: RegExp) => {
    const values = lines.filter((line) => pattern.test(line)).map((line) => Number(line.split(" ").at(-1)));
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
  };
  return (
    <Section title="Server" reading={ready}>
      {(data) => (
        <>
          <Members
            members={[
              ["State", data.status],
              ["Position", count(data.position)],
              ...SHOWN.map(([name, unit, pattern]): [string, string | null] => {
                const value = figure(pattern);
                if (value === null) return [name, null];
                return [name, unit === "yes" ? (value === 1 ? "Yes" : "No") : `${count(value)}${unit}`];
              }),
              ["Version", version.data?.version],
              ["Commit", version.data?.commit],
            ]}
          />
          {data.warnings.map((warning) => (
            <p key={warning} class="refused">
              {warning}
            </p>
          ))}
        </>
      )}
    </Section>
  );
}
