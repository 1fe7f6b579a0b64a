/** What a check came to: each thing that holds on a line, or the one that does not. */

/** Lines of what holds, or the name of what does not. */
export type Verdict = { holds: string[] } | { refused: string };

/** Runs a check; whatever it throws is what does not hold. */
export async function verdictOf(work: () => Promise<string[]>): Promise<Verdict> {
  try {
    return { holds: await work() };
  } catch (error) {
    return { refused: (error as Error).message };
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
