/** Email and password. Where the visit was bound for comes after it. */
import { useEffect, useState } from "preact/hooks";
import { Problem, change } from "../api/client";
import { forget } from "../api/use_read";
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
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const enter = async (login: { email: string; password: string }) => {
    setBusy(true);
    setProblem(null);
    try {
      await change("POST", "/api/v1/login", login);
      forget();
      if (await load()) go(next(), true);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, "Unexpected error", String(error), "", null, []));
    }
    setBusy(false);
  };
  useEffect(() => {
    document.title = "Log in · Factfold";
    const given = printed();
    if (given) void enter(given);
  }, []);
  return (
    <main class="alone">
      <h1>Factfold</h1>
      <form
        class="login"
        onSubmit={(event) => {
          event.preventDefault();
          void enter({ email, password });
        }}
      >
        <label>
          <span>Email</span>
          <input
            type="email"
            name="email"
            autocomplete="username"
            required
            value={email}
            onInput={(event) => setEmail(event.currentTarget.value)}
          />
        </label>
        <label>
          <span>Password</span>
          <input
            type="password"
            name="password"
            autocomplete="current-password"
            required
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        {problem && (
          <p class="refused" role="alert">
            {problem.detail || problem.title}
          </p>
        )}
        <button class="control primary" disabled={busy}>
          Log in
        </button>
      </form>
      <p class="soft">
        No login yet? An admin invites you, or adds one with <code>factfold user create</code>.
      </p>
    </main>
  );
}
