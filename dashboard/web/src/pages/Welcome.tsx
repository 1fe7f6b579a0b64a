/** The first minutes: the first admin by the setup link or a person by an invitation, a workspace, an endpoint, and the first event. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "../api/ask";
import { type Answer, address, read } from "../api/client";
import { useCommand } from "../api/use_command";
import { Field } from "../components/Field";
import { Form } from "../components/Form";
import { Refused } from "../components/Refused";
import { go, query } from "../state/router";
import { load, me, workspaces } from "../state/session";

type Facts = Answer<"/api/v1/tenants/{tenant}/facts">;

/** How often the log is looked at for the first event. */
const EVERY = 1_500;

interface FirstLoginProps {
  token: string;
  /** Whether it is the setup link, whose login is the first admin's and has no address yet. */
  setup: boolean;
}

/** Who opens a link names himself and sets a password; an invitation has its address already. */
function FirstLogin({ token, setup }: FirstLoginProps) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const command = useCommand();
  const make = async () => {
    const made = await command.run(async () => {
      const body = { name, password, ...(setup && { email }) };
      const user = await ask("post", "/api/v1/invitations/{token}/accept", { filling: { token }, body });
      await ask("post", "/api/v1/login", { body: { email: user.email, password } });
      return load();
    });
    if (made && !setup) go("/");
  };
  return (
    <Form
      class="login"
      command={command}
      submit={() => void make()}
      action={setup ? "Create admin" : "Accept invitation"}
    >
      <p class="soft">
        {setup
          ? "This server has no users yet. Make yourself its admin."
          : "You are invited. Say who you are and choose a password; the link works this once."}
      </p>
      <Field label="Name" autocomplete="name" required value={name} set={setName} />
      {setup && <Field label="Email" type="email" autocomplete="username" required value={email} set={setEmail} />}
      <Field
        label="Password"
        type="password"
        autocomplete="new-password"
        required
        value={password}
        set={setPassword}
        hint="12 characters or more"
      />
    </Form>
  );
}

const EXAMPLE = `[[tenant]]
id = "acme"
name = "Acme Dental"
timezone = "America/New_York"
workspaces = ["17"]`;

/** An event of Email Bison, which signs nothing: the endpoint's address is enough to try it. */
function command(url: string): string {
  const at = new Date().toISOString();
  const event = {
    event: {
      type: "EMAIL_SENT",
      workspace_id: 17,
      workspace_name: "First",
      instance_url: "https://dedi.emailbison.com",
    },
    data: {
      scheduled_email: { id: 1, sent_at: at, status: "sent" },
      campaign_event: { id: 1, type: "sent", created_at: at },
      lead: { id: 1, email: "first@example.com" },
      campaign: { id: 1, name: "First" },
      sender_email: { id: 1, email: "me@example.com" },
    },
  };
  return `curl -s ${url} -H 'content-type: application/json' -d '${JSON.stringify(event)}'`;
}

/** Waits until the workspace has a fact that came from outside. */
function FirstEvent({ tenant, url }: { tenant: string; url: string }) {
  const [came, setCame] = useState(false);
  useEffect(() => {
    if (came) return;
    const look = async () => {
      const page = (await read(address("/api/v1/tenants/{tenant}/facts", { tenant }, { limit: 20 }))) as Facts;
      if (page.items.some((fact) => fact.provider !== "factfold")) setCame(true);
    };
    const timer = setInterval(() => void look().catch(() => {}), EVERY);
    return () => clearInterval(timer);
  }, [came]);
  // The provider's address is the public one; the command goes to where this page came from.
  const here = `${window.location.origin}${new URL(url, window.location.origin).pathname}`;
  return (
    <>
      <p>
        Give this address to the provider: <code>{url}</code>
      </p>
      <p class="soft">Or try it from a terminal:</p>
      <pre class="raw" tabIndex={0}>
        {command(here)}
      </pre>
      <p role="status">{came ? "The first event is there." : "Waiting for the first event …"}</p>
      <a class={`control ${came ? "primary" : ""}`} href={`/w/${encodeURIComponent(tenant)}/dashboard`}>
        Open the dashboard
      </a>
    </>
  );
}

function FirstEndpoint({ tenant }: { tenant: string }) {
  const [url, setUrl] = useState<string | null>(null);
  const command = useCommand();
  const make = async () => {
    const made = await command.run(() =>
      ask("post", "/api/v1/endpoints", { body: { provider: "emailbison", tenant } }),
    );
    if (made) setUrl(made.answer.url);
  };
  if (url) return <FirstEvent tenant={tenant} url={url} />;
  return (
    <>
      <p>An endpoint is an address that a provider delivers events to.</p>
      <button class="control primary" onClick={() => void make()}>
        Create endpoint
      </button>
      <Refused problem={command.problem} />
    </>
  );
}

function Steps() {
  const [chosen, setChosen] = useState<string | null>(null);
  const list = workspaces.value ?? [];
  const tenant = chosen ?? (list.length === 1 ? (list[0]?.id ?? null) : null);
  if (list.length === 0) {
    return (
      <>
        <p>A workspace is a client whose figures are kept apart. Add the first to factfold.toml:</p>
        <pre class="raw" tabIndex={0}>
          {EXAMPLE}
        </pre>
        <p class="soft">Then reload it (SIGHUP, or a restart) and look again.</p>
        <button class="control" onClick={() => void load()}>
          Look again
        </button>
      </>
    );
  }
  if (tenant === null) {
    return (
      <ul class="workspaces" aria-label="Choose a workspace to begin with">
        {list.map((item) => (
          <li key={item.id}>
            <button class="control" onClick={() => setChosen(item.id)}>
              <bdi>{item.name ?? item.id}</bdi>
            </button>
          </li>
        ))}
      </ul>
    );
  }
  return <FirstEndpoint tenant={tenant} />;
}

export function Welcome() {
  const invitation = query.value.get("invitation");
  const token = invitation ?? query.value.get("setup");
  const [looked, setLooked] = useState(me.value !== null);
  useEffect(() => {
    document.title = "Welcome · Factfold";
    if (!looked) void load().then(() => setLooked(true));
  }, []);
  if (!looked) return <div class="blank" aria-busy="true" />;
  return (
    <main class="alone wide">
      <h1>Welcome</h1>
      {me.value && invitation === null ? (
        <Steps />
      ) : token ? (
        <FirstLogin token={token} setup={invitation === null} />
      ) : (
        <p>
          This page needs the link that the server printed at its start. <a href="/login">Log in</a>
        </p>
      )}
    </main>
  );
}
