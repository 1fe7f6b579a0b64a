/** Email outreach: the month by day, leads by stage, sender accounts, providers. */
import { Head } from "../components/Head";
import { MonthPicker, shownMonth } from "../components/MonthPicker";
import { Views, shownView } from "../components/Views";
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
  const view = shownView(VIEWS);
  return (
    <>
      <Head title="Outreach">
        <MonthPicker />
      </Head>
      <Views views={VIEWS} leave={["stage", "search", "status"]} />
      {view === "days" && <OutreachDays month={month} />}
      {view === "leads" && <OutreachLeads />}
      {view === "accounts" && <Accounts month={month} />}
      {view === "providers" && <Providers month={month} />}
    </>
  );
}
