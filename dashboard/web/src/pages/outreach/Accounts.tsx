/** Sender accounts: how many are connected, and what each gained in the month. */
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Card, CardSkeleton } from "../../components/Card";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Choice, TextFilter, filters } from "../../components/Filters";
import { When } from "../../components/When";
import { UNKNOWN, count, lastDay, percent } from "../../format";

type Account = Answer<"/api/v1/tenants/{tenant}/sender-accounts">["items"][number];

const COLUMNS: Column<Account>[] = [
  { title: "Account", heading: true, cell: (account) => <bdi>{account.email}</bdi> },
  { title: "Status", cell: (account) => <Badge state={account.status} /> },
  { title: "Provider", cell: (account) => <bdi>{account.email_provider ?? UNKNOWN}</bdi> },
  { title: "Reseller", cell: (account) => <bdi>{account.reseller ?? UNKNOWN}</bdi> },
  { title: "Sends", number: true, cell: (account) => count(account.period?.sends) },
  { title: "Replies", number: true, cell: (account) => count(account.period?.replies) },
  { title: "Bounces", number: true, cell: (account) => count(account.period?.bounces) },
  { title: "Reply rate", number: true, cell: (account) => percent(account.period?.reply_rate) },
  { title: "Seen", cell: (account) => <When at={account.observed_at} /> },
];

export function Accounts({ month }: { month: string }) {
  const status = useRead("/api/v1/tenants/{tenant}/sender-accounts/status");
  const cards: [string, string][] = status.data
    ? [
        ["Accounts", count(status.data.accounts)],
        ["Connected", count(status.data.connected)],
        ["Disconnected", count(status.data.disconnected)],
        ["Disconnect rate", percent(status.data.disconnect_rate)],
      ]
    : [];
  const fields = ["accounts", "connected", "disconnected", "disconnect_rate"];
  return (
    <>
      <section class="cards few" aria-label="Figures">
        {cards.length === 0 &&
          ["Accounts", "Connected", "Disconnected", "Disconnect rate"].map((label) => (
            <CardSkeleton key={label} label={label} />
          ))}
        {cards.map(([label, value], index) => (
          <Card
            key={label}
            label={label}
            value={value}
            figure={{ model: "sender_accounts", field: fields[index] ?? "accounts", selection: {} }}
            unknown="unknown without accounts"
          />
        ))}
      </section>
      <div class="filters no-print">
        <Choice
          name="status"
          label="Status"
          options={[
            ["connected", "Connected"],
            ["disconnected", "Disconnected"],
            ["removed", "Removed"],
          ]}
        />
        <TextFilter name="search" label="Search" />
      </div>
      <DataTable<Account>
        title="Sender accounts"
        route="/api/v1/tenants/{tenant}/sender-accounts"
        query={{ ...filters("status", "search"), from: `${month}-01`, to: lastDay(month) }}
        id={(account) => [account.instance, account.workspace, account.account_id, account.email].join(" ")}
        columns={COLUMNS}
        empty={
          <Empty title="No sender accounts" command="[tenant.emailbison] base_url = …, api_key = … in factfold.toml">
            Accounts will stand here as soon as they are polled or a webhook names one.
          </Empty>
        }
      />
    </>
  );
}
