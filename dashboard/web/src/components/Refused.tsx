/** Why a change was refused, with the fields at fault. */
import type { Problem } from "../api/client";

export function Refused({ problem }: { problem: Problem | null }) {
  if (!problem) return null;
  return (
    <p class="refused" role="alert">
      {problem.detail || problem.title}
      {problem.errors.map((error) => (
        <span key={error.pointer}>
          <br />
          {error.pointer && `${error.pointer}: `}
          {error.message}
        </span>
      ))}
    </p>
  );
}
