/** An error in the place of what could not be shown: what happened, its id for whoever looks in the log, and another try. */
import type { Problem } from "../api/client";

interface FailureProps {
  problem: Problem;
  /** The page's heading, where the error is the page. */
  title?: string;
  retry?: () => void;
  /** Outside of the shell. */
  alone?: boolean;
}

export function Failure({ problem, title, retry, alone }: FailureProps) {
  const body = (
    <>
      {title && <h1>{title}</h1>}
      <div class="failure" role="alert">
        <strong>{problem.title}</strong>
        {problem.detail && <p>{problem.detail}</p>}
        {problem.requestId && (
          <p class="soft">
            request_id <code>{problem.requestId}</code>
          </p>
        )}
        {retry && (
          <button class="control" onClick={retry}>
            Try again
          </button>
        )}
        {alone && (
          <p>
            <a href="/workspaces">Workspaces</a>
          </p>
        )}
      </div>
    </>
  );
  return alone ? <main class="alone">{body}</main> : body;
}
