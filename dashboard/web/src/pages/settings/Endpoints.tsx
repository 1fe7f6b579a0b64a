/** Endpoints: the addresses that providers deliver to, with the one to give them, and whether anything came yet. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { Secret } from "../../components/Secret";
import { When } from "../../components/When";
import { providerName } from "../../format";
import { isGlobal, tenant, workspace } from "../../state/session";

type Endpoint = Answer<"/api/v1/endpoints">["items"][number];

const PROVIDERS = ["twilio", "callrail", "ctm", "emailbison"] as const;

type Health = Answer<"/api/v1/tenants/{tenant}/webhook-health">["items"];

/** When the last delivery came, of this workspace's; of a new one that none has come yet. */
function LastDelivery({ endpoint, health }: { endpoint: Endpoint; health: Health | null }) {
  const isOf = (item: Health[number]) => item.endpoint === endpoint.endpoint && item.provider === endpoint.provider;
  const known = health?.find(isOf);
  if (!health || (!known && endpoint.tenant !== tenant.value)) return null;
  if (known?.last_delivery_at) return <When at={known.last_delivery_at} />;
  return <span class="waiting">waiting for the first delivery …</span>;
}

/** The address of an endpoint, for admins: who knows it may deliver. */
function Url({ endpoint }: { endpoint: Endpoint }) {
  const [open, setOpen] = useState(false);
  if (!endpoint.endpoint_id) return <code>{endpoint.endpoint}</code>;
  const url = `${window.location.origin}/hooks/${endpoint.provider}/${endpoint.endpoint_id}`;
  if (!open)
    return (
      <button class="link" onClick={() => setOpen(true)}>
        Show the address
      </button>
    );
  return <code>{url}</code>;
}

function Remove({ endpoint }: { endpoint: Endpoint }) {
  if (!isGlobal("admin") || !endpoint.endpoint_id) return null;
  if (endpoint.origin === "file") return <span class="soft">in factfold.toml</span>;
  const filling = { provider: endpoint.provider, endpoint_id: endpoint.endpoint_id };
  return (
    <Confirm
      label="Remove"
      question={`Remove the endpoint ${endpoint.endpoint}?`}
      act={() => ask("delete", "/api/v1/endpoints/{provider}/{endpoint_id}", { filling })}
    >
      <p>
        From now on deliveries to its address are answered 404, and the provider gives up in time. What it delivered
        stays. Another endpoint has another address.
      </p>
    </Confirm>
  );
}

const columns = (health: Health | null): Column<Endpoint>[] => [
  { title: "Provider", heading: true, cell: (item) => providerName(item.provider) },
  { title: "Workspace", cell: (item) => <bdi>{item.tenant ?? "as the payload says"}</bdi> },
  { title: "Event", cell: (item) => <bdi>{item.event ?? "–"}</bdi> },
  { title: "Address", cell: (item) => <Url endpoint={item} /> },
  {
    title: "State",
    cell: (item) => <Badge state={item.live ? "ok" : "failed"} text={item.live ? "Live" : "Secret missing"} />,
  },
  { title: "Last delivery", cell: (item) => <LastDelivery endpoint={item} health={health} /> },
  { title: "Action", cell: (item) => <Remove endpoint={item} /> },
];

function Add() {
  const [provider, setProvider] = useState<string>(PROVIDERS[0]);
  const [event, setEvent] = useState("");
  const [secret, setSecret] = useState("");
  const [url, setUrl] = useState<string | null>(null);
  const command = useCommand();
  const add = async () => {
    const body = {
      provider,
      tenant: tenant.value ?? "",
      ...(event && { event }),
      ...(secret && { secrets: [secret] }),
    };
    const made = await command.run(() => ask("post", "/api/v1/endpoints", { body }));
    if (made) setUrl(made.answer.url);
  };
  return (
    <>
      <Form command={command} submit={() => void add()} action="Create endpoint">
        <div class="pair">
          <Field
            label="Provider"
            value={provider}
            set={setProvider}
            options={PROVIDERS.map((name): [string, string] => [name, providerName(name)])}
          />
          <Field label="Event, where the payload names none" value={event} set={setEvent} placeholder="post_call" />
          <Field
            label="Secret that signs, as a reference"
            value={secret}
            set={setSecret}
            placeholder="env:TWILIO_TOKEN"
            hint="Never the secret itself: env:NAME or file:PATH on the server."
          />
        </div>
      </Form>
      {url && (
        <Secret name="Address for the provider" value={url} gone={() => setUrl(null)}>
          Enter it where the provider asks for a webhook. Deliveries count for {workspace.value?.name ?? tenant.value}.
        </Secret>
      )}
    </>
  );
}

export function Endpoints() {
  const health = useRead("/api/v1/tenants/{tenant}/webhook-health");
  return (
    <section aria-label="Endpoints">
      <header class="section-head">
        <h2>Endpoints</h2>
      </header>
      {isGlobal("admin") && <Add />}
      <DataTable<Endpoint>
        title="Endpoints"
        route="/api/v1/endpoints"
        id={(item) => `${item.provider} ${item.endpoint}`}
        columns={columns(health.data?.items ?? null)}
        timeless
        empty={<Empty title="No endpoints">An endpoint is an address that a provider delivers events to.</Empty>}
      />
    </section>
  );
}
