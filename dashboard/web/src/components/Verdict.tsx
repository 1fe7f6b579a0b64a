/** What a check came to: each thing that holds on a line, or the one that does not. */

/** Lines of what holds, the name of what does not, or why nothing was checked. */
export type Verdict = { holds: string[] } | { refused: string } | { unchecked: string };

/** Runs a check: it throws `Refused` with what does not hold; any other error left it unchecked. */
export async function verdictOf(work: () => Promise<string[]>): Promise<Verdict> {
  try {
    return { holds: await work() };
  } catch (error) {
    const { message, isRefused } = error as Error & { isRefused?: boolean };
    return isRefused ? { refused: message } : { unchecked: message };
  }
}

export function VerdictList({ verdict }: { verdict: Verdict | null }) {
  return (
    <div role="status" class="verdict">
      {verdict && "refused" in verdict && (
        <p class="refused">
          <strong>Does not hold.</strong> <bdi>{verdict.refused}</bdi>
        </p>
      )}
      {verdict && "unchecked" in verdict && (
        <p class="refused">
          <strong>Could not be checked.</strong> <bdi>{verdict.unchecked}</bdi>
        </p>
      )}
      {verdict && "holds" in verdict && (
        <>
          <p class="positive">
            <strong>Holds.</strong>
          </p>
          <ul>
            {verdict.holds.map((line) => (
              <li key={line}>
                <bdi>{line}</bdi>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
