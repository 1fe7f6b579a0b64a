/** Email outreach: the month by day, leads by stage, sender accounts, providers. */
import { Head } from "../components/Head";
import { MonthPicker, shownMonth } from "../components/MonthPicker";
import { query, setQuery } from "../state/router";
import { Accounts } from "./outreach/Accounts";
import { OutreachDays } from "./outreach/OutreachDays";
import { OutreachLeads } from "./outreach/OutreachLeads";
import { Providers } from "./outreach/Providers";

const VIEWS = [
  ["days", "By day"],
  ["leads", "Leads"],
  ["accounts", "Sender accounts"],
  ["providers", "Providers"],
] as const;

export default function Outreach() {
  const month = shownMonth();
  const given = query.value.get("view");
  const view = VIEWS.find(([name]) => name === given)?.[0] ?? "days";
  return (
    <>
      <Head title="Outreach">
        <MonthPicker />
      </Head>
      <div class="segments wide-segments no-print" role="group" aria-label="View">
        {VIEWS.map(([name, text]) => (
          <button
            key={name}
            aria-pressed={name === view}
            onClick={() => setQuery({ view: name === "days" ? null : name, stage: null, search: null, status: null })}
          >
            {text}
          </button>
        ))}
      </div>
      {view === "days" && <OutreachDays month={month} />}
      {view === "leads" && <OutreachLeads />}
      {view === "accounts" && <Accounts month={month} />}
      {view === "providers" && <Providers month={month} />}
    </>
  );
}
