/** Email and password. Where the visit was bound for comes after it. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "../api/ask";
import { useCommand } from "../api/use_command";
import { forget } from "../api/use_read";
import { Field } from "../components/Field";
import { Form } from "../components/Form";
import { go, query } from "../state/router";
import { load } from "../state/session";

/** Where to go: a path of this site, else the beginning. */
function next(): string {
  const given = query.value.get("next") ?? "/";
  return /^\/(?![/\\])/.test(given) && !given.startsWith("/login") ? given : "/";
}

/** The login that the demo prints as a link. Only on this machine, so that no link logs anybody in elsewhere. */
function printed(): { email: string; password: string } | null {
  if (!["127.0.0.1", "localhost", "[::1]"].includes(window.location.hostname)) return null;
  const given = new URLSearchParams(window.location.hash.slice(1));
  const [email, password] = [given.get("email"), given.get("password")];
  return email && password ? { email, password } : null;
}

export function Login() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const command = useCommand();
  const enter = async (login: { email: string; password: string }) => {
    const entered = await command.run(async () => {
      await ask("post", "/api/v1/login", { body: login });
      forget();
      return load();
    });
    if (entered?.answer) go(next(), true);
  };
  useEffect(() => {
    document.title = "Log in · Factfold";
    const given = printed();
    if (given) void enter(given);
  }, []);
  return (
    <main class="alone">
      <h1>Factfold</h1>
      <Form class="login" command={command} submit={() => void enter({ email, password })} action="Log in">
        <Field label="Email" type="email" autocomplete="username" required value={email} set={setEmail} />
        <Field
          label="Password"
          type="password"
          autocomplete="current-password"
          required
          value={password}
          set={setPassword}
        />
      </Form>
      <p class="soft">
        No login yet? An admin invites you, or adds one with <code>factfold user create</code>.
      </p>
    </main>
  );
}
